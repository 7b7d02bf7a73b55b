// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::stm32h7 {

// A 32-bit register at a fixed address.
struct Register {
  uint32_t address;

  uint32_t Read() const { return *Pointer(); }
  void Write(uint32_t value) const { *Pointer() = value; }
  void Set(uint32_t bits) const { Write(Read() | bits); }
  void Clear(uint32_t bits) const { Write(Read() & ~bits); }
  // Gives the bits of `mask` the value of those of `value`.
  void Change(uint32_t mask, uint32_t value) const {
    Write((Read() & ~mask) | value);
  }
  bool Has(uint32_t bits) const { return (Read() & bits) == bits; }

 private:
  volatile uint32_t* Pointer() const {
    return reinterpret_cast<volatile uint32_t*>(address);
  }
};

constexpr uint32_t Bit(uint32_t number) { return 1u << number; }

}  // namespace ocellus::stm32h7
