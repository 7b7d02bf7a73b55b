// SPDX-License-Identifier: Apache-2.0
#include "firmware/boards/mps2_an500/counter.h"

namespace ocellus::an500 {

uint32_t Ticks() {
  // FPGAIO COUNTER, Arm application note AN500.
  return *reinterpret_cast<const volatile uint32_t*>(0x40028018);
}

uint32_t InstructionsSince(uint32_t* ticks) {
  const uint32_t now = Ticks();
  const uint32_t passed = now - *ticks;
  *ticks = now;
  return static_cast<uint32_t>((uint64_t{passed} * 10 + 128) / 256);
}

}  // namespace ocellus::an500
