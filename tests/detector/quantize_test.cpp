// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

// One 1x1 convolution of two channels to one, worked by hand.
Graph OneConvolution() {
  Graph graph;
  graph.input_mean.fill(128.0f);
  graph.input_std.fill(128.0f);
  graph.input = graph.AddTensor("image", {1, 1, 2});
  GraphOp op;
  op.input = graph.input;
  op.weights = {1.27f, -0.254f};
  op.bias = {0.5f};
  op.activation_min = 0.0f;
  op.activation_max = 6.0f;
  op.output = graph.AddTensor("output", {1, 1, 1});
  graph.ops.push_back(op);
  return graph;
}

TEST(Quantize, MatchesACaseWorkedByHand) {
  const Calibration calibration = {
      .ranges = {{-1.0f, 1.0f}, {0.0f, 6.375f}},
      .channel_means = {{0.0f, 0.0f}, {0.0f}},
  };
  const QuantizedGraph quantized = Quantize(OneConvolution(), calibration);
  // Output: 6.375 / 255 = 0.025, and 0 is -128.
  EXPECT_FLOAT_EQ(quantized.quant[1].scale, 0.025f);
  EXPECT_EQ(quantized.quant[1].zero_point, -128);
  const QuantizedOp& op = quantized.ops[0];
  // Weight scale 1.27 / 127 = 0.01: 127 and -25.4, rounded.
  EXPECT_EQ(op.weights, (std::vector<int8_t>{127, -25}));
  // 0.5 / (0.01 / 128) = 6400.
  EXPECT_EQ(op.bias, (std::vector<int32_t>{6400}));
  EXPECT_FLOAT_EQ(op.requant[0], 0.01f / 128.0f / 0.025f);
  // ReLU6: 0 is -128, 6 is 240 steps above.
  EXPECT_EQ(op.activation_min, -128);
  EXPECT_EQ(op.activation_max, 112);
}

TEST(Quantize, CorrectsTheBiasForRoundedWeights) {
  const Calibration calibration = {
      .ranges = {{-1.0f, 1.0f}, {0.0f, 6.375f}},
      .channel_means = {{0.0f, 0.5f}, {0.0f}},
  };
  // The second weight became -0.25 instead of -0.254, which adds 0.004 * 0.5
  // on average: 0.002 / (0.01 / 128) = 25.6 less bias.
  EXPECT_EQ(Quantize(OneConvolution(), calibration).ops[0].bias[0], 6374);
}

TEST(Quantize, KeepsABiasBesideVanishingWeightsInRange) {
  Graph graph = OneConvolution();
  graph.ops[0].weights = {1e-12f, 0.0f};
  graph.ops[0].bias = {3.0f};
  const Calibration calibration = {
      .ranges = {{-1.0f, 1.0f}, {0.0f, 6.375f}},
      .channel_means = {{0.0f, 0.0f}, {0.0f}},
  };
  const QuantizedOp op = Quantize(graph, calibration).ops[0];
  EXPECT_LE(std::abs(op.bias[0]), (1 << 30) + 128);
  const float output = static_cast<float>(op.bias[0]) * op.requant[0];
  EXPECT_TRUE(std::abs(output - 3.0f / 0.025f) < 0.01f) << output;
}

TEST(SetAddScales, PutsTheLargerMultiplierJustBelowTwoToThe21) {
  QuantizedOp op;
  SetAddScales(0.5f, 0.25f, 1.0f, &op);
  // 0.5 = 2^-1 -> shift 21, multipliers 2^20 and 2^19.
  EXPECT_EQ(op.add_shift, 21);
  EXPECT_EQ(op.add_multiplier, 1 << 20);
  EXPECT_EQ(op.add_multiplier2, 1 << 19);
}

TEST(SetAddScales, StaysInTheFormatsLimitsOverItsWholeDomain) {
  std::mt19937 random(4);
  std::uniform_real_distribution<float> exponent(-10.0f, 7.999f);
  for (int i = 0; i < 100000; ++i) {
    const float a = std::exp2(exponent(random));
    const float b = std::exp2(exponent(random));
    QuantizedOp op;
    SetAddScales(a, b, 1.0f, &op);
    const int32_t larger = std::max(op.add_multiplier, op.add_multiplier2);
    ASSERT_GE(larger, 1 << 20) << a << " " << b;
    ASSERT_LT(larger, 1 << 21) << a << " " << b;
    ASSERT_GE(op.add_shift, 13);
    ASSERT_LE(op.add_shift, 31);
  }
}

