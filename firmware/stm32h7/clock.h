// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::stm32h7 {

// The board's high-speed clock and what its part may run at.
struct ClockSource {
  uint32_t hse_mhz;          // a multiple of 4 or 5
  bool hse_is_oscillator;    // a clock comes in; otherwise a crystal is there
  uint32_t highest_cpu_mhz;  // 480, or 400
};

struct Clocks {
  uint32_t cpu_hz = 0;
  uint32_t apb_hz = 0;      // of all four peripheral buses
  bool hse_failed = false;  // runs from the internal oscillator instead
};

// Raises the core voltage and starts PLL1: processor at 480 MHz, buses at 240
// and 120. Revision Y of the part, and boards that say so, get 400, 200 and
// 100. Without the HSE the internal oscillator feeds the PLL, 1 % less exact.
Clocks StartClocks(const ClockSource& source);

// The board's camera clock: HSI48 / 4 = 12 MHz on MCO1 (pin PA8).
void StartMco1At12Mhz();

// Why the part was last reset; forgets it.
const char* TakeResetCause();

}  // namespace ocellus::stm32h7
