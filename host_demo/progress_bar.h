// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ocellus {

// The text of a bar, e.g. "eval [=====>    ]  52 % 1305/2510  0:21 left".
// With total <= 0 the end is unknown: "cam 120  0:04". `columns` bounds it.
std::string ProgressText(const std::string& label, int64_t done, int64_t total,
                         double elapsed_s, int columns);

// A progress bar on the last line of stderr, drawn only on a terminal.
class ProgressBar {
 public:
  ProgressBar(std::string label, int64_t total);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // Erases the bar, so that what is printed next starts on an empty line.
  ~ProgressBar();

  // Draws at most ten times a second. One thread at a time.
  void Update(int64_t done);

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  int64_t total_;
  bool is_terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_{};
};

}  // namespace ocellus
