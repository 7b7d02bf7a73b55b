// SPDX-License-Identifier: Apache-2.0

// Arduino Nicla Vision: the Cortex-M7 of an STM32H747AII6 at 400 MHz, an
// oscillator of 25 MHz that pin PH1 turns on, GC2145. The console is LPUART1 on
// PA9 (out) and PA10 (in). Power rails stay as the board's boot loader left
// them.
#include "firmware/board.h"

#include "firmware/camera/gc2145.h"
#include "firmware/stm32h7/camera_port.h"
#include "firmware/stm32h7/clock.h"
#include "firmware/stm32h7/common_board.h"
#include "firmware/stm32h7/gpio.h"
#include "firmware/stm32h7/i2c.h"
#include "firmware/stm32h7/timer_clock.h"

namespace ocellus::board {
namespace {

using stm32h7::GpioPort;
using stm32h7::Pin;

constexpr Pin kOscillatorOn = {GpioPort::kH, 1};
constexpr Pin kCameraClock = {GpioPort::kA, 7};
constexpr uint32_t kTim3Function = 2;
constexpr uint32_t kCameraHz = 10'000'000;

stm32h7::I2c g_sensor_bus;

}  // namespace

const char* Name() { return "nicla-vision"; }

void Start() {
  stm32h7::UseAsOutput(kOscillatorOn, true);
  stm32h7::StartCommon(
      {.hse_mhz = 25, .hse_is_oscillator = true, .highest_cpu_mhz = 400},
      {.base = stm32h7::kLpuart1Base,
       .transmit = {GpioPort::kA, 9},
       .receive = {GpioPort::kA, 10},
       .alternate_function = 3});
}

const char* StartCamera(FrameFormat* format) {
  StopCapture();
  stm32h7::UseCameraPins({.vsync = {GpioPort::kG, 9}});
  stm32h7::UseForPeripheral(kCameraClock, kTim3Function);
  stm32h7::StartTimerClock(stm32h7::kTim3Base, 2, stm32h7::ApbHz(), kCameraHz);
  g_sensor_bus.DelayMilliseconds(10);
  g_sensor_bus.Start(stm32h7::kI2c3Base, {GpioPort::kA, 8}, {GpioPort::kC, 9});
  if (const char* problem = StartGc2145(g_sensor_bus, format)) return problem;
  stm32h7::StartCameraPort({.vsync_high_between_frames = false}, *format);
  return nullptr;
}

void CaptureFrame(FrameSink& sink) { stm32h7::CaptureFrame(sink); }
void StopCapture() { stm32h7::StopCapture(); }

}  // namespace ocellus::board
