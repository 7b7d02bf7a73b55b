// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "postprocess/bounding_box.h"

namespace ocellus {

// VOC numbers pixels from 1 and counts both edges in; pixel k covers the
// continuous interval [k - 1, k]. These two functions are each other's inverse
// up to rounding.

// From fractions of the image to its pixels, 1-based and inclusive.
constexpr BoundingBox PixelBox(const BoundingBox& box_as_fraction,
                               int32_t image_width, int32_t image_height) {
  const float width = static_cast<float>(image_width);
  const float height = static_cast<float>(image_height);
  return {box_as_fraction.x_min * width + 1.0f,
          box_as_fraction.y_min * height + 1.0f, box_as_fraction.x_max * width,
          box_as_fraction.y_max * height};
}

// From pixels of the image, 1-based and inclusive, to fractions of it.
constexpr BoundingBox FractionBox(const BoundingBox& box_in_image,
                                  int32_t image_width, int32_t image_height) {
  const float width = static_cast<float>(image_width);
  const float height = static_cast<float>(image_height);
  return {(box_in_image.x_min - 1.0f) / width,
          (box_in_image.y_min - 1.0f) / height, box_in_image.x_max / width,
          box_in_image.y_max / height};
}

}  // namespace ocellus
