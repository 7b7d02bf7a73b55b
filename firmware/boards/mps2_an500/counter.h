// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::an500 {

// Instructions run so far, exactly, if QEMU runs with -icount shift=10: each
// then takes 1024 ns of its clock, 25.6 ticks of this counter at 25 MHz. Wraps
// after 2^32 ticks, so subtract readings less than 168 million instructions
// apart as TicksSince() does.
uint32_t Ticks();

// Instructions from `*ticks` to now; advances `*ticks`.
uint32_t InstructionsSince(uint32_t* ticks);

}  // namespace ocellus::an500
