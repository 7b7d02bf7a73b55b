// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

struct SoftmaxParams {
  const float* exp = nullptr;  // [256]: e to the power -scale * (255 - i)
  float output_scale = 1.0f / 256.0f;
  int32_t output_zero_point = -128;
};

// The softmax over each pixel's channels.
//
//   input   [H, W, C]
//   output  [H, W, C], must not overlap input
//
// With m the pixel's largest value, e(v) = exp[255 - m + v], all in float32,
// sums in the order of the channels:
//
//   k = 1 / (sum of e(v) * output_scale)
//   output = clamp(int(e(v) * k + 0.5) + output_zero_point)
//
// Source: TensorFlow Lite's int8 SOFTMAX. All implementations are bit-exact.
using SoftmaxS8Fn = void(const SoftmaxParams& params,
                         Tensor<const int8_t> input,
                         Tensor<int8_t> output) noexcept;

namespace reference {
SoftmaxS8Fn SoftmaxS8;
}  // namespace reference

}  // namespace ocellus::kernels
