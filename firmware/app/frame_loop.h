// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/app/detector.h"
#include "firmware/app/row_queue.h"
#include "firmware/app/row_resizer.h"
#include "firmware/app/text_line.h"
#include "firmware/board.h"

namespace ocellus {

// Camera to detections, for ever. One line of JSON on the console for each
// frame:
//
//   {"frame":7,"ms":412,"temperature":41.5,"width":320,"height":240,
//    "detections":[{"class":"person","score":0.8765,"box":[10.00,...]}]}
//
// with `ms` from the frame's first line to its answer; and lines for whatever
// goes wrong, each with "error". A frame is taken after the one before was
// answered, so an answer is never about an older picture than that. The network
// takes its rows while the camera still sends the rest.
//
// The letter d on the console asks for the next frame's picture (FrameDump).
class FrameLoop final : private board::FrameSink {
 public:
  // `rows` holds rows on their way to the network, best all of its input.
  FrameLoop(Detector& detector, std::span<int8_t> rows)
      : detector_(detector), memory_(rows) {}

  [[noreturn]] void Run();

 private:
  enum class Outcome : uint8_t {
    kAnswered,
    kCutShort,
    kOverrun,
    kBusError,
    kTooSlow,  // the network, for the queue of rows
    kStopped,  // no line for a second
  };

  void TakeLines(int32_t first_line, std::span<const uint8_t> lines) override;
  void EndFrame(board::FrameEnd end) override;

  void SayStart();
  bool StartCamera();
  void RunFrame();
  Outcome FeedFrame();
  const int8_t* WaitForRow();
  bool WaitForProgress();
  Outcome WhyEnded() const;
  void Answer(uint32_t milliseconds);
  void Complain(Outcome outcome);
  void ReadCommands();
  void Say();

  Detector& detector_;
  std::span<int8_t> memory_;
  InputTable table_{};
  FrameFormat format_;
  RowQueue queue_;
  RowResizer resizer_;
  TextLine line_;
  int32_t frame_ = 0;
  int32_t failures_ = 0;  // one after another
  bool camera_on_ = false;
  bool dump_wanted_ = false;

  // Written by interrupts.
  volatile int32_t lines_ = 0;  // of this frame
  volatile bool ended_ = false;
  volatile bool too_slow_ = false;
  volatile board::FrameEnd end_ = board::FrameEnd::kComplete;
  volatile uint32_t first_line_ms_ = 0;
};

}  // namespace ocellus
