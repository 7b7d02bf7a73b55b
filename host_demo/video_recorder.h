// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <opencv2/videoio.hpp>
#include <string>

#include "host_demo/output_file.h"

namespace ocellus {

// Writes a video that appears under its name only when complete.
class VideoRecorder {
 public:
  // Throws Failure unless `path` ends in .mp4, .mov or .avi and can be
  // written.
  VideoRecorder(const std::string& path, cv::Size frame_size, double fps);

  // Throws Failure if `path` has no ending of a video. To complain early.
  static void CheckName(const std::string& path);

  void Write(const cv::Mat& frame);
  // For live sources: writes `frame` as often as needed (or not at all) so
  // that the video lasts as long as the scene did.
  void WriteAt(const cv::Mat& frame, double elapsed_s);

  // Finishes the file and reads its index again: a full disk shows there.
  void Commit();

  int64_t frames() const { return frames_; }

 private:
  PendingFile file_;
  double fps_;
  int64_t frames_ = 0;
  cv::VideoWriter writer_;
};

// Copies of the current frame that a video of `fps` needs to have a frame for
// every moment up to `elapsed_s`, when it holds `written` frames.
int64_t CopiesDue(double elapsed_s, double fps, int64_t written);

}  // namespace ocellus
