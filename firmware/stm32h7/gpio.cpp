// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/gpio.h"

namespace ocellus::stm32h7 {
namespace {

constexpr uint32_t kOutput = 1;
constexpr uint32_t kAlternate = 2;
constexpr uint32_t kHighSpeed = 2;
constexpr uint32_t kPullUp = 1;

uint32_t EnabledPort(Pin pin) {
  RCC_AHB4ENR.Set(Bit(static_cast<uint32_t>(pin.port)));
  RCC_AHB4ENR.Read();  // the clock needs two cycles
  return GpioBase(pin.port);
}

// Fields of two bits a pin.
void SetField(Register field, Pin pin, uint32_t value) {
  field.Change(3u << 2 * pin.number, value << 2 * pin.number);
}

}  // namespace

void UseForPeripheral(Pin pin, uint32_t alternate_function, Drive drive) {
  const uint32_t base = EnabledPort(pin);
  const bool open_drain = drive == Drive::kOpenDrainPullUp;
  const uint32_t shift = 4 * (pin.number % 8);
  GPIO_AFR(base, pin.number).Change(15u << shift, alternate_function << shift);
  GPIO_OTYPER(base).Change(Bit(pin.number), open_drain ? Bit(pin.number) : 0);
  SetField(GPIO_OSPEEDR(base), pin, kHighSpeed);
  SetField(GPIO_PUPDR(base), pin, open_drain ? kPullUp : 0);
  SetField(GPIO_MODER(base), pin, kAlternate);
}

void UseForPeripheral(std::span<const Pin> pins, uint32_t alternate_function) {
  for (const Pin pin : pins) UseForPeripheral(pin, alternate_function);
}

void UseAsOutput(Pin pin, bool high) {
  const uint32_t base = EnabledPort(pin);
  SetPin(pin, high);
  GPIO_OTYPER(base).Clear(Bit(pin.number));
  SetField(GPIO_MODER(base), pin, kOutput);
}

void SetPin(Pin pin, bool high) {
  GPIO_BSRR(GpioBase(pin.port))
      .Write(high ? Bit(pin.number) : Bit(pin.number + 16u));
}

}  // namespace ocellus::stm32h7
