// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "host_demo/model_file.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

struct LabelledPicture {
  std::string path;
  int32_t class_id = 0;
};

// The pictures of a folder that has one folder for each class. Folders are told
// by the class's name; if none has such a name and there are as many of them as
// classes, they are the classes in the order of their names. Sorted by path.
//
// Throws Failure if a folder is no class or there are no pictures.
std::vector<LabelledPicture> ReadClassFolders(
    const std::string& folder, const std::vector<std::string>& class_names);

// Pictures of one class, and those whose class was the best and among the best
// five.
struct ClassificationCount {
  int64_t images = 0;
  int64_t top1 = 0;
  int64_t top5 = 0;
};

struct ClassificationRun {
  std::vector<ClassificationCount> classes;
  double wall_s = 0.0;
  double mean_inference_ms = 0.0;

  ClassificationCount total() const;
};

// Classifies every picture, stretched to the network's input. `progress` is
// called with how many are done. Throws Failure for a picture that is broken.
ClassificationRun Classify(const std::vector<LabelledPicture>& pictures,
                           const ModelFile& model, const Backend& backend,
                           int threads,
                           const std::function<void(int64_t)>& progress);

}  // namespace ocellus
