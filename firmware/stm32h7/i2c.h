// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "firmware/camera/sensor_bus.h"
#include "firmware/stm32h7/gpio.h"

namespace ocellus::stm32h7 {

// An I2C master at 100 kHz, clocked by the HSI. Polled, every wait bounded.
class I2c final : public SensorBus {
 public:
  // `base`: of I2C1 or I2C3. Pins are given to the peripheral (AF4).
  void Start(uint32_t base, Pin clock, Pin data);

  bool Write(uint8_t device, uint8_t reg, uint8_t value) override;
  bool Read(uint8_t device, uint8_t reg, uint8_t* value) override;
  void DelayMilliseconds(uint32_t milliseconds) override;

 private:
  bool WaitFor(uint32_t flag);
  bool Finish();
  bool Send(uint8_t device, const uint8_t* bytes, uint32_t count);

  uint32_t base_ = 0;
};

}  // namespace ocellus::stm32h7
