// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>
#include <span>
#include <string>
#include <vector>

#include "postprocess/detection.h"

namespace ocellus {

// A colour (BGR, 0..255) for each of `class_count` classes, far apart for
// classes whose numbers are close. The same at every call.
cv::Scalar ClassColour(int class_id, int class_count);

// Draws `detections` on `image` (8 bit BGR): boxes in their class's colour,
// each with a tag "class 87%" that stays within the picture.
void DrawDetections(cv::Mat& image, std::span<const Detection> detections,
                    std::span<const std::string> class_names);

// Draws `lines` on a dark, translucent panel in a corner of `image`, as large
// as legible and as small as fits the width.
enum class Corner { kTopLeft, kBottomLeft };
void DrawPanel(cv::Mat& image, const std::vector<std::string>& lines,
               Corner corner);

}  // namespace ocellus
