// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace ocellus::kernels {

// Rounds to the nearest integer, ties to even, for |value| <= 2^22.
//
// Adding 1.5 * 2^23 moves the binary point behind the last mantissa bit, so
// the sum's own rounding (the IEEE default) is the rounding wanted.
inline int32_t RoundHalfToEven(float value) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23, bits 0x4B400000
  return std::bit_cast<int32_t>(value + kMagic) - 0x4B400000;
}

// An int32 sum to int8: clamp(rint(float(sum) * scale) + zero_point).
//
//   scale           input_scale * weight_scale / output_scale, finite, > 0
//   activation_min  and _max: bounds of the answer, in [-128, 127]
//
// Clamping before rounding gives the same answer and keeps the rounding in
// range. Build with -ffp-contract=off: a fused multiply-add would round once
// where two roundings are the definition.
//
// Source: the single-precision requantisation of XNNPACK, TensorFlow Lite's
// default on CPUs.
inline int8_t Requantize(int32_t sum, float scale, int32_t zero_point,
                         int32_t activation_min, int32_t activation_max) {
  const float scaled = static_cast<float>(sum) * scale;
  const float low = static_cast<float>(activation_min - zero_point);
  const float high = static_cast<float>(activation_max - zero_point);
  const float clamped = std::min(std::max(scaled, low), high);
  return static_cast<int8_t>(RoundHalfToEven(clamped) + zero_point);
}

}  // namespace ocellus::kernels
