// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/pool_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/runtime/kernels/equals_reference.h"

namespace ocellus::kernels::reference {
namespace {

using format::PoolMode;
using ::testing::ElementsAre;

// A 2 x 2 window with stride 2 over 3 x 3 pixels of one channel, one row and
// column of padding in front.
std::array<int8_t, 4> Pool(PoolMode mode) {
  const std::array<int8_t, 9> input = {-7, 1, 2,   //
                                       3,  4, -5,  //
                                       6,  9, -8};
  std::array<int8_t, 4> output = {};
  const PoolParams params = {.mode = mode,
                             .kernel_h = 2,
                             .kernel_w = 2,
                             .stride_y = 2,
                             .stride_x = 2,
                             .pad_top = 1,
                             .pad_left = 1,
                             .activation_min = -6,
                             .activation_max = 100,
                             .input_zero_point = 1,
                             .output_zero_point = 10,
                             .requant = 0.5f};
  PoolS8(params, {input.data(), {3, 3, 1}}, {output.data(), {2, 2, 1}});
  return output;
}

TEST(PoolS8, TakesTheLargestOfWhatIsInside) {
  EXPECT_THAT(Pool(PoolMode::kMax), ElementsAre(-6, 2, 6, 9));
}

TEST(PoolS8, AveragesWhatIsInsideHalvesAwayFromZero) {
  // -7, 3 / 2, 9 / 2 and 0 / 4.
  EXPECT_THAT(Pool(PoolMode::kAverage), ElementsAre(-6, 2, 5, 0));
}

TEST(PoolS8, MovesMeansToAnotherQuantisation) {
  // Half of -7 - 1, 3 - 2, 9 - 2 and 0 - 4, halves to even, plus 10.
  EXPECT_THAT(Pool(PoolMode::kMean), ElementsAre(6, 10, 14, 8));
}

}  // namespace
}  // namespace ocellus::kernels::reference

namespace ocellus::kernels::testing {
namespace {

TEST(PoolS8, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    PoolParams params;
    params.mode =
        RandomOf(random, {format::PoolMode::kMax, format::PoolMode::kAverage,
                          format::PoolMode::kMean});
    params.kernel_h = RandomInt(random, 1, 5);
    params.kernel_w = RandomInt(random, 1, 5);
    // Sums of a row of the widest window just fit.
    if (seed % 50 == 0) params.kernel_w = 255;
    params.stride_y = RandomInt(random, 1, 3);
    params.stride_x = RandomInt(random, 1, 3);
    params.pad_top = RandomInt(random, 0, params.kernel_h - 1);
    params.pad_left = RandomInt(random, 0, std::min(4, params.kernel_w - 1));
    params.activation_min = RandomOf(random, {-128, -20});
    params.activation_max = RandomOf(random, {127, 30});
    params.input_zero_point = RandomInt(random, -128, 127);
    params.output_zero_point = RandomInt(random, -128, 127);
    params.requant = 1.0f / static_cast<float>(RandomInt(random, 1, 40));
    const Shape in = {RandomInt(random, 1, 9),
                      RandomInt(random, 1, 9) + (seed % 50 == 0 ? 260 : 0),
                      RandomInt(random, 1, 21)};
    // Every window starts in the input.
    const Shape out = {
        RandomInt(random, 1, (in.h - 1 + params.pad_top) / params.stride_y + 1),
        RandomInt(random, 1,
                  (in.w - 1 + params.pad_left) / params.stride_x + 1),
        in.c};
    const RandomTensor input(random, in);
    if (seed % 100 == 0) {
      for (int32_t y = 0; y < in.h; ++y) {
        std::fill_n(input.view().Row(y), in.w * in.c, int8_t{-128});
      }
    }
    ExpectEqualsReference(random, out,
                          [&](const Backend& backend, Tensor<int8_t> output) {
                            backend.pool(params, input.view(), output);
                          });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
