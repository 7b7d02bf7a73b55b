// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/frame_receiver.h"

#include <string_view>

namespace ocellus {

std::span<const char> FrameReceiver::Request() {
  constexpr std::string_view kRequest =
      "{\"want\":\"frame\",\"width\":320,\"height\":240,"
      "\"format\":\"rgb565\"}\n";
  static_assert(kFormat.width == 320 && kFormat.height == 240);
  return {kRequest.data(), kRequest.size()};
}

void FrameReceiver::Start(board::FrameSink& sink) {
  sink_ = &sink;
  begun_ = false;
  bytes_ = 0;
  lines_ = 0;
}

bool FrameReceiver::Take(uint8_t byte) {
  if (!begun_) {
    begun_ = byte == 'F';
    return begun_;
  }
  line_[bytes_++] = byte;
  if (bytes_ < line_.size()) return true;
  bytes_ = 0;
  sink_->TakeLines(lines_++, line_);
  if (is_complete()) sink_->EndFrame(board::FrameEnd::kComplete);
  return true;
}

}  // namespace ocellus
