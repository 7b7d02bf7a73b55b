// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/mul_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/runtime/kernels/equals_reference.h"

namespace ocellus::kernels::reference {
namespace {

using ::testing::ElementsAre;

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

namespace ocellus::kernels::testing {
namespace {

TEST(MulS8, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const MulParams params = {
        .zero_point = RandomInt(random, -128, 127),
        .zero_point2 = RandomInt(random, -128, 127),
        .output_zero_point = RandomInt(random, -128, 127),
        .requant = 1.0f / static_cast<float>(RandomInt(random, 1, 400)),
        .activation_min = RandomOf(random, {-128, -20}),
        .activation_max = RandomOf(random, {127, 30})};
    const Shape shape = {RandomInt(random, 1, 5), RandomInt(random, 1, 7),
                         RandomInt(random, 1, 21)};
    const bool scales_channels = RandomInt(random, 0, 1) == 0;
    const RandomTensor a(random, shape);
    const RandomTensor b(random,
                         scales_channels ? Shape{1, 1, shape.c} : shape);
    ExpectEqualsReference(random, shape,
                          [&](const Backend& backend, Tensor<int8_t> output) {
                            backend.mul(params, a.view(), b.view(), output);
                          });
    // And over its first input.
    ExpectEqualsReference(
        random, shape, [&](const Backend& backend, Tensor<int8_t> output) {
          backend.mul(params, output,
                      scales_channels ? b.view() : Tensor<int8_t>(output),
                      output);
        });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
