// SPDX-License-Identifier: Apache-2.0
#include "host_demo/cam_feed.h"

#include <cstdio>
#include <utility>

#include "host_demo/detector_session.h"
#include "host_demo/failure.h"
#include "host_demo/model_file.h"
#include "host_demo/serial_board.h"
#include "host_demo/video_source.h"

namespace ocellus {
namespace {

constexpr std::size_t kMaxDetections = 100;
constexpr std::string_view kSerial = "serial:";

// A video's frames.
class VideoFeed : public CamFeed {
 public:
  explicit VideoFeed(const std::string& where) : source_(Choose(where)) {}

  bool Read(cv::Mat& frame) override { return source_.Read(frame); }
  std::string description() const override { return source_.description(); }
  bool is_live() const override { return source_.is_live(); }
  double fps() const override { return source_.fps(); }
  int64_t frame_count() const override { return source_.frame_count(); }

 private:
  static std::string Choose(const std::string& where) {
    if (!where.empty()) return where;
    const DefaultSource source = FindDefaultSource();
    std::printf("%s\n", source.notice.c_str());
    std::fflush(stdout);
    return source.where;
  }

  VideoSource source_;
};

class HostFeed final : public VideoFeed {
 public:
  HostFeed(const ModelOptions& model, const std::string& where)
      : HostFeed(std::make_unique<ModelFile>(FindModel(model.model)), model,
                 where) {}

  std::span<const Detection> Detections(const cv::Mat& frame,
                                        float threshold) override {
    return session_.Detect(frame, ChannelOrder::kBgr, threshold,
                           kMaxDetections);
  }
  std::string model_name() const override { return file_->model().name(); }
  std::span<const std::string> class_names() const override {
    return file_->class_names();
  }
  float threshold() const override {
    return file_->model().header().score_threshold;
  }
  double milliseconds() const override { return session_.inference_ms(); }

 private:
  // The model first: a wrong one is told of before a source is opened.
  HostFeed(std::unique_ptr<ModelFile> file, const ModelOptions& model,
           const std::string& where)
      : VideoFeed(where),
        file_(std::move(file)),
        session_(*file_, FindBackend(model.backend)) {}

  std::unique_ptr<ModelFile> file_;
  DetectorSession session_;
};

// What a board found, as far as it scores enough.
class BoardFindings {
 public:
  std::span<const Detection> Above(const SerialBoard& board, float threshold) {
    detections_.clear();
    for (const Detection& detection : board.detections()) {
      if (detection.score >= threshold) detections_.push_back(detection);
    }
    return detections_;
  }

 private:
  std::vector<Detection> detections_;
};

std::string Notice(SerialBoard& board) {
  const std::string complaint = board.TakeComplaint();
  return complaint.empty() ? complaint : "board: " + complaint;
}

// Frames of a video that a board detects in.
class RemoteFeed final : public VideoFeed {
 public:
  RemoteFeed(const std::string& where, const std::string& device,
             std::function<bool()> is_over)
      : VideoFeed(where), board_(device, std::move(is_over)) {}

  bool Read(cv::Mat& frame) override {
    return VideoFeed::Read(frame) && board_.Detect(frame);
  }
  std::span<const Detection> Detections(const cv::Mat&,
                                        float threshold) override {
    return findings_.Above(board_, threshold);
  }
  std::string model_name() const override { return board_.model(); }
  std::span<const std::string> class_names() const override {
    return board_.class_names();
  }
  float threshold() const override { return 0.0f; }
  double milliseconds() const override { return board_.milliseconds(); }
  std::string TakeNotice() override { return Notice(board_); }

 private:
  SerialBoard board_;
  BoardFindings findings_;
};

// A board with a camera of its own.
class BoardFeed final : public CamFeed {
 public:
  BoardFeed(const std::string& device, std::function<bool()> is_over)
      : board_(device, std::move(is_over)) {}

  bool Read(cv::Mat& frame) override { return board_.ReadFrame(frame); }
  std::span<const Detection> Detections(const cv::Mat&,
                                        float threshold) override {
    return findings_.Above(board_, threshold);
  }
  std::string model_name() const override { return board_.model(); }
  std::span<const std::string> class_names() const override {
    return board_.class_names();
  }
  float threshold() const override { return 0.0f; }
  double milliseconds() const override { return board_.milliseconds(); }
  std::string description() const override { return board_.path(); }
  bool is_live() const override { return true; }
  double fps() const override { return 0.0; }
  int64_t frame_count() const override { return 0; }
  std::string TakeNotice() override { return Notice(board_); }

 private:
  SerialBoard board_;
  BoardFindings findings_;
};

}  // namespace

std::unique_ptr<CamFeed> OpenFeed(const FeedOptions& options,
                                  std::function<bool()> is_over) {
  const bool from_board = options.source.starts_with(kSerial);
  if (!options.on.empty()) {
    if (!options.on.starts_with(kSerial)) {
      throw Failure("--on " + options.on + ": expected serial:DEVICE");
    }
    if (from_board) {
      throw Failure("--on is for sources whose frames a board is to be sent");
    }
    return std::make_unique<RemoteFeed>(
        options.source, options.on.substr(kSerial.size()), std::move(is_over));
  }
  if (from_board) {
    return std::make_unique<BoardFeed>(options.source.substr(kSerial.size()),
                                       std::move(is_over));
  }
  return std::make_unique<HostFeed>(options.model, options.source);
}

}  // namespace ocellus
