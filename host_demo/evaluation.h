// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "datasets/voc/devkit_detections.h"
#include "datasets/voc/ground_truth.h"
#include "datasets/voc/voc_dataset.h"
#include "host_demo/model_file.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

struct EvaluationOptions {
  std::vector<std::string_view> classes;  // names to look for
  std::size_t image_count = 0;            // the first ones of the list
  int threads = 1;                        // each with its own executor
  float score_threshold = 0.0f;
  std::size_t max_detections = 0;  // in an image
};

struct EvaluationRun {
  // By class asked for, in order of images, best first within one. Boxes are in
  // VOC's frame, see datasets/voc/pixel_box.h.
  DetectionsByClass detections;
  double wall_s = 0.0;
  double mean_inference_ms = 0.0;  // of the network alone, on one thread
};

// Runs a model on images of a dataset. The answer does not depend on the
// number of threads. `progress` is called on this thread now and then with the
// number of images done.
//
// Throws Failure if the model lacks one of the classes or an image cannot be
// read.
EvaluationRun DetectInDataset(const VocDataset& dataset,
                              const GroundTruth& truth, const ModelFile& model,
                              const Backend& backend,
                              const EvaluationOptions& options,
                              const std::function<void(int64_t)>& progress);

// Forgets what belongs to images other than the first `image_count`.
void KeepFirstImages(std::size_t image_count, GroundTruth* truth,
                     DetectionsByClass* detections);

}  // namespace ocellus
