// SPDX-License-Identifier: Apache-2.0
#include "postprocess/exp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ocellus {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Error in units in the last place of the float nearest to `exact`.
double ErrorUlp(float value, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::fabs(static_cast<double>(value) - exact) / ulp;
}

// Calls visit(x) for every `step`-th float of [-limit, limit], ascending.
template <typename Visit>
void ForFloats(float limit, uint32_t step, Visit visit) {
  const uint32_t last = std::bit_cast<uint32_t>(limit);
  for (uint32_t bits = last; bits >= step; bits -= step) {
    visit(-std::bit_cast<float>(bits));
  }
  for (uint32_t bits = 0; bits <= last; bits += step) {
    visit(std::bit_cast<float>(bits));
  }
}

// Step 1 visits all 2.2e9 floats and takes minutes; it was run when the bound
// in exp.h was set. A prime step meets every pattern of low bits.
constexpr uint32_t kStep = 1009;

TEST(Exp, EqualsKnownValues) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(-0.0f), 1.0f);
  EXPECT_EQ(Exp(1.0f), 2.71828183f);
  EXPECT_EQ(Exp(-1.0f), 0.367879441f);
}

TEST(Exp, StaysWithinItsBoundOverAllFiniteAnswers) {
  double worst = 0.0;
  float worst_x = 0.0f;
  ForFloats(104.0f, kStep, [&](float x) {
    const double exact = std::exp(static_cast<double>(x));
    if (exact > static_cast<double>(std::numeric_limits<float>::max())) return;
    const double error = ErrorUlp(Exp(x), exact);
    if (!(error <= worst)) {
      worst = error;
      worst_x = x;
    }
  });
  EXPECT_TRUE(worst <= kExpMaxUlp) << worst << " ulp at " << worst_x;
}

TEST(Exp, SaturatesAtTheEndsOfTheRange) {
  // ln(FLT_MAX) = 88.72283905: the float below is the last finite answer.
  const float last = 88.7228317f;
  EXPECT_TRUE(std::isfinite(Exp(last)));
  EXPECT_EQ(Exp(std::nextafter(last, kInfinity)), kInfinity);
  EXPECT_EQ(Exp(89.0f), kInfinity);
  EXPECT_EQ(Exp(1e30f), kInfinity);
  EXPECT_EQ(Exp(kInfinity), kInfinity);

  // The smallest subnormal is 1.4e-45 = e^-103.28; half of it e^-103.97.
  EXPECT_EQ(Exp(-103.5f), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(Exp(-104.0f), 0.0f);
  EXPECT_EQ(Exp(-1e30f), 0.0f);
  EXPECT_EQ(Exp(-kInfinity), 0.0f);
}

TEST(Exp, IsNanForNan) {
  EXPECT_TRUE(std::isnan(Exp(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Exp, KeepsItsBits) {
  // FNV-1a over the answers. The board must print the same hash, so a change
  // here is a change of every detection.
  uint32_t hash = 2166136261u;
  ForFloats(104.0f, 104729, [&](float x) {
    const uint32_t bits = std::bit_cast<uint32_t>(Exp(x));
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((bits >> shift) & 0xFF)) * 16777619u;
    }
  });
  EXPECT_EQ(hash, 424715376u);
}

TEST(Sigmoid, EqualsKnownValues) {
  EXPECT_EQ(Sigmoid(0.0f), 0.5f);
  EXPECT_EQ(Sigmoid(200.0f), 1.0f);
  EXPECT_EQ(Sigmoid(kInfinity), 1.0f);
  EXPECT_EQ(Sigmoid(-200.0f), 0.0f);
  EXPECT_EQ(Sigmoid(-kInfinity), 0.0f);
  EXPECT_TRUE(std::isnan(Sigmoid(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Sigmoid, IsAccurateWhereScoresMatter) {
  double worst = 0.0;
  ForFloats(80.0f, kStep, [&](float x) {
    const double exact = 1.0 / (1.0 + std::exp(-static_cast<double>(x)));
    const double error = ErrorUlp(Sigmoid(x), exact);
    if (!(error <= worst)) worst = error;
  });
  EXPECT_TRUE(worst <= 2.5) << worst;
}

TEST(Sigmoid, NeverDecreases) {
  float previous = 0.0f;
  // Neighbouring floats at a place, samples elsewhere.
  for (float x = -2.0f; x < -1.99f; x = std::nextafter(x, 0.0f)) {
    EXPECT_GE(Sigmoid(x), previous) << x;
    previous = Sigmoid(x);
  }
  previous = 0.0f;
  ForFloats(104.0f, kStep, [&](float x) {
    EXPECT_GE(Sigmoid(x), previous) << x;
    previous = Sigmoid(x);
  });
}

}  // namespace
}  // namespace ocellus
