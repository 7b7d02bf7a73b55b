// SPDX-License-Identifier: Apache-2.0

// OpenMV Cam H7: STM32H743VIT6, crystal of 12 MHz, OV7725 module. The console
// is USART3 on P4 (PB10, out) and P5 (PB11, in).
#include "firmware/board.h"

#include "firmware/camera/ov7725.h"
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

constexpr Pin kCameraPowerDown = {GpioPort::kD, 7};
constexpr Pin kCameraReset = {GpioPort::kA, 10};
constexpr Pin kCameraClock = {GpioPort::kA, 8};
constexpr uint32_t kTim1Function = 1;
constexpr uint32_t kCameraHz = 12'000'000;

stm32h7::I2c g_sensor_bus;

}  // namespace

const char* Name() { return "openmv-h7"; }

void Start() {
  stm32h7::StartCommon(
      {.hse_mhz = 12, .hse_is_oscillator = false, .highest_cpu_mhz = 480},
      {.base = stm32h7::kUsart3Base,
       .transmit = {GpioPort::kB, 10},
       .receive = {GpioPort::kB, 11},
       .alternate_function = 7});
}

const char* StartCamera(FrameFormat* format) {
  StopCapture();
  stm32h7::UseCameraPins({.d5 = {GpioPort::kB, 6}});
  stm32h7::UseForPeripheral(kCameraClock, kTim1Function);
  stm32h7::StartTimerClock(stm32h7::kTim1Base, 1, stm32h7::ApbHz(), kCameraHz);
  // Off and on, for a camera that has lost its way.
  stm32h7::UseAsOutput(kCameraPowerDown, true);
  stm32h7::UseAsOutput(kCameraReset, false);
  g_sensor_bus.DelayMilliseconds(10);
  stm32h7::SetPin(kCameraPowerDown, false);
  g_sensor_bus.DelayMilliseconds(10);
  stm32h7::SetPin(kCameraReset, true);
  g_sensor_bus.DelayMilliseconds(10);
  g_sensor_bus.Start(stm32h7::kI2c1Base, {GpioPort::kB, 8}, {GpioPort::kB, 9});
  if (const char* problem = StartOv7725(g_sensor_bus, format)) return problem;
  stm32h7::StartCameraPort({}, *format);
  return nullptr;
}

void CaptureFrame(FrameSink& sink) { stm32h7::CaptureFrame(sink); }
void StopCapture() { stm32h7::StopCapture(); }

}  // namespace ocellus::board
