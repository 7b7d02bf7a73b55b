// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/camera/pixel_format.h"

// What the application knows of a board. Each boards/<name>/ implements it;
// nothing outside of boards/ and stm32h7/ names a register.
namespace ocellus::board {

const char* Name();

// Clocks, caches, memory protection, console, clock of milliseconds and
// watchdog. Call it first.
void Start();

// What Start() found that the reader of the console should know, e.g. a crystal
// that does not start. Null: nothing.
const char* StartNotice();
uint32_t CpuMhz();
// Why the part was reset last: "power", "watchdog", "software" or "pin".
const char* ResetCause();

// Since Start(); wraps after 49 days.
uint32_t Milliseconds();
// The processor's cycle counter; wraps after some seconds.
uint32_t Cycles();
// Sleeps until an interrupt, at most a millisecond.
void WaitForInterrupt();
// Otherwise the part is reset after eight seconds.
void FeedWatchdog();
// Of the part, in degrees Celsius; within some degrees.
float Temperature();

// The console, a UART at 921600 baud. Write() returns when the last byte is on
// its way; ReadByte() gives what was received, or -1.
void Write(std::span<const char> text);
int ReadByte();

// Powers the camera up and sets it up. Null, and the format of its frames; or
// a clause that says what is wrong.
const char* StartCamera(FrameFormat* format);

enum class FrameEnd : uint8_t {
  kComplete,
  kCutShort,  // the frame ended before its last line
  kOverrun,   // lines came faster than memory took them; some are lost
  kBusError,  // the transfer to memory failed
};

// Takes the frame while it arrives, called by an interrupt.
class FrameSink {
 public:
  // `lines` hold line `first_line` and those behind it. Valid during the call.
  virtual void TakeLines(int32_t first_line,
                         std::span<const uint8_t> lines) = 0;
  // After the last line, or instead of the rest of the lines.
  virtual void EndFrame(FrameEnd end) = 0;

 protected:
  ~FrameSink() = default;
};

// Gives `sink` the next frame that the camera starts, one frame only.
void CaptureFrame(FrameSink& sink);
// Drops what is left of it. Afterwards `sink` is not called any more.
void StopCapture();

}  // namespace ocellus::board
