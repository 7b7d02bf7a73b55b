// SPDX-License-Identifier: Apache-2.0
#include "firmware/boards/mps2_an500/semihosting.h"

#include <cstring>

#include "firmware/boards/mps2_an500/uart.h"

namespace ocellus::an500 {
namespace {

enum class Call : uint32_t {
  kOpen = 0x01,
  kClose = 0x02,
  kWrite = 0x05,
  kRead = 0x06,
  kFileLength = 0x0C,
  kGetCommandLine = 0x15,
  kExitExtended = 0x20,
};

template <std::size_t N>
int32_t CallHost(Call call, const uint32_t (&arguments)[N]) {
  register uint32_t r0 asm("r0") = static_cast<uint32_t>(call);
  register const uint32_t* r1 asm("r1") = arguments;
  asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return static_cast<int32_t>(r0);
}

uint32_t Address(const void* pointer) {
  return reinterpret_cast<uint32_t>(pointer);
}

}  // namespace

HostFile::HostFile(const char* path, Mode mode)
    : path_(path),
      handle_(CallHost(Call::kOpen, {Address(path), static_cast<uint32_t>(mode),
                                     std::strlen(path)})) {
  if (handle_ < 0) Fail("cannot open", path);
}

HostFile::~HostFile() {
  CallHost(Call::kClose, {static_cast<uint32_t>(handle_)});
}

std::size_t HostFile::size() const {
  return static_cast<std::size_t>(
      CallHost(Call::kFileLength, {static_cast<uint32_t>(handle_)}));
}

void HostFile::Read(std::span<std::byte> bytes) {
  const int32_t missing = CallHost(
      Call::kRead,
      {static_cast<uint32_t>(handle_), Address(bytes.data()), bytes.size()});
  if (missing != 0) Fail("too short", path_);
}

void HostFile::Write(std::span<const std::byte> bytes) {
  const int32_t missing = CallHost(
      Call::kWrite,
      {static_cast<uint32_t>(handle_), Address(bytes.data()), bytes.size()});
  if (missing != 0) Fail("cannot write", path_);
}

void ReadCommandLine(std::span<char> buffer) {
  uint32_t arguments[] = {Address(buffer.data()), buffer.size()};
  if (CallHost(Call::kGetCommandLine, arguments) != 0) {
    Fail("no command line", "longer than the buffer");
  }
}

void Exit(int32_t status) {
  constexpr uint32_t kApplicationExit = 0x20026;
  CallHost(Call::kExitExtended,
           {kApplicationExit, static_cast<uint32_t>(status)});
  for (;;) {
  }
}

void Fail(const char* what, const char* detail) {
  Print("error: ");
  Print(what);
  Print(": ");
  Print(detail);
  Print("\n");
  Exit(1);
}

}  // namespace ocellus::an500
