// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/board.h"
#include "firmware/stm32h7/gpio.h"

namespace ocellus::stm32h7 {

// The parallel camera interface, DCMI, and DMA1 stream 0 behind it. A frame
// comes in bands of lines: while the DMA fills one band, an interrupt hands the
// other to the frame's sink.
//
// All boards wire it to the same pins, but for two.
struct CameraPins {
  Pin d5 = {GpioPort::kD, 3};
  Pin vsync = {GpioPort::kB, 7};
};
void UseCameraPins(const CameraPins& pins);

// Where the levels of the camera's signals are as most have them: data is taken
// at the rising edge of the pixel clock.
struct CameraSignals {
  bool vsync_high_between_frames = true;
  bool hsync_high_between_lines = false;
};

void StartCameraPort(const CameraSignals& signals, const FrameFormat& format);
void CaptureFrame(board::FrameSink& sink);
void StopCapture();

}  // namespace ocellus::stm32h7
