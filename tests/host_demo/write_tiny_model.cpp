// SPDX-License-Identifier: Apache-2.0

// Writes TinyModel() to the file that is named, for command_test.sh.
#include <fstream>

#include "tests/host_demo/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  std::ofstream stream(argv[1], std::ios::binary);
  stream << ocellus::TinyModel();
  return stream.flush() ? 0 : 1;
}
