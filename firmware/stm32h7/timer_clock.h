// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::stm32h7 {

// A square wave of `hz` on a channel of TIM1 or TIM3, for a camera. The timer
// runs at twice the peripheral buses.
void StartTimerClock(uint32_t timer_base, uint32_t channel, uint32_t apb_hz,
                     uint32_t hz);

}  // namespace ocellus::stm32h7
