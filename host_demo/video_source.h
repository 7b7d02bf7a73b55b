// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <opencv2/videoio.hpp>
#include <string>

namespace ocellus {

// Frames of a camera, a video file or a network stream.
class VideoSource {
 public:
  // `where`: a camera's number (0 is /dev/video0), a device, a file or a URL.
  // Throws Failure, saying what is there instead, if it cannot be opened.
  explicit VideoSource(const std::string& where);

  // The next frame, 8 bit BGR. False at the end. Throws Failure when there is
  // not even a first frame.
  bool Read(cv::Mat& frame);

  // For messages, e.g. "camera /dev/video0" or "vtest.avi".
  const std::string& description() const { return description_; }
  // Frames come at the world's pace, not at the reader's.
  bool is_live() const { return is_live_; }
  double fps() const { return fps_; }                   // 0: unknown
  int64_t frame_count() const { return frame_count_; }  // 0: unknown

 private:
  std::string description_;
  bool is_live_ = false;
  double fps_ = 0.0;
  int64_t frame_count_ = 0;
  int64_t frames_read_ = 0;
  cv::VideoCapture capture_;
};

// What to watch when nobody says: the first camera that opens, else the
// pedestrians of Debian's opencv-doc. `notice` is a line about the choice.
// Throws Failure if there is neither.
struct DefaultSource {
  std::string where;
  std::string notice;
};
DefaultSource FindDefaultSource();

}  // namespace ocellus
