// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/pool_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ocellus::kernels::reference {
namespace {

using format::PoolMode;
using testing::ElementsAre;

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
