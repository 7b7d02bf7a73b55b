// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/channel_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ocellus::kernels {
namespace {

using ::testing::ElementsAre;

TEST(ChannelPairs, LayOutACaseWorkedByHand) {
  // Three channels of depth 5: pairs (0, 1) and (1, 2), depth padded to 8.
  const std::vector<int8_t> weights = {1,  2,  3,  4,   5,   //
                                       -1, -2, -3, -4,  -5,  //
                                       10, 0,  -1, 127, -128};
  std::vector<uint16_t> paired(PairedBytes(5, 3) / 2);
  // 256 * -128 - 5 does not fit.
  EXPECT_FALSE(PairWeights(weights.data(), 5, 3, paired.data()));
  std::vector<int8_t> fitting = weights;
  fitting.back() = -127;
  ASSERT_TRUE(PairWeights(fitting.data(), 5, 3, paired.data()));
  std::vector<int16_t> values(paired.begin(), paired.end());
  EXPECT_THAT(values, ElementsAre(-255, -765, -510, -1020, -1275, 0, 0, 0,  //
                                  2559, -259, -2, 32508, -32517, 0, 0, 0));
  std::vector<int8_t> back(fitting.size());
  UnpairWeights(paired.data(), 5, 3, back.data());
  EXPECT_EQ(back, fitting);
}

TEST(ChannelPairs, ComeBackAsTheyWere) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto depth = static_cast<int32_t>(1 + random() % 70);
    const auto channels = static_cast<int32_t>(2 + random() % 9);
    std::vector<int8_t> weights(static_cast<std::size_t>(depth * channels));
    for (int8_t& weight : weights) {
      weight = static_cast<int8_t>(static_cast<int32_t>(random() % 255) - 127);
    }
    std::vector<uint16_t> paired(PairedBytes(depth, channels) / 2);
    ASSERT_TRUE(PairWeights(weights.data(), depth, channels, paired.data()));
    std::vector<int8_t> back(weights.size());
    UnpairWeights(paired.data(), depth, channels, back.data());
    EXPECT_EQ(back, weights);
  }
}

TEST(ChannelPairs, RefuseSumsThatTheQuotientDoesNotHold) {
  // 255 * 127 * 259 is just below 2^23.
  for (const int32_t sign : {1, -1}) {
    for (const int32_t depth : {259, 260}) {
      std::vector<int8_t> weights(static_cast<std::size_t>(2 * depth), 0);
      for (int32_t k = 0; k < depth; ++k) {
        weights[static_cast<std::size_t>(depth + k)] =
            static_cast<int8_t>(sign * 127);
      }
      std::vector<uint16_t> paired(PairedBytes(depth, 2) / 2);
      EXPECT_EQ(PairWeights(weights.data(), depth, 2, paired.data()),
                depth == 259);
    }
  }
}

TEST(ChannelPairs, RefuseALoneChannelAndNumbersThatAreNoWeights) {
  const int8_t weight = 1;
  uint16_t paired[4] = {};
  EXPECT_FALSE(PairWeights(&weight, 1, 1, paired));
  EXPECT_TRUE(PairsAreExact(paired, 1, 2));
  paired[0] = 0x7FFF;  // 256 * 128 - 1
  EXPECT_FALSE(PairsAreExact(paired, 1, 2));
}

}  // namespace
}  // namespace ocellus::kernels
