// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus::stm32h7 {

// The independent watchdog: resets the part eight seconds after the last
// feeding, by the 32 kHz oscillator of its own. It cannot be stopped.
void StartWatchdog();
void FeedWatchdog();

}  // namespace ocellus::stm32h7
