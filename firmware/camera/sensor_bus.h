// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus {

// The control bus of a camera: registers of one byte at addresses of one byte.
class SensorBus {
 public:
  // False if the device does not answer. `device`: its 7-bit address.
  virtual bool Write(uint8_t device, uint8_t reg, uint8_t value) = 0;
  virtual bool Read(uint8_t device, uint8_t reg, uint8_t* value) = 0;
  virtual void DelayMilliseconds(uint32_t milliseconds) = 0;

 protected:
  ~SensorBus() = default;
};

}  // namespace ocellus
