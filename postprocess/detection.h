// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "postprocess/bounding_box.h"

namespace ocellus {

struct Detection {
  // Fractions of the network's input: x of its width, y of its height, both
  // in [0, 1], 0 at the outer edge of the first pixel and 1 at that of the
  // last. They stay valid at any size the input is drawn at.
  BoundingBox box;
  int32_t class_id = 0;
  float score = 0.0f;  // probability in [0, 1]

  friend constexpr bool operator==(const Detection&,
                                   const Detection&) = default;
};

// Whether `a` comes before `b`: the higher score, then the lower class, then
// the lower box (x_min, y_min, x_max, y_max in turn). Total for numbers other
// than NaN, so an answer sorted by it never depends on the order of the input.
constexpr bool BetterDetection(const Detection& a, const Detection& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.class_id != b.class_id) return a.class_id < b.class_id;
  if (a.box.x_min != b.box.x_min) return a.box.x_min < b.box.x_min;
  if (a.box.y_min != b.box.y_min) return a.box.y_min < b.box.y_min;
  if (a.box.x_max != b.box.x_max) return a.box.x_max < b.box.x_max;
  return a.box.y_max < b.box.y_max;
}

}  // namespace ocellus
