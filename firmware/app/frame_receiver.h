// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "firmware/board.h"

namespace ocellus {

// Takes a frame that comes over a console instead of from a camera. The board
// asks for it by the line
//   {"want":"frame","width":320,"height":240,"format":"rgb565"}
// and the other side sends the letter F, then the frame's lines, each pixel's
// upper byte first.
class FrameReceiver {
 public:
  static constexpr FrameFormat kFormat = {PixelFormat::kRgb565, 320, 240};
  static std::span<const char> Request();

  // The next frame goes to `sink`, which must outlive it.
  void Start(board::FrameSink& sink);
  // Takes the next byte that came. False if it is none of the frame's.
  bool Take(uint8_t byte);
  bool is_complete() const { return lines_ == kFormat.height; }

 private:
  board::FrameSink* sink_ = nullptr;
  bool begun_ = false;
  uint32_t bytes_ = 0;  // of the line
  int32_t lines_ = 0;
  std::array<uint8_t, static_cast<std::size_t>(kFormat.line_bytes())> line_{};
};

}  // namespace ocellus
