// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <opencv2/core/mat.hpp>
#include <span>
#include <string>
#include <vector>

#include "host_demo/board_stream.h"
#include "host_demo/serial_port.h"
#include "postprocess/detection.h"

namespace ocellus {

// A board that runs the project's firmware, on a serial line.
//
// Functions wait for the board, and return false when is_over() says so
// meanwhile. They throw Failure when the line is gone, when nothing that such a
// board says comes for `patience`, or when it is a board of the other kind.
class SerialBoard {
 public:
  static constexpr std::chrono::seconds kPatience{15};

  SerialBoard(const std::string& path, std::function<bool()> is_over,
              std::chrono::milliseconds patience = kPatience);

  // The next picture that the board's network saw, at the camera's size, BGR.
  // Behind it, detections() are what the board found there.
  bool ReadFrame(cv::Mat& frame);
  // Gives the board, which must have no camera, a frame of any size (BGR).
  // Behind it, detections() are what the board found there.
  bool Detect(const cv::Mat& frame);

  const std::string& path() const { return port_.path(); }
  // The board's model if it has told: it does at its start.
  const std::string& model() const { return model_; }
  // Of the classes seen so far, by class_id.
  std::span<const std::string> class_names() const { return class_names_; }
  std::span<const Detection> detections() const { return detections_; }
  double milliseconds() const { return milliseconds_; }
  double temperature() const { return temperature_; }
  // What the board complained of since the last call; empty: nothing.
  std::string TakeComplaint();

 private:
  using Clock = std::chrono::steady_clock;

  // The next message, handed to take(message), which is true when it was
  // waited for. False when all is over.
  bool Await(const std::function<bool(const BoardMessage&)>& take,
             const std::string& what);
  bool Send(std::span<const char> bytes);
  void Keep(const BoardAnswer& answer);
  int32_t ClassId(const std::string& name);

  SerialPort port_;
  std::function<bool()> is_over_;
  std::chrono::milliseconds patience_;
  BoardStream stream_;
  std::string model_ = "a board";
  std::string complaint_;
  std::vector<std::string> class_names_;
  std::vector<Detection> detections_;
  double milliseconds_ = 0.0;
  double temperature_ = 0.0;
};

}  // namespace ocellus
