// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/camera/sensor_bus.h"

namespace ocellus {

struct SensorRegister {
  uint8_t address;
  uint8_t value;
};

// Writes registers in order. False once the device does not answer.
inline bool WriteRegisters(SensorBus& bus, uint8_t device,
                           std::span<const SensorRegister> registers) {
  for (const SensorRegister& reg : registers) {
    if (!bus.Write(device, reg.address, reg.value)) return false;
  }
  return true;
}

}  // namespace ocellus
