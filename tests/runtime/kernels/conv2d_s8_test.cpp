// SPDX-License-Identifier: Apache-2.0
// Both convolutions: they share their parameters, and so their tests.
#include "runtime/kernels/conv2d_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "tests/runtime/kernels/host_targets.h"
#include "tests/runtime/kernels/kernel_case.h"

namespace ocellus::kernels::testing {
namespace {

using ::testing::ElementsAre;

TEST(Conv2dS8Test, EqualsCaseWorkedByHand) {
  // Minus its zero point of 1, the input is {0, 1; 2, 3}, and 0 right of it.
  Conv2dCase c;
  c.input_shape = {2, 2, 1};
  c.output_shape = {1, 2, 2};
  c.weights = {1, 2, 3, 4, -1, 0, 0, 1};
  c.bias = {10, -1};
  c.requant = {0.25f, 0.25f};
  c.params.kernel_h = c.params.kernel_w = 2;
  c.params.input_zero_point = 1;
  c.params.output_zero_point = -3;
  c.params.weights = c.weights.data();
  c.params.bias = c.bias.data();
  c.params.requant = c.requant.data();
  const std::vector<int8_t> input = {1, 2, 3, 4};
  ForEachBackend([&](const Backend& backend) {
    std::vector<int8_t> output(4);
    PreparedConv2d(backend, c)
        .Run(c.params, Tensor<const int8_t>(input.data(), c.input_shape),
             Tensor<int8_t>(output.data(), c.output_shape));
    // Left: (10 + 0 + 2 + 6 + 12) / 4 = 7.5, to even 8, - 3 = 5;
    //       (-1 + 3) / 4 = 0.5, to even 0, - 3 = -3.
    // Right: (10 + 1 + 9) / 4 - 3 = 2; (-1 - 1) / 4 = -0.5, to even 0, - 3.
    EXPECT_THAT(output, ElementsAre(5, -3, 2, -3));
  });
}

TEST(DepthwiseConv2dS8Test, EqualsCaseWorkedByHand) {
  // Minus its zero point of -1, the input is (4, 0), (6, 8), then zeros.
  Conv2dCase c;
  c.depthwise = true;
  c.input_shape = {1, 2, 2};
  c.output_shape = {1, 2, 2};
  c.weights = {1, 2, 3, -1};
  c.bias = {2, 3};
  c.requant = {0.125f, 0.5f};
  c.params.kernel_w = 2;
  c.params.input_zero_point = -1;
  c.params.output_zero_point = 10;
  c.params.activation_min = 9;
  c.params.activation_max = 12;
  c.params.weights = c.weights.data();
  c.params.bias = c.bias.data();
  c.params.requant = c.requant.data();
  const std::vector<int8_t> input = {3, -1, 5, 7};
  ForEachBackend([&](const Backend& backend) {
    std::vector<int8_t> output(4);
    PreparedConv2d(backend, c)
        .Run(c.params, Tensor<const int8_t>(input.data(), c.input_shape),
             Tensor<int8_t>(output.data(), c.output_shape));
    // Left: (2 + 4 + 18) / 8 = 3, + 10, at most 12; (3 - 8) / 2 = -2.5, to
    // even -2, + 10, at least 9. Right: (2 + 6) / 8 = 1, + 10 = 11;
    // (3 + 16) / 2 = 9.5, to even 10, + 10, at most 12.
    EXPECT_THAT(output, ElementsAre(12, 9, 11, 12));
  });
}

// Weights of 1, so that the sums are all of int8 plus a channel's bias, and a
// scale of 1/2, so that every second one is a tie.
void ExpectRoundingOfEverySum(bool depthwise) {
  constexpr int32_t kChannels = 67;
  for (int32_t zero_point = -128; zero_point <= 127; zero_point += 17) {
    Conv2dCase c;
    c.depthwise = depthwise;
    c.input_shape = {1, 256, depthwise ? kChannels : 1};
    c.output_shape = {1, 256, kChannels};
    c.weights.assign(kChannels, 1);
    c.bias.resize(kChannels);
    std::iota(c.bias.begin(), c.bias.end(), -kChannels / 2);
    c.requant.assign(kChannels, 0.5f);
    c.params.output_zero_point = zero_point;
    c.params.weights = c.weights.data();
    c.params.bias = c.bias.data();
    c.params.requant = c.requant.data();
    std::vector<int8_t> input;
    std::vector<int8_t> expected;
    for (int32_t value = -128; value <= 127; ++value) {
      input.insert(input.end(), static_cast<std::size_t>(c.input_shape.c),
                   static_cast<int8_t>(value));
      for (const int32_t bias : c.bias) {
        const double rounded = std::nearbyint((value + bias) * 0.5);
        expected.push_back(static_cast<int8_t>(
            std::clamp(rounded + zero_point, -128.0, 127.0)));
      }
    }
    ForEachBackend([&](const Backend& backend) {
      std::vector<int8_t> output(expected.size());
      PreparedConv2d(backend, c)
          .Run(c.params, Tensor<const int8_t>(input.data(), c.input_shape),
               Tensor<int8_t>(output.data(), c.output_shape));
      EXPECT_EQ(output, expected) << "zero point " << zero_point;
    });
  }
}

TEST(Conv2dS8Test, RoundsEverySumHalfToEven) {
  ExpectRoundingOfEverySum(/*depthwise=*/false);
}

TEST(DepthwiseConv2dS8Test, RoundsEverySumHalfToEven) {
  ExpectRoundingOfEverySum(/*depthwise=*/true);
}

constexpr int32_t kSizes[] = {1, 2, 3, 5, 6, 7, 8, 9, 13, 14, 17, 25, 31};
constexpr int32_t kChannels[] = {1,  2,  3,  4,  5,  7,  8,  9,  12,  15,  16,
                                 17, 20, 23, 24, 25, 31, 32, 33, 40,  47,  48,
                                 49, 63, 64, 65, 72, 80, 96, 97, 127, 160, 200};
// Most tests are of small cases: the reference is slow.
constexpr int64_t kMaxMacs = 400'000;

int32_t RandomZeroPoint(std::mt19937& random) {
  const int32_t zero_points[] = {-128, 127, 0, RandomInt(random, -128, 127)};
  return RandomOf(random, zero_points);
}

// Rows or columns of an output, now and then more than the input covers.
int32_t RandomOutputSize(std::mt19937& random, int32_t input, int32_t kernel,
                         int32_t stride, int32_t pad) {
  const int32_t pad_end = RandomInt(random, 0, kernel - 1);
  const int32_t last = input + pad + pad_end - kernel;
  const int32_t covered = last < 0 ? 1 : last / stride + 1;
  return covered + std::max(RandomInt(random, -2, 2), 0);
}

Conv2dCase RandomCase(std::mt19937& random, bool depthwise) {
  for (;;) {
    Conv2dCase c;
    Conv2dParams& p = c.params;
    c.depthwise = depthwise;
    const bool pointwise = !depthwise && RandomInt(random, 0, 2) == 0;
    p.kernel_h = pointwise ? 1 : RandomInt(random, 1, 8);
    p.kernel_w = pointwise                      ? 1
                 : RandomInt(random, 0, 1) == 0 ? p.kernel_h
                                                : RandomInt(random, 1, 8);
    p.stride_y = pointwise ? 1 : RandomInt(random, 1, 3);
    p.stride_x = pointwise ? 1 : RandomInt(random, 1, 3);
    p.pad_top = RandomInt(random, 0, p.kernel_h - 1);
    p.pad_left = RandomInt(random, 0, p.kernel_w - 1);
    p.input_zero_point = RandomZeroPoint(random);
    p.output_zero_point = RandomZeroPoint(random);
    if (RandomInt(random, 0, 1) == 0) {
      p.activation_min = RandomInt(random, -128, 127);
      p.activation_max = RandomInt(random, p.activation_min, 127);
    }
    // Now and then the first layer of a network.
    const bool image = !depthwise && RandomInt(random, 0, 9) == 0;
    if (image) p.kernel_h = p.kernel_w = 3;
    p.pad_top = std::min(p.pad_top, p.kernel_h - 1);
    p.pad_left = std::min(p.pad_left, p.kernel_w - 1);
    const int32_t input_c = image ? 3 : RandomOf(random, kChannels);
    c.input_shape = {RandomOf(random, kSizes), RandomOf(random, kSizes),
                     input_c};
    c.output_shape = {RandomOutputSize(random, c.input_shape.h, p.kernel_h,
                                       p.stride_y, p.pad_top),
                      RandomOutputSize(random, c.input_shape.w, p.kernel_w,
                                       p.stride_x, p.pad_left),
                      depthwise ? input_c : RandomOf(random, kChannels)};
    if (c.output_shape.elements() * c.depth() > kMaxMacs) continue;
    c.FillWeights(random);
    return c;
  }
}

// Inputs are random, or their extremes, farthest from the zero point.
void FillInput(std::mt19937& random, const GuardedBuffer& buffer) {
  const bool extreme = RandomInt(random, 0, 4) == 0;
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    const auto bits = static_cast<uint32_t>(random());
    buffer.data<int8_t>()[i] =
        static_cast<int8_t>(extreme ? (bits % 2 == 0 ? -128 : 127) : bits);
  }
}

// How many cases ran with paired weights.
int ExpectEqualToReference(bool depthwise) {
  int paired = 0;
  for (uint32_t seed = 0; seed < 700; ++seed) {
    std::mt19937 random(seed);
    const Conv2dCase c = RandomCase(random, depthwise);
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ": " << c);
    const Layout in_layout = Layout::Random(random, c.input_shape.h);
    const Layout out_layout = Layout::Random(random, c.output_shape.h);
    GuardedBuffer input(in_layout.Bytes(c.input_shape));
    GuardedBuffer expected(out_layout.Bytes(c.output_shape));
    FillInput(random, input);
    expected.FillRandom(random);
    GuardedBuffer before(expected.size());
    std::memcpy(before.bytes(), expected.bytes(), expected.size());
    PreparedConv2d(ReferenceBackend(), c)
        .Run(c.params, in_layout.View(input, c.input_shape),
             out_layout.View(expected, c.output_shape));
    ForEachFastBackend([&](const Backend& backend) {
      GuardedBuffer output(expected.size());
      std::memcpy(output.bytes(), before.bytes(), before.size());
      const PreparedConv2d prepared(backend, c);
      prepared.Run(c.params, in_layout.View(input, c.input_shape),
                   out_layout.View(output, c.output_shape));
      ASSERT_EQ(std::memcmp(output.bytes(), expected.bytes(), output.size()),
                0);
      ASSERT_TRUE(output.canaries_alive());
      ASSERT_TRUE(prepared.canaries_alive());
      paired += prepared.is_paired();
    });
    if (::testing::Test::HasFatalFailure()) break;
  }
  return paired;
}

