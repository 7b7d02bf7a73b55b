// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus::kernels {

struct PoolParams {
  format::PoolMode mode = format::PoolMode::kMax;
  int32_t kernel_h = 1;
  int32_t kernel_w = 1;
  int32_t stride_y = 1;
  int32_t stride_x = 1;
  // Rows above and columns left of the input view that do not count.
  int32_t pad_top = 0;
  int32_t pad_left = 0;
  int32_t activation_min = -128;
  int32_t activation_max = 127;
  // kMean only.
  int32_t input_zero_point = 0;
  int32_t output_zero_point = 0;
  float requant = 1.0f;  // input_scale / (output_scale * KH * KW)
};

// The largest value, or the mean, of each window and channel.
//
//   input   [H, W, C]
//   output  [OH, OW, C], must not overlap input
//
// Output pixel (y, x) sees input rows y * stride_y - pad_top + [0, KH) and the
// columns alike; of these, the n pixels inside the input view count, at least
// one. The answer is clamped to the activation's bounds.
//
//   kMax      their maximum
//   kAverage  their sum / n, rounded to the nearest, halves away from zero
//   kMean     Requantize(sum - n * input_zero_point, requant)
//
// All implementations are bit-exact.
//
// Source: TensorFlow Lite's AVERAGE_POOL_2D and MAX_POOL_2D; kMean is XNNPACK's
// quantised global average pooling, which computes MEAN on CPUs.
using PoolS8Fn = void(const PoolParams& params, Tensor<const int8_t> input,
                      Tensor<int8_t> output) noexcept;

namespace reference {
PoolS8Fn PoolS8;
}  // namespace reference

}  // namespace ocellus::kernels
