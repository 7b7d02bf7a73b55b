// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/frame_loop.h"

#include <cstring>

#include "firmware/app/frame_dump.h"
#include "firmware/app/report.h"

namespace ocellus {
namespace {

constexpr uint32_t kStoppedAfterMs = 1000;
constexpr uint32_t kRetryAfterMs = 1000;
// In a row; then the camera is set up again.
constexpr int32_t kFailuresToRestart = 3;

}  // namespace

void FrameLoop::Run() {
  // A kernel may take longer than a whole frame should, so each of them proves
  // that the program is alive.
  detector_.executor().set_observer(
      [](void*, int32_t, bool) { board::FeedWatchdog(); }, nullptr);
  table_ = MakeInputTable(detector_.model());
  SayStart();
  while (true) {
    board::FeedWatchdog();
    ReadCommands();
    if (!camera_on_) camera_on_ = StartCamera();
    if (camera_on_) RunFrame();
  }
}

void FrameLoop::SayStart() {
  const Shape input = detector_.input();
  line_.Clear();
  line_.Add("{\"board\":").AddQuoted(board::Name());
  line_.Add(",\"model\":").AddQuoted(detector_.model().name());
  line_.Add(",\"input\":[").Add(input.h).Add(",").Add(input.w);
  line_.Add("],\"cpu_mhz\":").Add(static_cast<int32_t>(board::CpuMhz()));
  line_.Add(",\"reset\":").AddQuoted(board::ResetCause());
  if (const char* notice = board::StartNotice()) {
    line_.Add(",\"notice\":").AddQuoted(notice);
  }
  line_.Add("}");
  Say();
}

bool FrameLoop::StartCamera() {
  const char* problem = board::StartCamera(&format_);
  if (problem == nullptr &&
      !resizer_.Start(format_, detector_.input(), table_)) {
    problem = "a frame or an input that is too wide";
  }
  line_.Clear();
  if (problem == nullptr) {
    failures_ = 0;
    queue_.Start(memory_, 3 * detector_.input().w, detector_.input().h);
    line_.Add("{\"camera\":\"started\",\"width\":").Add(format_.width);
    line_.Add(",\"height\":").Add(format_.height).Add("}");
    Say();
    return true;
  }
  line_.Add("{\"error\":\"camera\",\"reason\":").AddQuoted(problem).Add("}");
  Say();
  const uint32_t start = board::Milliseconds();
  while (board::Milliseconds() - start < kRetryAfterMs) {
    board::FeedWatchdog();
    board::WaitForInterrupt();
  }
  return false;
}

void FrameLoop::RunFrame() {
  ++frame_;
  queue_.Clear();
  resizer_.BeginFrame();
  lines_ = 0;
  ended_ = false;
  too_slow_ = false;
  board::CaptureFrame(*this);
  const Outcome outcome = FeedFrame();
  board::StopCapture();
  if (outcome != Outcome::kAnswered) {
    Complain(outcome);
    // Its queue may have stopped, too; the next frame starts it anew.
    if (outcome == Outcome::kStopped || ++failures_ == kFailuresToRestart) {
      camera_on_ = false;
    }
    return;
  }
  failures_ = 0;
}

// Rows to the network as they come; the answer once the frame proved complete.
FrameLoop::Outcome FrameLoop::FeedFrame() {
  Executor& executor = detector_.executor();
  const Shape input = detector_.input();
  executor.Begin();
  for (int32_t y = 0; y < input.h; ++y) {
    const int8_t* row = WaitForRow();
    if (row == nullptr) return WhyEnded();
    std::memcpy(executor.NextInputRow(), row,
                static_cast<std::size_t>(3 * input.w));
    queue_.Take();
    executor.CommitInputRow();
  }
  while (!ended_) {
    if (!WaitForProgress()) return Outcome::kStopped;
  }
  if (end_ != board::FrameEnd::kComplete) return WhyEnded();
  Answer(first_line_ms_);
  return Outcome::kAnswered;
}

// Null when the frame ended without it, or lines stopped coming.
const int8_t* FrameLoop::WaitForRow() {
  while (true) {
    // In this order: what is added before the end is seen after it.
    const bool ended = ended_;
    if (const int8_t* row = queue_.Front()) return row;
    if (ended || !WaitForProgress()) return nullptr;
  }
}

// Sleeps until a line or the end of the frame came. False after too long.
bool FrameLoop::WaitForProgress() {
  const int32_t lines = lines_;
  const uint32_t start = board::Milliseconds();
  while (lines_ == lines && !ended_) {
    if (board::Milliseconds() - start >= kStoppedAfterMs) return false;
    board::FeedWatchdog();
    board::WaitForInterrupt();
  }
  return true;
}

FrameLoop::Outcome FrameLoop::WhyEnded() const {
  if (!ended_) return Outcome::kStopped;
  if (too_slow_) return Outcome::kTooSlow;
  switch (end_) {
    case board::FrameEnd::kOverrun:
      return Outcome::kOverrun;
    case board::FrameEnd::kBusError:
      return Outcome::kBusError;
    case board::FrameEnd::kComplete:
    case board::FrameEnd::kCutShort:
      break;
  }
  return Outcome::kCutShort;
}

void FrameLoop::Answer(uint32_t first_line_ms) {
  const std::span<const Detection> detections = detector_.Finish();
  const uint32_t milliseconds = board::Milliseconds() - first_line_ms;
  if (dump_wanted_ && queue_.capacity() == detector_.input().h) {
    FrameDump(table_).Send(frame_, queue_, detector_.input(), format_.width,
                           format_.height, [](std::span<const char> bytes) {
                             board::FeedWatchdog();
                             board::Write(bytes);
                           });
    dump_wanted_ = false;
  }
  line_.Clear();
  line_.Add("{\"frame\":").Add(frame_);
  line_.Add(",\"ms\":").Add(static_cast<int32_t>(milliseconds));
  line_.Add(",\"temperature\":").AddFixed(board::Temperature(), 1);
  line_.Add(",\"width\":").Add(format_.width);
  line_.Add(",\"height\":").Add(format_.height).Add(",");
  AddDetections(line_, detections, detector_.model(), format_);
  line_.Add("}");
  Say();
}

void FrameLoop::Complain(Outcome outcome) {
  const char* text = "";
  switch (outcome) {
    case Outcome::kAnswered:
      return;
    case Outcome::kCutShort:
      text = "frame cut short";
      break;
    case Outcome::kOverrun:
      text = "overrun: lines came faster than memory took them";
      break;
    case Outcome::kBusError:
      text = "transfer error between camera and memory";
      break;
    case Outcome::kTooSlow:
      text = "the network is too slow for the queue of rows";
      break;
    case Outcome::kStopped:
      text = "camera stopped";
      break;
  }
  line_.Clear();
  line_.Add("{\"frame\":").Add(frame_).Add(",\"error\":").AddQuoted(text);
  line_.Add(",\"lines\":").Add(lines_).Add(",\"of\":").Add(format_.height);
  line_.Add("}");
  Say();
}

void FrameLoop::ReadCommands() {
  for (int byte = board::ReadByte(); byte >= 0; byte = board::ReadByte()) {
    if (byte == 'd') dump_wanted_ = true;
  }
}

void FrameLoop::Say() {
  line_.Add("\n");
  board::Write(line_.text());
}

void FrameLoop::TakeLines(int32_t first_line, std::span<const uint8_t> lines) {
  if (first_line == 0) first_line_ms_ = board::Milliseconds();
  const auto pitch = static_cast<std::size_t>(format_.line_bytes());
  for (std::size_t at = 0; at < lines.size(); at += pitch) {
    if (!resizer_.TakeLine(&lines[at], queue_)) too_slow_ = true;
  }
  lines_ = first_line + static_cast<int32_t>(lines.size() / pitch);
}

void FrameLoop::EndFrame(board::FrameEnd end) {
  end_ = too_slow_ ? board::FrameEnd::kCutShort : end;
  ended_ = true;
}

}  // namespace ocellus