TEST(Conv2dS8Test, EqualsReferenceOnRandomTensors) {
  EXPECT_GT(ExpectEqualToReference(/*depthwise=*/false), 100);
}

TEST(DepthwiseConv2dS8Test, EqualsReferenceOnRandomTensors) {
  EXPECT_EQ(ExpectEqualToReference(/*depthwise=*/true), 0);
}

// Output rows computed one by one, from views of the input rows that each
// needs, in the scratch of the whole.
void ExpectEqualToReferenceRowByRow(bool depthwise) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    const Conv2dCase c = RandomCase(random, depthwise);
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ": " << c);
    const Shape in = c.input_shape;
    const Layout in_layout = Layout::Random(random, in.h);
    GuardedBuffer input(in_layout.Bytes(in));
    FillInput(random, input);
    const Tensor<const int8_t> in_view = in_layout.View(input, in);
    const auto bytes = static_cast<std::size_t>(c.output_shape.elements());
    GuardedBuffer expected(bytes);
    PreparedConv2d(ReferenceBackend(), c)
        .Run(c.params, in_view, {expected.data<int8_t>(), c.output_shape});
    ForEachFastBackend([&](const Backend& backend) {
      GuardedBuffer output(bytes);
      const Tensor<int8_t> out_view(output.data<int8_t>(), c.output_shape);
      const PreparedConv2d prepared(backend, c);
      for (int32_t y = 0; y < c.output_shape.h; ++y) {
        const int32_t top = y * c.params.stride_y - c.params.pad_top;
        const int32_t begin = std::clamp(top, 0, in.h);
        const int32_t end = std::clamp(top + c.params.kernel_h, begin, in.h);
        Conv2dParams params = c.params;
        params.pad_top = begin - top;
        prepared.Run(params, in_view.Rows(begin, end - begin),
                     out_view.Rows(y, 1));
      }
      ASSERT_EQ(std::memcmp(output.bytes(), expected.bytes(), bytes), 0);
      ASSERT_TRUE(prepared.canaries_alive());
    });
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Conv2dS8Test, EqualsReferenceRowByRow) {
  ExpectEqualToReferenceRowByRow(/*depthwise=*/false);
}

TEST(DepthwiseConv2dS8Test, EqualsReferenceRowByRow) {
  ExpectEqualToReferenceRowByRow(/*depthwise=*/true);
}

}  // namespace
}  // namespace ocellus::kernels::testing
