// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <span>
#include <string>
#include <vector>

#include "host_demo/input_table.h"
#include "host_demo/model_file.h"
#include "postprocess/anchor_decode.h"
#include "postprocess/detection.h"
#include "runtime/executor.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

// "host" or "reference". Throws Failure for other names.
const Backend& FindBackend(const std::string& name);

// Runs a prepared network on `image`, which is dense and of the input's shape:
// at once, or row by row if the arena does not hold all of it.
void RunNetwork(Executor& executor, Tensor<const int8_t> image);

// A model ready to run on pictures. One thread at a time; the model file must
// outlive it.
class DetectorSession {
 public:
  DetectorSession(const ModelFile& file, const Backend& backend);
  DetectorSession(const DetectorSession&) = delete;
  DetectorSession& operator=(const DetectorSession&) = delete;

  // Stretches `image` to the input, runs the network, decodes what scores at
  // least `score_threshold` and suppresses overlaps with the model's IoU. At
  // most `max_detections`, best first, valid until the next call.
  std::span<const Detection> Detect(const cv::Mat& image, ChannelOrder order,
                                    float score_threshold,
                                    std::size_t max_detections);

  // The `count` best classes of the picture, best first.
  std::vector<ClassProbability> Classify(const cv::Mat& image,
                                         ChannelOrder order, std::size_t count);
  bool is_classifier() const {
    return model_.header().encoding ==
           static_cast<uint16_t>(format::BoxEncoding::kClassifier);
  }

  // How long the network alone took in the last Detect() or Classify().
  double inference_ms() const { return inference_ms_; }

 private:
  void Run(const cv::Mat& image, ChannelOrder order);
  bool gives_boxes() const {
    return !is_classifier() &&
           model_.header().encoding !=
               static_cast<uint16_t>(format::BoxEncoding::kNone);
  }

  const Model& model_;
  InputTables tables_;
  std::vector<int8_t>
      input_;  // [H, W, 3], also when the arena holds fewer rows
  AlignedBytes arena_;
  Executor executor_;
  std::vector<Detection> detections_;
  double inference_ms_ = 0.0;
};

}  // namespace ocellus
