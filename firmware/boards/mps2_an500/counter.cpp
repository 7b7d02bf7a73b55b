// SPDX-License-Identifier: Apache-2.0
#include "firmware/boards/mps2_an500/counter.h"

namespace ocellus::an500 {

namespace {

// FPGAIO, Arm application note AN500.
constexpr uint32_t kClock100Hz = 0x40028014;
constexpr uint32_t kCounter = 0x40028018;
constexpr uint32_t kTicksPerHundredth = 250'000;

uint32_t Register(uint32_t address) {
  return *reinterpret_cast<const volatile uint32_t*>(address);
}

}  // namespace

Moment Now() { return {Register(kCounter), Register(kClock100Hz)}; }

uint64_t InstructionsSince(Moment* since) {
  const Moment now = Now();
  const uint32_t ticks = now.ticks - since->ticks;
  const uint64_t about =
      uint64_t{now.hundredths - since->hundredths} * kTicksPerHundredth;
  *since = now;
  // Of all numbers that end in these 32 bits, the one nearest to `about`.
  const uint64_t half = uint64_t{1} << 31;
  const uint64_t wraps = (about + half - ticks) >> 32;
  return (((about + half < ticks ? 0 : wraps) << 32 | ticks) * 10 + 128) / 256;
}

}  // namespace ocellus::an500
