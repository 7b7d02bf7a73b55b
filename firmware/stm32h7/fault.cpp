// SPDX-License-Identifier: Apache-2.0

// Says where and why the program failed, as a line on the console, and resets.
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/registers.h"
#include "firmware/stm32h7/uart.h"

namespace ocellus::stm32h7 {
namespace {

void Say(std::string_view text) { ConsoleWrite({text.data(), text.size()}); }

void SayHex(std::string_view name, uint32_t value) {
  std::array<char, 8> digits;
  for (char& digit : digits) {
    digit = "0123456789abcdef"[value >> 28];
    value <<= 4;
  }
  Say(name);
  Say("\"0x");
  ConsoleWrite(digits);
  Say("\"");
}

// The reason of each bit of CFSR, worst first (ARMv7-M, B3.2.15).
struct Reason {
  uint32_t bit;
  std::string_view text;
};
constexpr Reason kReasons[] = {
    {4, "stack overflow, while an exception was entered"},
    {12, "bus error, while an exception was entered"},
    {1, "memory that may not be accessed"},
    {0, "code where none may run"},
    {9, "bus error, precise"},
    {10, "bus error, imprecise: the address is not known"},
    {8, "bus error of an instruction"},
    {25, "division by zero"},
    {24, "unaligned access"},
    {19, "coprocessor that is off"},
    {18, "return to an address that is none"},
    {17, "state that is none"},
    {16, "undefined instruction"},
};

std::string_view ReasonOf(uint32_t cfsr, uint32_t exception) {
  for (const Reason& reason : kReasons) {
    if ((cfsr >> reason.bit & 1) != 0) return reason.text;
  }
  return exception >= 16 ? "interrupt without a handler" : "unknown";
}

}  // namespace

// `frame`: what the processor pushed: r0 to r3, r12, lr, pc, xpsr.
extern "C" [[noreturn, gnu::used]] void ReportFault(const uint32_t* frame) {
  uint32_t exception;
  asm volatile("mrs %0, ipsr" : "=r"(exception));
  const uint32_t cfsr = SCB_CFSR.Read();
  Say("\n{\"fault\":\"");
  Say(ReasonOf(cfsr, exception));
  Say("\"");
  // Unless the stack itself is what failed, the frame is good.
  constexpr uint32_t kBadFrame = Bit(4) | Bit(12);
  if ((cfsr & kBadFrame) == 0) {
    SayHex(",\"pc\":", frame[6]);
    SayHex(",\"lr\":", frame[5]);
  }
  if ((cfsr & Bit(7)) != 0) SayHex(",\"address\":", SCB_MMFAR.Read());
  if ((cfsr & Bit(15)) != 0) SayHex(",\"address\":", SCB_BFAR.Read());
  SayHex(",\"exception\":", exception);
  SayHex(",\"cfsr\":", cfsr);
  SayHex(",\"hfsr\":", SCB_HFSR.Read());
  Say("}\n");
  DelayMicroseconds(20'000);  // the UART's FIFO
  ResetPart();
}

// A fresh stack, for the old one may be why we are here; unless so little is in
// use that the frame would be overwritten.
extern "C" [[gnu::naked]] void HandleFault() {
  asm volatile(
      "mrs r0, msp\n"
      "ldr r1, =linker_stack_top\n"
      "sub r2, r1, r0\n"
      "cmp r2, #256\n"
      "it hi\n"
      "movhi sp, r1\n"
      "b ReportFault\n");
}

}  // namespace ocellus::stm32h7
