// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "firmware/boards/mps2_an500/semihosting.h"
#include "firmware/boards/mps2_an500/uart.h"

namespace ocellus::an500 {
namespace {

uint32_t Register(uint32_t address) {
  return *reinterpret_cast<const volatile uint32_t*>(address);
}

// Arm v7-M Architecture Reference Manual, B3.2.15.
constexpr uint32_t kStackingFailed = 1u << 4 | 1u << 5 | 1u << 12 | 1u << 13;
constexpr uint32_t kMemoryAddressValid = 1u << 7;

const char* FaultName(uint32_t exception) {
  switch (exception) {
    case 3:
      return "hard fault";
    case 4:
      return "memory protection fault";
    case 5:
      return "bus fault";
    case 6:
      return "usage fault";
    default:
      return "unexpected exception";
  }
}

}  // namespace

// Called by startup.S on a stack of its own. `frame` is r0-r3, r12, lr, pc,
// xpsr, unless it could not be pushed.
extern "C" [[noreturn]] void BoardFault(const uint32_t* frame,
                                        uint32_t exception) {
  const uint32_t cfsr = Register(0xE000ED28);
  Print("error: ");
  Print(FaultName(exception));
  if ((cfsr & kStackingFailed) != 0) {
    Print(", stack overflow");
  } else {
    Print(" at ");
    PrintHex(frame[6]);
  }
  if ((cfsr & kMemoryAddressValid) != 0) {
    Print(", touching ");
    PrintHex(Register(0xE000ED34));
  }
  Print(", CFSR ");
  PrintHex(cfsr);
  Print("\n");
  Exit(1);
}

}  // namespace ocellus::an500
