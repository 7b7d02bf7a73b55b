// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <opencv2/highgui.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>
#include <vector>

#include "host_demo/annotate.h"
#include "host_demo/cam_feed.h"
#include "host_demo/commands.h"
#include "host_demo/contact_sheet.h"
#include "host_demo/display.h"
#include "host_demo/failure.h"
#include "host_demo/mute_stderr.h"
#include "host_demo/picture.h"
#include "host_demo/progress_bar.h"
#include "host_demo/run_statistics.h"
#include "host_demo/video_recorder.h"

namespace ocellus {
namespace {

using Clock = std::chrono::steady_clock;

struct CamOptions {
  FeedOptions feed;
  std::string record;
  bool headless = false;
  double threshold = -1.0;  // negative: the model's
  int64_t frames = 0;       // 0: to the end
};

constexpr double kUsualFps = 25.0;  // for sources that do not tell
constexpr int kSheetColumns = 3;
constexpr int kSheetPictures = 9;
constexpr int kSheetCellWidth = 512;  // pixels; three of them fit a screen
// Smaller frames are enlarged for the window, so that labels are legible.
constexpr int kSmallestView = 640;

volatile sig_atomic_t g_interrupted = 0;
volatile time_t g_interrupted_at = 0;

time_t SecondsSinceStart() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

// The first interrupt ends the run, a later one kills as usual. Two within a
// second or so are one: `timeout` sends its signal to the command and again to
// the command's process group.
void OnInterrupt(int signal_number) {
  if (!g_interrupted) {
    g_interrupted_at = SecondsSinceStart();
    g_interrupted = 1;
  } else if (SecondsSinceStart() - g_interrupted_at > 1) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
}

void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string FixedText(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// The video and the contact sheet of a run, both or none.
class Recording {
 public:
  Recording(const std::string& path, cv::Size frame_size, double fps,
            bool is_live)
      : path_(path),
        sheet_path_(
            std::filesystem::path(path).replace_extension(".png").string()),
        is_live_(is_live),
        recorder_(path, frame_size, fps),
        spread_(kSheetPictures) {}

  void Add(const cv::Mat& picture) {
    if (is_live_) {
      recorder_.WriteAt(
          picture,
          std::chrono::duration<double>(Clock::now() - start_).count());
    } else {
      recorder_.Write(picture);
    }
    if (!spread_.Wants()) return;
    const double scale =
        std::min(1.0, static_cast<double>(kSheetCellWidth) / picture.cols);
    cv::Mat cell;
    cv::resize(picture, cell, {}, scale, scale, cv::INTER_AREA);
    spread_.Keep(cell);
  }

  void Commit() {
    recorder_.Commit();
    WritePicture(sheet_path_, MakeContactSheet(spread_.Pick(), kSheetColumns,
                                               kSheetCellWidth));
    std::printf("wrote %s and %s\n", path_.c_str(), sheet_path_.c_str());
  }

 private:
  std::string path_;
  std::string sheet_path_;
  bool is_live_;
  VideoRecorder recorder_;
  FrameSpread spread_;
  Clock::time_point start_ = Clock::now();
};

class CamRun {
 public:
  explicit CamRun(const CamOptions& options)
      : options_(options), feed_(Open(options)) {
    threshold_ = options.threshold < 0.0
                     ? feed_->threshold()
                     : static_cast<float>(options.threshold);
    CatchInterrupts();
  }

  void Headless() {
    ProgressBar bar("cam", FrameGoal());
    while (!IsOver() && feed_->Read(frame_)) {
      TakeFrame();
      bar.Update(statistics_.frames());
      const std::string notice = feed_->TakeNotice();
      if (notice.empty() || notice == message_) continue;
      message_ = notice;
      std::fprintf(stderr, "\n%s\n", notice.c_str());
    }
  }

  void Windowed() {
    const std::string title = "Ocellus: " + feed_->model_name();
    {
      const MuteStderr mute;
      cv::namedWindow(title, cv::WINDOW_NORMAL | cv::WINDOW_KEEPRATIO |
                                 cv::WINDOW_GUI_NORMAL);
    }
    bool resized = false;
    bool paused = false;
    Clock::time_point due = Clock::now();
    while (!IsOver()) {
      if (!paused) {
        if (!feed_->Read(frame_)) break;
        TakeFrame();
        Tell(feed_->TakeNotice());
      }
      const cv::Mat view = View(paused);
      const MuteStderr mute;
      if (!resized) cv::resizeWindow(title, view.cols, view.rows);
      resized = true;
      cv::imshow(title, view);
      const int key = cv::waitKey(paused ? 30 : WaitMs(due));
      if (key == 'q' || key == 27 || IsClosed(title)) break;
      if (key == ' ') {
        paused = !paused;
        statistics_.Interrupt();
        due = Clock::now();
      } else if (key == 's') {
        Save();
      } else if (key == '+' || key == '=') {
        MoveThreshold(0.05f);
      } else if (key == '-' || key == '_') {
        MoveThreshold(-0.05f);
      }
    }
    cv::destroyAllWindows();
  }

  void Finish() {
    if (recording_) recording_->Commit();
    std::printf("%s on %s: %s\n", feed_->model_name().c_str(),
                feed_->description().c_str(),
                statistics_.Summary(feed_->class_names()).c_str());
  }

 private:
  static std::unique_ptr<CamFeed> Open(const CamOptions& options) {
    if (!options.record.empty()) VideoRecorder::CheckName(options.record);
    return OpenFeed(options.feed, [] { return g_interrupted != 0; });
  }

  bool IsOver() const {
    return g_interrupted != 0 ||
           (options_.frames > 0 && statistics_.frames() >= options_.frames);
  }

  // Frames that will be shown, 0 if nobody knows.
  int64_t FrameGoal() const {
    const int64_t count = feed_->frame_count();
    if (options_.frames == 0) return count;
    return count == 0 ? options_.frames : std::min(options_.frames, count);
  }

  double Fps() const { return feed_->fps() > 0.0 ? feed_->fps() : kUsualFps; }

  void TakeFrame() {
    Detect();
    statistics_.Add(detections_, feed_->milliseconds(), Clock::now());
    Record();
  }

  void Detect() {
    const auto found = feed_->Detections(frame_, threshold_);
    detections_.assign(found.begin(), found.end());
  }

  void Tell(const std::string& message) {
    if (message.empty()) return;
    message_ = message;
    message_end_ = Clock::now() + std::chrono::seconds(2);
  }

  std::string StatusLine() const {
    return FixedText(statistics_.recent_fps(), 1) + " fps   " +
           FixedText(feed_->milliseconds(), 1) + " ms   threshold " +
           FixedText(static_cast<double>(threshold_), 2);
  }

  cv::Mat Annotated(const cv::Mat& frame) const {
    cv::Mat picture = frame.clone();
    DrawDetections(picture, detections_, feed_->class_names());
    return picture;
  }

  void Record() {
    if (options_.record.empty()) return;
    if (!recording_) {
      recording_.emplace(options_.record, frame_.size(), Fps(),
                         feed_->is_live());
    }
    cv::Mat picture = Annotated(frame_);
    DrawPanel(picture,
              {feed_->model_name() + "   " +
               FixedText(feed_->milliseconds(), 1) + " ms"},
              Corner::kTopLeft);
    recording_->Add(picture);
  }

  cv::Mat View(bool paused) const {
    cv::Mat enlarged = frame_;
    if (frame_.cols < kSmallestView) {
      const double scale = static_cast<double>(kSmallestView) / frame_.cols;
      cv::resize(frame_, enlarged, {}, scale, scale, cv::INTER_LINEAR);
    }
    cv::Mat view = Annotated(enlarged);
    std::vector<std::string> status = {StatusLine() +
                                       (paused ? "   paused" : "")};
    if (!message_.empty() && Clock::now() < message_end_) {
      status.push_back(message_);
    }
    DrawPanel(view, status, Corner::kTopLeft);
    DrawPanel(view, {"space pause   s save   + - threshold   q quit"},
              Corner::kBottomLeft);
    return view;
  }

  // Files play at their own pace, live sources as they come.
  int WaitMs(Clock::time_point& due) const {
    if (feed_->is_live()) return 1;
    due += std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(1.0 / Fps()));
    const Clock::time_point now = Clock::now();
    if (due < now) due = now;  // too slow: do not hurry later
    return std::max(
        1, static_cast<int>(
               std::chrono::duration<double, std::milli>(due - now).count()));
  }

  static bool IsClosed(const std::string& title) {
    return cv::getWindowProperty(title, cv::WND_PROP_VISIBLE) < 1.0;
  }

  void Save() {
    char name[64];
    std::snprintf(name, sizeof name, "ocellus-frame-%06lld.png",
                  static_cast<long long>(statistics_.frames()));
    WritePicture(name, Annotated(frame_));
    Tell(std::string("saved ") + name);
  }

  void MoveThreshold(float step) {
    // On a grid of 0.05, so that steps up and down meet the same values.
    const float moved = std::round((threshold_ + step) * 20.0f) / 20.0f;
    threshold_ = std::clamp(moved, 0.05f, 0.95f);
    Detect();
  }

  const CamOptions& options_;
  std::unique_ptr<CamFeed> feed_;
  float threshold_ = 0.0f;
  std::optional<Recording> recording_;
  RunStatistics statistics_;
  cv::Mat frame_;
  std::vector<Detection> detections_;
  std::string message_;
  Clock::time_point message_end_{};
};

void Cam(CamOptions options) {
  const bool headless = options.headless || !CanOpenWindows();
  if (headless && options.record.empty()) options.record = "ocellus-cam.mp4";
  CamRun run(options);
  if (headless) {
    run.Headless();
  } else {
    run.Windowed();
  }
  run.Finish();
}

}  // namespace

void AddCamCommand(CLI::App& app) {
  const auto options = std::make_shared<CamOptions>();
  CLI::App* command = app.add_subcommand(
      "cam", "Detect live in a window; without a display, into a video");
  command->add_option("--source", options->feed.source,
                      "Camera number, video file or URL (default: the first "
                      "camera, else Debian's pedestrian clip); or "
                      "serial:DEVICE, e.g. serial:/dev/ttyACM0: a camera board "
                      "and its own detections");
  command->add_option("--on", options->feed.on,
                      "serial:DEVICE: a board without a camera detects in the "
                      "source's frames");
  command->add_option("--record", options->record,
                      "Write an annotated video (.mp4) and a contact sheet "
                      "(.png) of the same name (default without a display: "
                      "ocellus-cam.mp4)");
  command->add_flag("--headless", options->headless, "Open no window");
  command
      ->add_option("--threshold", options->threshold,
                   "Lowest score to show (default: the model's)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--frames", options->frames, "Stop after N frames")
      ->check(CLI::PositiveNumber);
  AddModelOptions(*command, options->feed.model);
  command->callback([options] { Cam(*options); });
}

}  // namespace ocellus
