// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The Cortex-M7 itself: memory protection, caches, time, interrupts.
namespace ocellus::stm32h7 {

// Turns on the MPU, the faults and both caches. The D2 SRAM, where DMA writes,
// is not cached; flash cannot be written; null pointers and the lowest bytes of
// the stack fault.
void ProtectAndCacheMemory();

// Starts the millisecond clock and the cycle counter.
void StartTime(uint32_t cpu_hz);
uint32_t Milliseconds();
uint32_t Cycles();
void DelayMicroseconds(uint32_t microseconds);

void EnableInterrupt(uint32_t interrupt);
void DisableInterrupt(uint32_t interrupt);
inline void WaitForInterrupt() { asm volatile("dsb\n\twfi" ::: "memory"); }
[[noreturn]] void ResetPart();

// Spins until `ready()`, at most about `spins` times. Whether it got ready.
template <typename Ready>
bool SpinUntil(Ready ready, uint32_t spins = 1'000'000) {
  for (; spins > 0; --spins) {
    if (ready()) return true;
  }
  return false;
}

}  // namespace ocellus::stm32h7
