// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "postprocess/bounding_box.h"

namespace ocellus {

// A box in fractions of the network's input, as Detection holds it, in pixels
// of the picture that was stretched to that input: 0 at the outer edge of the
// first pixel, `width` or `height` at that of the last. (For Pascal VOC's
// numbering from 1 see datasets/voc/pixel_box.h.)
constexpr BoundingBox BoxInImage(const BoundingBox& box_in_input, int width,
                                 int height) {
  const float w = static_cast<float>(width);
  const float h = static_cast<float>(height);
  return {box_in_input.x_min * w, box_in_input.y_min * h,
          box_in_input.x_max * w, box_in_input.y_max * h};
}

}  // namespace ocellus
