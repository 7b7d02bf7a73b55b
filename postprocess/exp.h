// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "runtime/kernels/requantize.h"

namespace ocellus {

// e to the power x. The C library's expf differs between host and board; this
// one uses only IEEE additions and multiplications (build with
// -ffp-contract=off), so both give the same bits.
//
// Off by less than kExpMaxUlp units in the last place for every x, subnormal
// answers included, and never decreasing as x grows: both measured over all
// floats. Infinity where e^x exceeds the largest float, 0 below half the
// smallest subnormal, NaN for NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, and e^x = 2^n e^r. For e^r the Taylor
// series to r^7 leaves |r|^8 / 8! < 5.2e-9, a tenth of a unit in the last
// place.
inline constexpr double kExpMaxUlp = 1.03;

inline float Exp(float x) {
  if (x != x) return x;
  if (x > 89.0f) return std::numeric_limits<float>::infinity();
  if (x < -104.0f) return 0.0f;

  const int32_t n = kernels::RoundHalfToEven(x * 1.44269504f);  // 1 / ln 2
  const float n_real = static_cast<float>(n);
  // ln 2 in two parts. The first has 9 significant bits, so that n times it
  // is exact.
  constexpr float kLn2High = 355.0f / 512.0f;
  constexpr float kLn2Low = -2.12194440e-4f;  // ln 2 - 355 / 512
  const float r = (x - n_real * kLn2High) - n_real * kLn2Low;

  float tail = 1.0f / 5040.0f;
  tail = tail * r + 1.0f / 720.0f;
  tail = tail * r + 1.0f / 120.0f;
  tail = tail * r + 1.0f / 24.0f;
  tail = tail * r + 1.0f / 6.0f;
  tail = tail * r + 0.5f;
  const float exp_r = 1.0f + (r + (r * r) * tail);

  // 2^n in two factors that are normal floats for every n in [-150, 128]. Only
  // the second multiplication can round.
  const auto power_of_two = [](int32_t exponent) {
    return std::bit_cast<float>((exponent + 127) << 23);
  };
  const int32_t half = n / 2;
  return exp_r * power_of_two(half) * power_of_two(n - half);
}

// The logistic function 1 / (1 + e^-x), within [0, 1]. Never decreases as x
// grows, for it is composed of steps that do not; DecodeYolo() relies on it.
// (e^x / (1 + e^x) for negative x would keep more of the tail below e^-88, but
// it does decrease in places.)
inline float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

}  // namespace ocellus
