// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/average_precision.h"
#include "datasets/result.h"
#include "datasets/voc/voc_dataset.h"

namespace ocellus {

// What AveragePrecision() needs to know about a dataset.
struct GroundTruth {
  struct ImageSize {
    int32_t width = 0;
    int32_t height = 0;
  };
  // By index into VocDataset::images(): size of the image as annotated, which
  // the boxes refer to.
  std::vector<ImageSize> image_sizes;
  // By class: all its objects, image by image.
  std::vector<std::vector<GroundTruthObject>> objects;
};

// Reads the annotations of all images and leaves out objects of other classes.
// Besides the errors of ReadAnnotation(): not one object is of `classes`.
Result<GroundTruth> ReadGroundTruth(const VocDataset& dataset,
                                    std::span<const std::string_view> classes);

}  // namespace ocellus
