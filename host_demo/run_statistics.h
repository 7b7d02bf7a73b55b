// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "postprocess/detection.h"

namespace ocellus {

// What a run over a video has seen so far.
class RunStatistics {
 public:
  using Clock = std::chrono::steady_clock;

  // Counts one frame that was finished at `now`.
  void Add(std::span<const Detection> detections, double inference_ms,
           Clock::time_point now);
  // The next frame does not follow the last one directly: the time between
  // them does not count.
  void Interrupt() { is_following_ = false; }

  int64_t frames() const { return frames_; }
  // Over the last frames, for a display; 0 before there are two.
  double recent_fps() const;
  // Over the whole run.
  double mean_fps() const;
  double mean_inference_ms() const;

  // "240 frames, 28.3 fps, inference 9.10 ms; person 512, car 3", classes with
  // most detections first.
  std::string Summary(std::span<const std::string> class_names) const;

 private:
  static constexpr std::size_t kRecentFrames = 30;

  int64_t frames_ = 0;
  int64_t intervals_ = 0;
  double interval_sum_s_ = 0.0;
  double inference_sum_ms_ = 0.0;
  bool is_following_ = false;
  Clock::time_point last_{};
  std::deque<double> recent_intervals_s_;
  std::vector<int64_t> detections_by_class_;
};

}  // namespace ocellus
