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
    backend.resize_nearest(Tensor<const int8_t>(input.data(), {1, 2, 2}),
                           Tensor<int8_t>(output.data(), {2, 6, 2}));
    EXPECT_THAT(output,
                ElementsAre(1, 2, 1, 2, 1, 2, -3, -4, -3, -4, -3, -4,  //
                            1, 2, 1, 2, 1, 2, -3, -4, -3, -4, -3, -4));
  });
}

TEST(ResizeNearestS8Test, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const Shape in = {RandomInt(random, 1, 5), RandomInt(random, 1, 9),
                      RandomInt(random, 1, 40)};
    const Shape out = {in.h * RandomInt(random, 1, 3),
                       in.w * RandomInt(random, 1, 3), in.c};
    const Layout in_layout = Layout::Random(random, in.h);
    const Layout out_layout = Layout::Random(random, out.h);
    GuardedBuffer input(in_layout.Bytes(in));
    GuardedBuffer expected(out_layout.Bytes(out));
    input.FillRandom(random);
    expected.FillRandom(random);
    GuardedBuffer before(expected.size());
    std::memcpy(before.bytes(), expected.bytes(), expected.size());
    reference::ResizeNearestS8(in_layout.View(input, in),
                               out_layout.View(expected, out));
    ForEachHostBackend([&](const Backend& backend) {
      GuardedBuffer output(expected.size());
      std::memcpy(output.bytes(), before.bytes(), before.size());
      backend.resize_nearest(in_layout.View(input, in),
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
