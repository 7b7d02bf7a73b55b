// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/stm32h7/registers.h"

namespace ocellus::stm32h7 {

struct Pin {
  GpioPort port;
  uint8_t number;
};

enum class Drive : uint8_t { kPushPull, kOpenDrainPullUp };

// Gives a pin to a peripheral.
void UseForPeripheral(Pin pin, uint32_t alternate_function,
                      Drive drive = Drive::kPushPull);
void UseForPeripheral(std::span<const Pin> pins, uint32_t alternate_function);
// Makes a pin an output at a level.
void UseAsOutput(Pin pin, bool high);
void SetPin(Pin pin, bool high);

}  // namespace ocellus::stm32h7
