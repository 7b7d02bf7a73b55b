// SPDX-License-Identifier: Apache-2.0
#include "host_demo/run_statistics.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace ocellus {

void RunStatistics::Add(std::span<const Detection> detections,
                        double inference_ms, Clock::time_point now) {
  ++frames_;
  inference_sum_ms_ += inference_ms;
  if (is_following_) {
    const double interval_s =
        std::chrono::duration<double>(now - last_).count();
    ++intervals_;
    interval_sum_s_ += interval_s;
    recent_intervals_s_.push_back(interval_s);
    if (recent_intervals_s_.size() > kRecentFrames) {
      recent_intervals_s_.pop_front();
    }
  }
  is_following_ = true;
  last_ = now;
  for (const Detection& detection : detections) {
    const auto c = static_cast<std::size_t>(detection.class_id);
    if (c >= detections_by_class_.size()) detections_by_class_.resize(c + 1);
    ++detections_by_class_[c];
  }
}

double RunStatistics::recent_fps() const {
  const double sum_s = std::accumulate(recent_intervals_s_.begin(),
                                       recent_intervals_s_.end(), 0.0);
  return sum_s > 0.0 ? static_cast<double>(recent_intervals_s_.size()) / sum_s
                     : 0.0;
}

double RunStatistics::mean_fps() const {
  return interval_sum_s_ > 0.0
             ? static_cast<double>(intervals_) / interval_sum_s_
             : 0.0;
}

double RunStatistics::mean_inference_ms() const {
  return frames_ > 0 ? inference_sum_ms_ / static_cast<double>(frames_) : 0.0;
}

std::string RunStatistics::Summary(
    std::span<const std::string> class_names) const {
  char head[128];
  std::snprintf(head, sizeof head,
                "%lld frame%s, %.1f fps, inference %.2f ms; ",
                static_cast<long long>(frames_), frames_ == 1 ? "" : "s",
                mean_fps(), mean_inference_ms());
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < detections_by_class_.size(); ++c) {
    if (detections_by_class_[c] > 0) order.push_back(c);
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return detections_by_class_[a] > detections_by_class_[b];
  });
  std::string list;
  for (const std::size_t c : order) {
    list += (list.empty() ? "" : ", ") + class_names[c] + " " +
            std::to_string(detections_by_class_[c]);
  }
  return head + (list.empty() ? "no detections" : list);
}

}  // namespace ocellus
