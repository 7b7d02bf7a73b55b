// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::an500 {

// A moment, by two clocks of QEMU's, which with -icount shift=10 counts 1024 ns
// for each instruction: one at 25 MHz, that wraps every 168 million
// instructions, and one at 100 Hz, to tell how often.
struct Moment {
  uint32_t ticks;
  uint32_t hundredths;
};

Moment Now();

// Instructions from `*since` to now, exactly; `*since` becomes now.
uint64_t InstructionsSince(Moment* since);

}  // namespace ocellus::an500
