// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/resize_nearest_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/runtime/kernels/host_targets.h"
#include "tests/runtime/kernels/kernel_case.h"

namespace ocellus::kernels::testing {
namespace {

using ::testing::ElementsAre;

TEST(ResizeNearestS8Test, EqualsCaseWorkedByHand) {
  // Two pixels of two channels, enlarged 2 x 3.
  const std::vector<int8_t> input = {1, 2, -3, -4};
  ForEachBackend([&](const Backend& backend) {
    std::vector<int8_t> output(24);
    backend.resize_nearest({.factor_y = 2, .factor_x = 3},
                           Tensor<const int8_t>(input.data(), {1, 2, 2}),
                           Tensor<int8_t>(output.data(), {2, 6, 2}));
    EXPECT_THAT(output,
                ElementsAre(1, 2, 1, 2, 1, 2, -3, -4, -3, -4, -3, -4,  //
                            1, 2, 1, 2, 1, 2, -3, -4, -3, -4, -3, -4));
  });
}

// The last copy of the first row and the first of the second, less the first
// copy of the first column.
TEST(ResizeNearestS8Test, StartsATileAmongAPixelsCopies) {
  const std::vector<int8_t> input = {1, 2, 3, 4};
  ForEachBackend([&](const Backend& backend) {
    std::vector<int8_t> output(6);
    backend.resize_nearest(
        {.factor_y = 2, .factor_x = 2, .first_y = 1, .first_x = 1},
        Tensor<const int8_t>(input.data(), {2, 2, 1}),
        Tensor<int8_t>(output.data(), {2, 3, 1}));
    EXPECT_THAT(output, ElementsAre(1, 2, 2, 3, 4, 4));
  });
}

TEST(ResizeNearestS8Test, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const Shape in = {RandomInt(random, 1, 5), RandomInt(random, 1, 9),
                      RandomInt(random, 1, 40)};
    ResizeNearestParams params = {.factor_y = RandomInt(random, 1, 3),
                                  .factor_x = RandomInt(random, 1, 3)};
    params.first_y = RandomInt(random, 0, params.factor_y - 1);
    params.first_x = RandomInt(random, 0, params.factor_x - 1);
    const Shape out = {
        RandomInt(random, 1, in.h * params.factor_y - params.first_y),
        RandomInt(random, 1, in.w * params.factor_x - params.first_x), in.c};
    const Layout in_layout = Layout::Random(random, in.h);
    const Layout out_layout = Layout::Random(random, out.h);
    GuardedBuffer input(in_layout.Bytes(in));
    GuardedBuffer expected(out_layout.Bytes(out));
    input.FillRandom(random);
    expected.FillRandom(random);
    GuardedBuffer before(expected.size());
    std::memcpy(before.bytes(), expected.bytes(), expected.size());
    reference::ResizeNearestS8(params, in_layout.View(input, in),
                               out_layout.View(expected, out));
    ForEachFastBackend([&](const Backend& backend) {
      GuardedBuffer output(expected.size());
      std::memcpy(output.bytes(), before.bytes(), before.size());
      backend.resize_nearest(params, in_layout.View(input, in),
                             out_layout.View(output, out));
      ASSERT_EQ(std::memcmp(output.bytes(), expected.bytes(), output.size()),
                0);
      ASSERT_TRUE(output.canaries_alive());
    });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
