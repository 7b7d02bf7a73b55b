// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/softmax_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ocellus::kernels::reference {
namespace {

using testing::ElementsAre;

TEST(SoftmaxS8, SharesOutEachPixel) {
  // Halves with every step: e^(-scale * n) = 2^-n.
  std::array<float, 256> powers = {};
  float power = 1.0f;
  for (int i = 255; i >= 0; --i, power /= 2.0f) powers[i] = power;
  const std::array<int8_t, 6> input = {-128, -128, -127, 127, 100, 126};
  std::array<int8_t, 6> output = {};
  SoftmaxS8({.exp = powers.data()}, {input.data(), {1, 2, 3}},
            {output.data(), {1, 2, 3}});
  // A quarter, a quarter and a half; two thirds, nothing and a third of 256.
  EXPECT_THAT(output, ElementsAre(-64, -64, 0, 43, -128, -43));
}

}  // namespace
}  // namespace ocellus::kernels::reference