TEST(SetAddScales, RefusesScalesTooFarApart) {
  QuantizedOp op;
  EXPECT_THROW(SetAddScales(1.0f, 1e-6f, 1.0f, &op), CompileError);
  EXPECT_THROW(SetAddScales(256.0f, 1.0f, 1.0f, &op), CompileError);
}

TEST(LeastErrorRange, KeepsTheExtremesOfAnEvenDistribution) {
  const std::vector<int64_t> histogram(2048, 10);
  const Range range = LeastErrorRange(histogram, {-1.0f, 3.0f});
  // A step finer is worth a percent of the values, no more.
  EXPECT_NEAR(range.min, -1.0f, 0.02f);
  EXPECT_NEAR(range.max, 3.0f, 0.06f);
}

TEST(LeastErrorRange, CutsOffALoneOutlier) {
  std::vector<int64_t> histogram(2048, 0);
  for (int i = 0; i < 200; ++i) histogram[i] = 100000;
  histogram[2047] = 1;
  const Range range = LeastErrorRange(histogram, {0.0f, 10.0f});
  EXPECT_LT(range.max, 4.0f);
  EXPECT_GT(range.max, 0.9f);
}

TEST(LeastErrorRange, AlwaysHoldsZeroAndHasWidth) {
  const std::vector<int64_t> histogram(2048, 1);
  EXPECT_EQ(LeastErrorRange(histogram, {2.0f, 3.0f}).min, 0.0f);
  EXPECT_EQ(LeastErrorRange(histogram, {-3.0f, -2.0f}).max, 0.0f);
  const Range nothing = LeastErrorRange(histogram, {0.0f, 0.0f});
  EXPECT_GT(nothing.max, nothing.min);
}

// Bell-shaped values within [-1, 1], and one at 8.
std::vector<int64_t> BellAndOutlier(int64_t outliers) {
  std::vector<int64_t> histogram(2048, 0);
  for (int i = 0; i < 2048; ++i) {
    const double value = -8.0 + (i + 0.5) / 128.0;
    histogram[i] = std::llround(1e5 * std::exp(-8.0 * value * value));
  }
  histogram[2047] = outliers;
  return histogram;
}

TEST(ChooseRange, KeepsAllValuesOrCutsOutliersAsAsked) {
  const std::vector<int64_t> histogram = BellAndOutlier(3);
  const auto choose = [&](RangeChoice choice) {
    return ChooseRange(histogram, {-8.0f, 8.0f}, choice);
  };
  EXPECT_EQ(choose(RangeChoice::kMinMax).max, 8.0f);
  EXPECT_EQ(choose(RangeChoice::kMinMax).min, -8.0f);
  for (const RangeChoice choice :
       {RangeChoice::kPercentile, RangeChoice::kEntropy,
        RangeChoice::kLeastError}) {
    const Range range = choose(choice);
    EXPECT_LT(range.max, 4.0f);
    EXPECT_GT(range.max, 0.5f);
    EXPECT_LT(range.min, -0.5f);
    EXPECT_GT(range.min, -4.0f);
  }
}

TEST(ChooseRange, KeepsOneInTwentyThousandBehindThePercentile) {
  // 7.5e6 values in the bell: 370 are less than that, 3,700 are more.
  EXPECT_LT(
      ChooseRange(BellAndOutlier(370), {-8.0f, 8.0f}, RangeChoice::kPercentile)
          .max,
      2.0f);
  EXPECT_EQ(
      ChooseRange(BellAndOutlier(3700), {-8.0f, 8.0f}, RangeChoice::kPercentile)
          .max,
      8.0f);
}

TEST(ChooseRange, ContainsZeroWhateverTheValues) {
  std::vector<int64_t> histogram(2048, 5);
  for (const RangeChoice choice :
       {RangeChoice::kMinMax, RangeChoice::kPercentile, RangeChoice::kEntropy,
        RangeChoice::kLeastError}) {
    const Range range = ChooseRange(histogram, {2.0f, 3.0f}, choice);
    EXPECT_EQ(range.min, 0.0f);
    EXPECT_GT(range.max, 0.0f);
    const Range nothing = ChooseRange(histogram, {0.0f, 0.0f}, choice);
    EXPECT_LT(nothing.min, nothing.max);
  }
}

}  // namespace
}  // namespace ocellus
