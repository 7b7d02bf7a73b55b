// SPDX-License-Identifier: Apache-2.0
#include "firmware/stm32h7/common_board.h"

#include "firmware/board.h"
#include "firmware/stm32h7/core.h"
#include "firmware/stm32h7/temperature.h"
#include "firmware/stm32h7/watchdog.h"

namespace ocellus {
namespace {

stm32h7::Clocks g_clocks;
const char* g_reset_cause = "";

}  // namespace

namespace stm32h7 {

void StartCommon(const ClockSource& clock, const UartPins& console) {
  g_clocks = StartClocks(clock);
  ProtectAndCacheMemory();
  StartTime(g_clocks.cpu_hz);
  StartConsole(console, g_clocks.apb_hz);
  g_reset_cause = TakeResetCause();
  StartTemperature();
  StartWatchdog();
}

uint32_t ApbHz() { return g_clocks.apb_hz; }

}  // namespace stm32h7

namespace board {

const char* StartNotice() {
  return g_clocks.hse_failed
             ? "the crystal does not start: on the internal oscillator"
             : nullptr;
}
uint32_t CpuMhz() { return g_clocks.cpu_hz / 1'000'000; }
const char* ResetCause() { return g_reset_cause; }
uint32_t Milliseconds() { return stm32h7::Milliseconds(); }
uint32_t Cycles() { return stm32h7::Cycles(); }
void WaitForInterrupt() { stm32h7::WaitForInterrupt(); }
void FeedWatchdog() { stm32h7::FeedWatchdog(); }
float Temperature() { return stm32h7::ReadTemperature(); }
void Write(std::span<const char> text) { stm32h7::ConsoleWrite(text); }
int ReadByte() { return stm32h7::ConsoleReadByte(); }

}  // namespace board
}  // namespace ocellus
