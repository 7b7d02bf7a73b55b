// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/requantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ocellus::kernels {
namespace {

TEST(RoundHalfToEvenTest, RoundsTiesToEven) {
  EXPECT_EQ(RoundHalfToEven(0.5f), 0);
  EXPECT_EQ(RoundHalfToEven(1.5f), 2);
  EXPECT_EQ(RoundHalfToEven(2.5f), 2);
  EXPECT_EQ(RoundHalfToEven(-0.5f), 0);
  EXPECT_EQ(RoundHalfToEven(-1.5f), -2);
  EXPECT_EQ(RoundHalfToEven(-2.5f), -2);
}

TEST(RoundHalfToEvenTest, EqualsNearbyintAtEveryHalfInItsRange) {
  // Counted in halves: every integer and tie in [-2^22, 2^22].
  int64_t mismatches = 0;
  for (int32_t halves = -(1 << 23); halves <= 1 << 23; ++halves) {
    const float value = static_cast<float>(halves) * 0.5f;
    const auto expected = static_cast<int32_t>(std::nearbyint(value));
    if (RoundHalfToEven(value) != expected) ++mismatches;
  }
  EXPECT_EQ(mismatches, 0);
}

TEST(RoundHalfToEvenTest, EqualsNearbyintBesideEveryTieOfInt8) {
  for (int32_t i = -256; i <= 256; ++i) {
    const float tie = static_cast<float>(i) + 0.5f;
    for (const float value :
         {std::nextafter(tie, -1e9f), tie, std::nextafter(tie, 1e9f)}) {
      ASSERT_EQ(RoundHalfToEven(value),
                static_cast<int32_t>(std::nearbyint(value)))
          << value;
    }
  }
}

TEST(RequantizeTest, EqualsItsDefinitionForAllSmallSumsAndZeroPoints) {
  struct Range {
    int32_t min, max;
  };
  int64_t mismatches = 0;
  for (const float scale : {0.25f, 0.5f, 0.75f, 1.0f, 1.0f / 3.0f}) {
    for (const Range range : {Range{-128, 127}, Range{-100, -7}}) {
      for (int32_t zero_point = -128; zero_point <= 127; ++zero_point) {
        for (int32_t sum = -1100; sum <= 1100; ++sum) {
          const float scaled = static_cast<float>(sum) * scale;
          const auto rounded = static_cast<int32_t>(std::nearbyint(scaled));
          const int32_t expected =
              std::clamp(rounded + zero_point, range.min, range.max);
          const int32_t answer =
              Requantize(sum, scale, zero_point, range.min, range.max);
          if (answer != expected) ++mismatches;
        }
      }
    }
  }
  EXPECT_EQ(mismatches, 0);
}

TEST(RequantizeTest, SaturatesAtTheEndsOfInt32) {
  EXPECT_EQ(Requantize(INT32_MAX, 1.0f, -128, -128, 127), 127);
  EXPECT_EQ(Requantize(INT32_MIN, 1.0f, 127, -128, 127), -128);
  EXPECT_EQ(Requantize(INT32_MAX, 1e30f, 0, -5, 6), 6);
  EXPECT_EQ(Requantize(INT32_MIN, 1e30f, 0, -5, 6), -5);
}

}  // namespace
}  // namespace ocellus::kernels
