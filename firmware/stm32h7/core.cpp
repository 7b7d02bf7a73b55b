// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/core.h"

#include <array>

#include "firmware/stm32h7/registers.h"

extern "C" const uint8_t linker_stack_guard[];

namespace ocellus::stm32h7 {
namespace {

uint32_t g_cycles_per_microsecond = 64;  // the HSI, until StartTime()
volatile uint32_t g_milliseconds = 0;

void Barrier() { asm volatile("dsb\n\tisb" ::: "memory"); }

// Bits of MPU_RASR (ARMv7-M, B3.5.9).
constexpr uint32_t kNeverExecute = Bit(28);
constexpr uint32_t kNoAccess = 0u << 24;
constexpr uint32_t kReadWrite = 3u << 24;
constexpr uint32_t kReadOnly = 6u << 24;
// TEX, C and B: normal memory, not cached / written back, allocated on reads
// and writes / written through.
constexpr uint32_t kNotCached = 1u << 19;
constexpr uint32_t kWriteBack = 1u << 19 | Bit(17) | Bit(16);
constexpr uint32_t kWriteThrough = Bit(17);

struct Region {
  uint32_t address;    // a multiple of the size
  uint32_t log2_size;  // bytes
  uint32_t attributes;
};

void SetRegion(uint32_t number, const Region& region) {
  MPU_RNR.Write(number);
  MPU_RBAR.Write(region.address);
  MPU_RASR.Write(region.attributes | (region.log2_size - 1) << 1 | 1);
}

void StartMpu() {
  MPU_CTRL.Write(0);
  const std::array<Region, 6> regions = {{
      {0x00000000, 16, kNoAccess | kNeverExecute},  // ITCM: null pointers
      {0x08000000, 21, kReadOnly | kWriteThrough},
      {0x20000000, 17, kReadWrite | kNotCached | kNeverExecute},
      {0x24000000, 19, kReadWrite | kWriteBack | kNeverExecute},
      {0x30000000, 19, kReadWrite | kNotCached | kNeverExecute},
      // Regions of higher number win.
      {reinterpret_cast<uint32_t>(linker_stack_guard), 8,
       kNoAccess | kNeverExecute},
  }};
  for (uint32_t i = 0; i < regions.size(); ++i) SetRegion(i, regions[i]);
  MPU_CTRL.Write(MPU_CTRL_ENABLE | MPU_CTRL_PRIVDEFENA);
  Barrier();
}

// ARMv7-M, B2.2: invalidate each set and way before the cache is turned on.
void StartCaches() {
  SCB_ICIALLU.Write(0);
  Barrier();
  SCB_CCR.Set(SCB_CCR_IC);
  Barrier();

  SCB_CSSELR.Write(0);  // data cache, level 1
  Barrier();
  const uint32_t size = SCB_CCSIDR.Read();
  const uint32_t last_set = size >> 13 & 0x7FFF;
  const uint32_t last_way = size >> 3 & 0x3FF;
  for (uint32_t set = 0; set <= last_set; ++set) {
    for (uint32_t way = 0; way <= last_way; ++way) {
      SCB_DCISW.Write(way << 30 | set << 5);  // 4 ways, lines of 32 bytes
    }
  }
  Barrier();
  SCB_CCR.Set(SCB_CCR_DC);
  Barrier();
}

}  // namespace

void ProtectAndCacheMemory() {
  StartMpu();
  SCB_SHCSR.Set(SCB_SHCSR_MEMFAULTENA | SCB_SHCSR_BUSFAULTENA |
                SCB_SHCSR_USGFAULTENA);
  SCB_CCR.Set(SCB_CCR_DIV_0_TRP);
  StartCaches();
}

void StartTime(uint32_t cpu_hz) {
  g_cycles_per_microsecond = cpu_hz / 1'000'000;
  DEMCR.Set(DEMCR_TRCENA);
  DWT_LAR.Write(kUnlockKey);
  DWT_CYCCNT.Write(0);
  DWT_CTRL.Set(DWT_CTRL_CYCCNTENA);
  SYST_RVR.Write(cpu_hz / 1000 - 1);
  SYST_CVR.Write(0);
  SYST_CSR.Write(SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CLKSOURCE);
}

uint32_t Milliseconds() { return g_milliseconds; }

uint32_t Cycles() { return DWT_CYCCNT.Read(); }

void DelayMicroseconds(uint32_t microseconds) {
  const uint32_t start = Cycles();
  const uint32_t cycles = microseconds * g_cycles_per_microsecond;
  while (Cycles() - start < cycles) {
  }
}

void EnableInterrupt(uint32_t interrupt) {
  NVIC_ICPR(interrupt).Write(Bit(interrupt % 32));
  NVIC_ISER(interrupt).Write(Bit(interrupt % 32));
}

void DisableInterrupt(uint32_t interrupt) {
  NVIC_ICER(interrupt).Write(Bit(interrupt % 32));
  Barrier();
}

void ResetPart() {
  Barrier();
  SCB_AIRCR.Write(SCB_AIRCR_VECTKEY | SCB_AIRCR_SYSRESETREQ);
  while (true) {
  }
}

extern "C" void HandleSysTick() { g_milliseconds = g_milliseconds + 1; }

}  // namespace ocellus::stm32h7
