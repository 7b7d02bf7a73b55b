// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

namespace ocellus {

// An axis-parallel rectangle. Whoever holds one says in which frame and unit
// (`box_in_image`, `box_in_input`, fractions or pixels).
struct BoundingBox {
  float x_min = 0.0f;
  float y_min = 0.0f;
  float x_max = 0.0f;
  float y_max = 0.0f;

  friend constexpr bool operator==(const BoundingBox&,
                                   const BoundingBox&) = default;
};

// Area of the intersection over area of the union, in [0, 1] up to rounding.
// Coordinates are continuous: a box spans x_max - x_min (Pascal VOC's scoring
// counts whole pixels instead, see datasets/average_precision.h). 0 when a box
// is empty, inverted or NaN, or so small that its area is 0 in float.
// IoU(a, b) and IoU(b, a) are the same bits.
constexpr float IoU(const BoundingBox& a, const BoundingBox& b) {
  const float width = std::min(a.x_max, b.x_max) - std::max(a.x_min, b.x_min);
  const float height = std::min(a.y_max, b.y_max) - std::max(a.y_min, b.y_min);
  if (!(width > 0.0f && height > 0.0f)) return 0.0f;
  const float intersection = width * height;
  const float area_a = (a.x_max - a.x_min) * (a.y_max - a.y_min);
  const float area_b = (b.x_max - b.x_min) * (b.y_max - b.y_min);
  const float union_area = area_a + area_b - intersection;
  return union_area > 0.0f ? intersection / union_area : 0.0f;
}

}  // namespace ocellus
