// SPDX-License-Identifier: Apache-2.0
#include "postprocess/bounding_box.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <random>

namespace ocellus {
namespace {

TEST(IoU, EqualsHandWorkedOverlap) {
  // 4x4 and 4x2 share 2x2: 4 / (16 + 8 - 4) = 0.2.
  EXPECT_EQ(IoU({0, 0, 4, 4}, {2, 1, 6, 3}), 0.2f);
  // Half of a box: 8 / 16.
  EXPECT_EQ(IoU({0, 0, 4, 4}, {0, 0, 4, 2}), 0.5f);
}

TEST(IoU, IsOneForEqualBoxes) {
  EXPECT_EQ(IoU({0.1f, 0.2f, 0.4f, 0.7f}, {0.1f, 0.2f, 0.4f, 0.7f}), 1.0f);
}

TEST(IoU, IsZeroForBoxesThatOnlyTouch) {
  EXPECT_EQ(IoU({0, 0, 1, 1}, {1, 0, 2, 1}), 0.0f);
  EXPECT_EQ(IoU({0, 0, 1, 1}, {1, 1, 2, 2}), 0.0f);
  EXPECT_EQ(IoU({0, 0, 1, 1}, {5, 5, 6, 6}), 0.0f);
}

TEST(IoU, IsZeroForBoxesWithoutArea) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(IoU({1, 1, 1, 2}, {0, 0, 4, 4}), 0.0f);
  EXPECT_EQ(IoU({1, 1, 1, 1}, {1, 1, 1, 1}), 0.0f);
  EXPECT_EQ(IoU({3, 3, 1, 1}, {0, 0, 4, 4}), 0.0f);
  EXPECT_EQ(IoU({nan, 0, 1, 1}, {0, 0, nan, 1}), 0.0f);
  // The sides are floats, their product is not.
  EXPECT_EQ(IoU({0, 0, 1e-30f, 1e-30f}, {0, 0, 1e-30f, 1e-30f}), 0.0f);
}

TEST(IoU, EqualsCountOfCellsOverRandomIntegerBoxes) {
  for (uint32_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto draw = [&] {
      std::uniform_int_distribution<int> side(0, 6);
      std::uniform_int_distribution<int> corner(0, 8);
      const int x = corner(random);
      const int y = corner(random);
      return BoundingBox{static_cast<float>(x), static_cast<float>(y),
                         static_cast<float>(x + side(random)),
                         static_cast<float>(y + side(random))};
    };
    const BoundingBox a = draw();
    const BoundingBox b = draw();
    const auto contains = [](const BoundingBox& box, int x, int y) {
      const float center_x = static_cast<float>(x) + 0.5f;
      const float center_y = static_cast<float>(y) + 0.5f;
      return box.x_min < center_x && center_x < box.x_max &&
             box.y_min < center_y && center_y < box.y_max;
    };
    int both = 0;
    int either = 0;
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 16; ++x) {
        both += contains(a, x, y) && contains(b, x, y);
        either += contains(a, x, y) || contains(b, x, y);
      }
    }
    const float expected =
        both == 0 ? 0.0f
                  : static_cast<float>(both) / static_cast<float>(either);
    EXPECT_EQ(IoU(a, b), expected);
    EXPECT_EQ(std::bit_cast<uint32_t>(IoU(a, b)),
              std::bit_cast<uint32_t>(IoU(b, a)));
  }
}

}  // namespace
}  // namespace ocellus
