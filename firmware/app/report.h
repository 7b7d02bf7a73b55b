// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/app/text_line.h"
#include "firmware/camera/pixel_format.h"
#include "postprocess/detection.h"
#include "runtime/model.h"

namespace ocellus {

// Adds `"detections":[...]`: class, score and box [x_min, y_min, x_max, y_max]
// in pixels of the camera's frame, 0 at the outer edge of the first.
void AddDetections(TextLine& line, std::span<const Detection> detections,
                   const Model& model, const FrameFormat& frame);

}  // namespace ocellus
