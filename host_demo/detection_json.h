// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "postprocess/anchor_decode.h"
#include "postprocess/detection.h"

namespace ocellus {

// One line of JSON, without its end: file, frame, width, height and
// detections, each with class, score and box [x_min, y_min, x_max, y_max] in
// pixels (0 at the outer edge of the first), rounded to what the model can
// tell. `width` and `height` are those of the picture.
std::string DetectionsJson(const std::string& file, int64_t frame, int width,
                           int height, std::span<const Detection> detections,
                           std::span<const std::string> class_names);

// The same for a picture that was classified: file, frame and classes, each
// with its score, best first.
std::string ClassesJson(const std::string& file, int64_t frame,
                        std::span<const ClassProbability> classes,
                        std::span<const std::string> class_names);

}  // namespace ocellus
