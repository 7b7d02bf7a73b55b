// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/pixel_box.h"

#include <gtest/gtest.h>

namespace ocellus {
namespace {

TEST(PixelBox, CountsFromOneAndIncludesTheLastPixel) {
  // The whole image, its left half, and its second pixel of 8.
  EXPECT_EQ(PixelBox({0, 0, 1, 1}, 8, 4), (BoundingBox{1, 1, 8, 4}));
  EXPECT_EQ(PixelBox({0, 0, 0.5f, 1}, 8, 4), (BoundingBox{1, 1, 4, 4}));
  EXPECT_EQ(PixelBox({0.125f, 0, 0.25f, 1}, 8, 4), (BoundingBox{2, 1, 2, 4}));
}

TEST(PixelBox, IsUndoneByFractionBox) {
  const BoundingBox fraction = FractionBox({3, 2, 100, 75}, 500, 375);
  const BoundingBox pixels = PixelBox(fraction, 500, 375);
  EXPECT_NEAR(pixels.x_min, 3, 1e-4);
  EXPECT_NEAR(pixels.y_min, 2, 1e-4);
  EXPECT_NEAR(pixels.x_max, 100, 1e-4);
  EXPECT_NEAR(pixels.y_max, 75, 1e-4);
}

}  // namespace
}  // namespace ocellus
