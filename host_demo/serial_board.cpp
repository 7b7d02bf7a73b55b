// SPDX-License-Identifier: Apache-2.0
#include "host_demo/serial_board.h"

#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <utility>

#include "host_demo/failure.h"

namespace ocellus {
namespace {

// How long a wait lasts before is_over() is asked again.
constexpr std::chrono::milliseconds kStep{100};

// The upper byte of each pixel first.
std::vector<char> Rgb565(const cv::Mat& bgr) {
  std::vector<char> bytes;
  bytes.reserve(2 * bgr.total());
  for (int y = 0; y < bgr.rows; ++y) {
    for (int x = 0; x < bgr.cols; ++x) {
      const auto& pixel = bgr.at<cv::Vec3b>(y, x);
      const int value =
          pixel[2] >> 3 << 11 | pixel[1] >> 2 << 5 | pixel[0] >> 3;
      bytes.push_back(static_cast<char>(value >> 8));
      bytes.push_back(static_cast<char>(value));
    }
  }
  return bytes;
}

}  // namespace

SerialBoard::SerialBoard(const std::string& path, std::function<bool()> is_over,
                         std::chrono::milliseconds patience)
    : port_(path), is_over_(std::move(is_over)), patience_(patience) {}

bool SerialBoard::ReadFrame(cv::Mat& frame) {
  // The board reads the letter before its next frame. One may get lost, so
  // each answer without a picture is followed by another.
  const auto ask = [&] {
    constexpr char kDump = 'd';
    return Send({&kDump, 1});
  };
  if (!ask()) return false;
  std::optional<BoardPicture> picture;
  return Await(
      [&](const BoardMessage& message) {
        if (std::holds_alternative<BoardWant>(message)) {
          throw Failure(path() +
                        ": this board has no camera; it takes the frames of "
                        "another source: --on serial:" +
                        path());
        }
        if (const auto* seen = std::get_if<BoardPicture>(&message)) {
          picture = *seen;
        }
        const auto* answer = std::get_if<BoardAnswer>(&message);
        if (answer == nullptr) return false;
        if (!picture || picture->frame != answer->frame) {
          picture.reset();
          ask();
          return false;
        }
        cv::Mat rgb(picture->height, picture->width, CV_8UC3,
                    picture->rgb.data());
        cv::cvtColor(rgb, frame, cv::COLOR_RGB2BGR);
        cv::resize(frame, frame,
                   {picture->camera_width, picture->camera_height}, 0, 0,
                   cv::INTER_LINEAR);
        Keep(*answer);
        return true;
      },
      "picture");
}

bool SerialBoard::Detect(const cv::Mat& frame) {
  bool sent = false;
  return Await(
      [&](const BoardMessage& message) {
        if (const auto* want = std::get_if<BoardWant>(&message)) {
          cv::Mat fitting;
          cv::resize(frame, fitting, {want->width, want->height}, 0, 0,
                     cv::INTER_AREA);
          std::vector<char> bytes = Rgb565(fitting);
          bytes.insert(bytes.begin(), 'F');
          sent = Send(bytes);
          return false;
        }
        // That nothing came while nobody sent is no news.
        if (!sent) complaint_.clear();
        const auto* answer = std::get_if<BoardAnswer>(&message);
        if (answer == nullptr || !sent) return false;
        Keep(*answer);
        return true;
      },
      "answer to a frame");
}

std::string SerialBoard::TakeComplaint() {
  return std::exchange(complaint_, std::string());
}

bool SerialBoard::Await(const std::function<bool(const BoardMessage&)>& take,
                        const std::string& what) {
  const Clock::time_point start = Clock::now();
  bool heard = false;
  std::string last_complaint;
  while (!is_over_()) {
    while (const std::optional<BoardMessage> message = stream_.Next()) {
      heard = true;
      if (const auto* began = std::get_if<BoardStart>(&*message)) {
        model_ = began->model;
      }
      if (const auto* complaint = std::get_if<BoardComplaint>(&*message)) {
        complaint_ = last_complaint = complaint->text;
      }
      if (take(*message)) return true;
    }
    if (Clock::now() - start > patience_) {
      throw Failure(
          path() +
          (heard ? ": no " + what + " from the board" +
                       (last_complaint.empty() ? std::string()
                                               : "; it said: " + last_complaint)
                 : ": nothing that an Ocellus board says at 921600 baud"));
    }
    std::array<char, 4096> bytes;
    stream_.Add(std::span(bytes).first(port_.Read(bytes, kStep)));
  }
  return false;
}

bool SerialBoard::Send(std::span<const char> bytes) {
  const Clock::time_point start = Clock::now();
  while (!bytes.empty()) {
    if (is_over_()) return false;
    if (Clock::now() - start > patience_) {
      throw Failure(path() + ": the board does not take what is sent");
    }
    bytes = bytes.subspan(port_.Write(bytes, kStep));
  }
  return true;
}

void SerialBoard::Keep(const BoardAnswer& answer) {
  detections_.clear();
  for (const BoardDetection& found : answer.detections) {
    detections_.push_back({.box = found.box,
                           .class_id = ClassId(found.class_name),
                           .score = found.score});
  }
  milliseconds_ = answer.milliseconds;
  temperature_ = answer.temperature;
}

int32_t SerialBoard::ClassId(const std::string& name) {
  const auto at = std::find(class_names_.begin(), class_names_.end(), name);
  if (at == class_names_.end()) class_names_.push_back(name);
  return static_cast<int32_t>(
      std::find(class_names_.begin(), class_names_.end(), name) -
      class_names_.begin());
}

}  // namespace ocellus
