// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/i2c.h"

#include "firmware/stm32h7/core.h"

namespace ocellus::stm32h7 {
namespace {

// 64 MHz / 16 = 4 MHz: low for 20 of its periods and high for 16 make 100 kHz
// with the edges (RM0433, "Examples of timing settings", scaled).
constexpr uint32_t kTiming100Khz =
    15u << 28 | 4u << 20 | 2u << 16 | 15u << 8 | 19u;
// A byte takes 90 microseconds; slaves that hold the clock get some more.
constexpr uint32_t kTimeoutUs = 2000;

}  // namespace

void I2c::Start(uint32_t base, Pin clock, Pin data) {
  base_ = base;
  UseForPeripheral(clock, 4, Drive::kOpenDrainPullUp);
  UseForPeripheral(data, 4, Drive::kOpenDrainPullUp);
  RCC_APB1LENR.Set(base == kI2c1Base ? RCC_APB1LENR_I2C1EN
                                     : RCC_APB1LENR_I2C3EN);
  RCC_APB1LENR.Read();
  I2C_CR1(base_).Clear(I2C_CR1_PE);  // also resets its state
  I2C_TIMINGR(base_).Write(kTiming100Khz);
  I2C_CR1(base_).Set(I2C_CR1_PE);
}

bool I2c::Write(uint8_t device, uint8_t reg, uint8_t value) {
  const uint8_t bytes[] = {reg, value};
  return Send(device, bytes, 2);
}

// Omnivision's bus knows no repeated start: a write, a stop, then a read.
bool I2c::Read(uint8_t device, uint8_t reg, uint8_t* value) {
  if (!Send(device, &reg, 1)) return false;
  I2C_CR2(base_).Write(static_cast<uint32_t>(device) << 1 | I2C_CR2_RD_WRN |
                       1u << 16 | I2C_CR2_AUTOEND | I2C_CR2_START);
  if (!WaitFor(I2C_ISR_RXNE)) return Finish() && false;
  *value = static_cast<uint8_t>(I2C_RXDR(base_).Read());
  return Finish();
}

void I2c::DelayMilliseconds(uint32_t milliseconds) {
  for (; milliseconds > 0; --milliseconds) DelayMicroseconds(1000);
}

bool I2c::Send(uint8_t device, const uint8_t* bytes, uint32_t count) {
  I2C_CR2(base_).Write(static_cast<uint32_t>(device) << 1 | count << 16 |
                       I2C_CR2_AUTOEND | I2C_CR2_START);
  for (uint32_t i = 0; i < count; ++i) {
    if (!WaitFor(I2C_ISR_TXIS)) return Finish() && false;
    I2C_TXDR(base_).Write(bytes[i]);
  }
  return Finish();
}

// False on refusal, a broken bus or after the timeout.
bool I2c::WaitFor(uint32_t flag) {
  const uint32_t start = Cycles();
  constexpr uint32_t kFailed = I2C_ISR_NACKF | I2C_ISR_BERR | I2C_ISR_ARLO;
  constexpr uint32_t kCyclesPerUs = 480;  // or less: then it waits longer
  while (Cycles() - start < kTimeoutUs * kCyclesPerUs) {
    const uint32_t status = I2C_ISR(base_).Read();
    if ((status & flag) != 0) return true;
    if ((status & kFailed) != 0) return false;
  }
  return false;
}

// Waits for the stop condition and clears what happened. False if the device
// did not take the bytes.
bool I2c::Finish() {
  const uint32_t start = Cycles();
  bool stopped = false;
  while (!stopped && Cycles() - start < kTimeoutUs * 480) {
    stopped = I2C_ISR(base_).Has(I2C_ISR_STOPF);
  }
  const bool refused = (I2C_ISR(base_).Read() &
                        (I2C_ISR_NACKF | I2C_ISR_BERR | I2C_ISR_ARLO)) != 0;
  I2C_ICR(base_).Write(I2C_ISR_NACKF | I2C_ISR_STOPF | I2C_ISR_BERR |
                       I2C_ISR_ARLO);
  if (!stopped) {  // the bus hangs: start over
    I2C_CR1(base_).Clear(I2C_CR1_PE);
    I2C_CR1(base_).Read();  // PE must stay low for three bus cycles
    I2C_CR1(base_).Read();
    I2C_CR1(base_).Set(I2C_CR1_PE);
  }
  return stopped && !refused;
}

}  // namespace ocellus::stm32h7
