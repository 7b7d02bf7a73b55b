// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// Files of the host, through the debugger's breakpoints.
//
// Source: Arm, Semihosting for AArch32 and AArch64.
namespace ocellus::an500 {

// A file of the host. What fails prints a line and ends the program.
class HostFile {
 public:
  enum class Mode : uint8_t { kRead = 1, kWrite = 5 };  // "rb", "wb"

  HostFile(const char* path, Mode mode);
  ~HostFile();
  HostFile(const HostFile&) = delete;
  HostFile& operator=(const HostFile&) = delete;

  std::size_t size() const;
  // Exactly `bytes.size()` bytes.
  void Read(std::span<std::byte> bytes);
  void Write(std::span<const std::byte> bytes);

 private:
  const char* path_;
  int32_t handle_;
};

// The command line that the host gave, NUL-terminated, in `buffer`.
void ReadCommandLine(std::span<char> buffer);

// Ends the program, and QEMU with this exit status.
[[noreturn]] void Exit(int32_t status);

// One line on the UART, then Exit(1).
[[noreturn]] void Fail(const char* what, const char* detail);

}  // namespace ocellus::an500
