// SPDX-License-Identifier: Apache-2.0
#include "host_demo/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace ocellus {
namespace {

std::string ClockText(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(0.0, seconds) + 0.5);
  char text[32];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02d:%02d",
                  static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60),
                  static_cast<int>(whole % 60));
  }
  return text;
}

int TerminalColumns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return size.ws_col;
}

}  // namespace

std::string ProgressText(const std::string& label, int64_t done, int64_t total,
                         double elapsed_s, int columns) {
  const std::string count = std::to_string(done);
  if (total <= 0) {
    return (label + " " + count + "  " + ClockText(elapsed_s))
        .substr(0, static_cast<std::size_t>(columns));
  }
  done = std::clamp<int64_t>(done, 0, total);
  const double fraction =
      static_cast<double>(done) / static_cast<double>(total);
  char percent[16];
  std::snprintf(percent, sizeof percent, "%3d %%",
                static_cast<int>(fraction * 100.0));
  const std::string left =
      done == 0 ? ""
                : "  " + ClockText(elapsed_s / fraction - elapsed_s) + " left";
  const std::string tail = std::string(percent) + " " + std::to_string(done) +
                           "/" + std::to_string(total) + left;
  const int room = columns - static_cast<int>(label.size() + tail.size()) - 4;
  std::string bar;
  if (room >= 8) {
    const int width = std::min(room, 40);
    const int filled = static_cast<int>(fraction * width);
    bar = "[" + std::string(static_cast<std::size_t>(filled), '=') +
          (filled < width ? ">" : "") +
          std::string(static_cast<std::size_t>(std::max(0, width - filled - 1)),
                      ' ') +
          "] ";
  }
  return (label + " " + bar + tail)
      .substr(0, static_cast<std::size_t>(columns));
}

ProgressBar::ProgressBar(std::string label, int64_t total)
    : label_(std::move(label)),
      total_(total),
      is_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::Update(int64_t done) {
  if (!is_terminal_) return;
  const Clock::time_point now = Clock::now();
  if (drawn_ && now - last_draw_ < std::chrono::milliseconds(100)) return;
  last_draw_ = now;
  drawn_ = true;
  const double elapsed_s = std::chrono::duration<double>(now - start_).count();
  // One column less: a full last column makes some terminals wrap.
  const std::string text =
      ProgressText(label_, done, total_, elapsed_s, TerminalColumns() - 1);
  std::fprintf(stderr, "\r%s\033[K", text.c_str());
  std::fflush(stderr);
}

}  // namespace ocellus
