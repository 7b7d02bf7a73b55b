// SPDX-License-Identifier: Apache-2.0

// NUCLEO-H743ZI: no camera; frames come over the console, USART3 on PD8 (out)
// and PD9 (in), which the board's ST-LINK shows as /dev/ttyACM0. Its clock of
// 8 MHz comes from the ST-LINK.
//
// The board asks for a frame by the line
//   {"want":"frame","width":320,"height":240,"format":"rgb565"}
// and the other side sends the letter F, then the frame's lines, each pixel's
// upper byte first.
#include "firmware/board.h"

#include <array>
#include <string_view>

#include "firmware/stm32h7/common_board.h"
#include "firmware/stm32h7/uart.h"

namespace ocellus::board {
namespace {

using stm32h7::GpioPort;

constexpr FrameFormat kFormat = {PixelFormat::kRgb565, 320, 240};

// Filled by the console's interrupt.
struct Arrival {
  FrameSink* sink = nullptr;
  bool begun = false;
  uint32_t bytes = 0;  // of the line
  int32_t lines = 0;
  std::array<uint8_t, 2 * 320> line{};
};
Arrival g_arrival;

bool TakeByte(uint8_t byte) {
  Arrival& arrival = g_arrival;
  if (!arrival.begun) {
    arrival.begun = byte == 'F';
    return arrival.begun;
  }
  arrival.line[arrival.bytes++] = byte;
  if (arrival.bytes < arrival.line.size()) return true;
  arrival.bytes = 0;
  arrival.sink->TakeLines(arrival.lines++, arrival.line);
  if (arrival.lines == kFormat.height) {
    stm32h7::DivertConsoleInput(nullptr);
    arrival.sink->EndFrame(FrameEnd::kComplete);
  }
  return true;
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
  *format = kFormat;
  return nullptr;
}

void CaptureFrame(FrameSink& sink) {
  StopCapture();
  g_arrival.sink = &sink;
  g_arrival.begun = false;
  g_arrival.bytes = 0;
  g_arrival.lines = 0;
  stm32h7::DivertConsoleInput(TakeByte);
  constexpr std::string_view kWant =
      "{\"want\":\"frame\",\"width\":320,\"height\":240,"
      "\"format\":\"rgb565\"}\n";
  Write({kWant.data(), kWant.size()});
}

void StopCapture() { stm32h7::DivertConsoleInput(nullptr); }

}  // namespace ocellus::board
