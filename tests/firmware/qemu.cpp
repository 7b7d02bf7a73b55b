// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/qemu.h"

#include <sys/wait.h>

#include <cstdlib>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {

namespace fs = std::filesystem;

std::optional<fs::path> FindAn500Program(const std::string& name) {
  const char* folder = std::getenv("OCELLUS_AN500_BUILD");
  const fs::path elf =
      fs::path(folder != nullptr ? folder : OCELLUS_DEFAULT_FIRMWARE) /
      (name + ".elf");
  if (!fs::exists(elf)) return std::nullopt;
  return elf;
}

QemuRun RunInQemu(const fs::path& elf,
                  const std::vector<std::string>& arguments,
                  const fs::path& folder, int timeout_s) {
  const fs::path uart = folder / "uart.txt";
  std::string command =
      "timeout " + std::to_string(timeout_s) +
      " qemu-system-arm -M mps2-an500 -display none "
      "-monitor none -icount shift=10 -serial file:" +
      uart.string() +
      " -semihosting-config enable=on,target=native,arg=" + elf.stem().string();
  for (const std::string& argument : arguments) command += ",arg=" + argument;
  command += " -kernel " + elf.string() + " 2>&1";
  const int status = std::system(command.c_str());
  QemuRun run;
  run.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  run.uart = ContentOf(uart);
  return run;
}

}  // namespace ocellus
