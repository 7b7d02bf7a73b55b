// SPDX-License-Identifier: Apache-2.0
//
// Writes NAME.onnx of every case, for the fuzzer to start from.
//
//   write_onnx_cases DIR
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/detector/import/onnx/onnx_cases.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_onnx_cases DIR\n");
    return 2;
  }
  std::vector<ocellus::OnnxCase> cases = ocellus::OnnxCases();
  cases.push_back(ocellus::QuantisedOnnxCase());
  for (const ocellus::OnnxCase& made : cases) {
    const auto path = std::filesystem::path(argv[1]) / (made.name + ".onnx");
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(made.file.data()),
               static_cast<std::streamsize>(made.file.size()));
    if (!file.flush()) {
      std::fprintf(stderr, "%s: cannot write\n", path.c_str());
      return 1;
    }
  }
  return 0;
}
