// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ocellus {

// A program built for firmware/boards/mps2_an500, by name: in
// $OCELLUS_AN500_BUILD, or else in the build folder of the preset cortex-m7.
// Nothing if it has not been built.
std::optional<std::filesystem::path> FindAn500Program(const std::string& name);

struct QemuRun {
  int exit_status = -1;
  std::string uart;  // what the program printed
};

// Runs a program in QEMU, which counts instructions exactly. Arguments hold no
// spaces or commas. At most `timeout_s` seconds.
QemuRun RunInQemu(const std::filesystem::path& elf,
                  const std::vector<std::string>& arguments,
                  const std::filesystem::path& folder, int timeout_s = 300);

}  // namespace ocellus
