// SPDX-License-Identifier: Apache-2.0

// WeAct MiniSTM32H743: STM32H743VIT6, crystal of 25 MHz, OV2640 on the DVP
// connector. The console is USART1 on PA9 (out) and PA10 (in).
#include "firmware/board.h"

#include "firmware/camera/ov2640.h"
#include "firmware/stm32h7/camera_port.h"
#include "firmware/stm32h7/clock.h"
#include "firmware/stm32h7/common_board.h"
#include "firmware/stm32h7/gpio.h"
#include "firmware/stm32h7/i2c.h"

namespace ocellus::board {
namespace {

using stm32h7::GpioPort;
using stm32h7::Pin;

constexpr Pin kCameraPowerDown = {GpioPort::kA, 7};
constexpr Pin kCameraClock = {GpioPort::kA, 8};
constexpr uint32_t kMcoFunction = 0;

stm32h7::I2c g_sensor_bus;

}  // namespace

const char* Name() { return "weact-h743"; }

void Start() {
  stm32h7::StartCommon(
      {.hse_mhz = 25, .hse_is_oscillator = false, .highest_cpu_mhz = 480},
      {.base = stm32h7::kUsart1Base,
       .transmit = {GpioPort::kA, 9},
       .receive = {GpioPort::kA, 10},
       .alternate_function = 7});
}

const char* StartCamera(FrameFormat* format) {
  StopCapture();
  stm32h7::UseCameraPins({});
  stm32h7::UseForPeripheral(kCameraClock, kMcoFunction);
  stm32h7::StartMco1At12Mhz();
  // Off and on, for a camera that has lost its way.
  stm32h7::UseAsOutput(kCameraPowerDown, true);
  g_sensor_bus.DelayMilliseconds(10);
  stm32h7::SetPin(kCameraPowerDown, false);
  g_sensor_bus.DelayMilliseconds(10);
  g_sensor_bus.Start(stm32h7::kI2c1Base, {GpioPort::kB, 8}, {GpioPort::kB, 9});
  if (const char* problem = StartOv2640(g_sensor_bus, format)) return problem;
  stm32h7::StartCameraPort({}, *format);
  return nullptr;
}

void CaptureFrame(FrameSink& sink) { stm32h7::CaptureFrame(sink); }
void StopCapture() { stm32h7::StopCapture(); }

}  // namespace ocellus::board
