// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firmware/stm32h7/clock.h"
#include "firmware/stm32h7/uart.h"

namespace ocellus::stm32h7 {

// The part of board::Start() that all boards share. This file's other half
// implements the rest of board.h but the name and the camera.
void StartCommon(const ClockSource& clock, const UartPins& console);

// Of the four peripheral buses.
uint32_t ApbHz();

}  // namespace ocellus::stm32h7
