// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <span>
#include <string>
#include <vector>

#include "host_demo/model_options.h"
#include "postprocess/detection.h"

namespace ocellus {

// Frames, and what is found in them, here or on a board.
class CamFeed {
 public:
  virtual ~CamFeed() = default;

  // The next frame, 8 bit BGR. False at the end.
  virtual bool Read(cv::Mat& frame) = 0;
  // What was found in it that scores at least this; best first, valid until
  // the next call.
  virtual std::span<const Detection> Detections(const cv::Mat& frame,
                                                float threshold) = 0;

  virtual std::string model_name() const = 0;
  virtual std::span<const std::string> class_names() const = 0;
  // The lowest score to show when nobody says.
  virtual float threshold() const = 0;
  // How long the last frame took, the network here or all of it on a board.
  virtual double milliseconds() const = 0;
  // For messages: where the frames come from.
  virtual std::string description() const = 0;
  // Frames come at the world's pace, not at the reader's.
  virtual bool is_live() const = 0;
  virtual double fps() const = 0;           // 0: unknown
  virtual int64_t frame_count() const = 0;  // 0: unknown
  // A line about the last frame, e.g. what a board complained of; empty: none.
  virtual std::string TakeNotice() { return {}; }
};

struct FeedOptions {
  ModelOptions model;
  std::string source;  // as VideoSource takes it, or serial:DEVICE; empty: any
  std::string on;      // serial:DEVICE: a board that detects; empty: here
};

// Opens it; waits end when is_over() says so. Throws Failure.
std::unique_ptr<CamFeed> OpenFeed(const FeedOptions& options,
                                  std::function<bool()> is_over);

}  // namespace ocellus
