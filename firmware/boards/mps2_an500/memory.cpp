// SPDX-License-Identifier: Apache-2.0
#include "firmware/boards/mps2_an500/memory.h"

#include <cstdint>

extern "C" {
// From linker.ld.
extern std::byte flash_begin[], model_begin[], model_end[];
extern std::byte dtcm_begin[], axi_begin[], arena_begin[], arena_end[];
extern std::byte d2_begin[], stack_guard[], stack_bottom[], stack_top[];
}

namespace ocellus::an500 {
namespace {

// Arm v7-M Architecture Reference Manual, B3.5.
struct Mpu {
  volatile uint32_t type;
  volatile uint32_t ctrl;
  volatile uint32_t rnr;
  volatile uint32_t rbar;
  volatile uint32_t rasr;
};
constexpr uint32_t kEnable = 1u << 0;

Mpu& mpu() { return *reinterpret_cast<Mpu*>(0xE000ED90); }
volatile uint32_t& Shcsr() {
  return *reinterpret_cast<volatile uint32_t*>(0xE000ED24);
}
constexpr uint32_t kUsageBusAndMemFaults = 7u << 16;

// RASR: execute never, access, type, and the size as a power of two.
constexpr uint32_t kExecuteNever = 1u << 28;
constexpr uint32_t kNoAccess = 0u << 24;
constexpr uint32_t kReadWrite = 3u << 24;
constexpr uint32_t kReadOnly = 7u << 24;
constexpr uint32_t kNormalMemory = 1u << 19 | 1u << 17 | 1u << 16;  // TEX C B
constexpr uint32_t kDevice = 1u << 16;
constexpr uint32_t SizeLog2(uint32_t log2) { return (log2 - 1) << 1; }

void OpenRegion(uint32_t number, const void* begin, uint32_t attributes) {
  mpu().rnr = number;
  mpu().rbar = reinterpret_cast<uint32_t>(begin);
  mpu().rasr = attributes | kEnable;
}

constexpr std::byte kPaint{0xC5};
constexpr uint32_t kStackPaint = 0x5AC3A57E;  // as in startup.S

}  // namespace

std::span<std::byte> ModelRoom() { return {model_begin, model_end}; }
std::span<std::byte> ArenaRoom() { return {arena_begin, arena_end}; }

void ProtectMemory() {
  constexpr uint32_t kData = kReadWrite | kExecuteNever | kNormalMemory;
  OpenRegion(0, flash_begin, kReadOnly | kNormalMemory | SizeLog2(21));
  OpenRegion(1, dtcm_begin, kData | SizeLog2(17));
  OpenRegion(2, axi_begin, kData | SizeLog2(19));
  // 288 kB are no power of two: 256 and 32.
  OpenRegion(3, d2_begin, kData | SizeLog2(18));
  OpenRegion(4, d2_begin + (256 << 10), kData | SizeLog2(15));
  OpenRegion(5, reinterpret_cast<void*>(0x40000000),
             kReadWrite | kExecuteNever | kDevice | SizeLog2(18));
  // The highest number wins where regions overlap.
  OpenRegion(7, stack_guard, kNoAccess | kExecuteNever | SizeLog2(8));
  mpu().ctrl = kEnable;
  Shcsr() = Shcsr() | kUsageBusAndMemFaults;
  asm volatile("dsb\n\tisb" ::: "memory");
}

std::size_t StackHighWater() {
  const auto* word = reinterpret_cast<const volatile uint32_t*>(stack_bottom);
  const auto* top = reinterpret_cast<const volatile uint32_t*>(stack_top);
  while (word != top && *word == kStackPaint) ++word;
  return static_cast<std::size_t>(top - word) * sizeof(uint32_t);
}

void Paint(std::span<std::byte> bytes) {
  for (std::byte& byte : bytes) byte = kPaint;
}

std::size_t HighWater(std::span<const std::byte> bytes) {
  std::size_t used = bytes.size();
  while (used > 0 && bytes[used - 1] == kPaint) --used;
  return used;
}

}  // namespace ocellus::an500
