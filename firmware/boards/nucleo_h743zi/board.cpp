// SPDX-License-Identifier: Apache-2.0

// NUCLEO-H743ZI: no camera; frames come over the console, USART3 on PD8 (out)
// and PD9 (in), which the board's ST-LINK shows as /dev/ttyACM0. Its clock of
// 8 MHz comes from the ST-LINK.
#include "firmware/board.h"

#include "firmware/app/frame_receiver.h"
#include "firmware/stm32h7/common_board.h"
#include "firmware/stm32h7/uart.h"

namespace ocellus::board {
namespace {

using stm32h7::GpioPort;

// Filled by the console's interrupt.
FrameReceiver g_receiver;

bool TakeByte(uint8_t byte) {
  const bool taken = g_receiver.Take(byte);
  if (g_receiver.is_complete()) stm32h7::DivertConsoleInput(nullptr);
  return taken;
}

}  // namespace

const char* Name() { return "nucleo-h743zi"; }

void Start() {
  stm32h7::StartCommon(
      {.hse_mhz = 8, .hse_is_oscillator = true, .highest_cpu_mhz = 480},
      {.base = stm32h7::kUsart3Base,
       .transmit = {GpioPort::kD, 8},
       .receive = {GpioPort::kD, 9},
       .alternate_function = 7});
}

const char* StartCamera(FrameFormat* format) {
  *format = FrameReceiver::kFormat;
  return nullptr;
}

void CaptureFrame(FrameSink& sink) {
  StopCapture();
  g_receiver.Start(sink);
  stm32h7::DivertConsoleInput(TakeByte);
  Write(FrameReceiver::Request());
}

void StopCapture() { stm32h7::DivertConsoleInput(nullptr); }

}  // namespace ocellus::board
