// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

struct MulParams {
  int32_t zero_point = 0;   // of the first input
  int32_t zero_point2 = 0;  // of the second
  int32_t output_zero_point = 0;
  float requant = 1.0f;  // input_scale * input2_scale / output_scale
  int32_t activation_min = -128;
  int32_t activation_max = 127;
};

// The product of two feature maps.
//
//   input   [H, W, C]
//   input2  [H, W, C], or [1, 1, C] to scale each channel
//   output  [H, W, C]
//
//   output = Requantize((a - zero_point) * (b - zero_point2), requant)
//
// `output` may be an input of its shape (same data, same pitch), but must not
// overlap them otherwise. All implementations are bit-exact.
//
// Source: XNNPACK's quantised multiplication, TensorFlow Lite's default on
// CPUs.
using MulS8Fn = void(const MulParams& params, Tensor<const int8_t> input,
                     Tensor<const int8_t> input2,
                     Tensor<int8_t> output) noexcept;

namespace reference {
MulS8Fn MulS8;
}  // namespace reference

}  // namespace ocellus::kernels
