// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/mul_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ocellus::kernels::reference {
namespace {

using testing::ElementsAre;

// (a - 1) * (b + 2) / 4 + 3, halves to even.
constexpr MulParams kParams = {.zero_point = 1,
                               .zero_point2 = -2,
                               .output_zero_point = 3,
                               .requant = 0.25f,
                               .activation_min = -100,
                               .activation_max = 50};

TEST(MulS8, MultipliesElementByElement) {
  const std::array<int8_t, 4> a = {3, 4, 127, -128};
  const std::array<int8_t, 4> b = {1, 0, 100, 100};
  std::array<int8_t, 4> output = {};
  MulS8(kParams, {a.data(), {1, 2, 2}}, {b.data(), {1, 2, 2}},
        {output.data(), {1, 2, 2}});
  // 6 / 4 = 1.5 and 6 / 4 again; the others leave the bounds.
  EXPECT_THAT(output, ElementsAre(5, 5, 50, -100));
}

TEST(MulS8, ScalesChannels) {
  const std::array<int8_t, 4> a = {3, 5, 9, 11};
  const std::array<int8_t, 2> b = {0, 2};
  std::array<int8_t, 4> output = {};
  MulS8(kParams, {a.data(), {2, 1, 2}}, {b.data(), {1, 1, 2}},
        {output.data(), {2, 1, 2}});
  EXPECT_THAT(output, ElementsAre(4, 7, 7, 13));
}

}  // namespace
}  // namespace ocellus::kernels::reference
