// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

// multiplier: round(input_scale / output_scale * 2^shift), < 2^21.
// shift: such that the larger multiplier lies in [2^20, 2^21), 13 <= shift
// < 32.
struct AddParams {
  int32_t zero_point = 0;   // of the first input
  int32_t zero_point2 = 0;  // of the second
  int32_t output_zero_point = 0;
  int32_t multiplier = 0;
  int32_t multiplier2 = 0;
  int32_t shift = 0;
  int32_t activation_min = -128;
  int32_t activation_max = 127;
};

// The sum of two feature maps of one shape, [H, W, C].
//
//   acc = 2^(shift-1) + (a - zero_point) * multiplier
//                     + (b - zero_point2) * multiplier2
//   output = clamp((acc >> shift) + output_zero_point)
//
// `output` may be one of the inputs (same data, same pitch), but must not
// overlap them otherwise. All implementations are bit-exact.
//
// Source: XNNPACK's quantised addition, TensorFlow Lite's default on CPUs.
using AddS8Fn = void(const AddParams& params, Tensor<const int8_t> input,
                     Tensor<const int8_t> input2,
                     Tensor<int8_t> output) noexcept;

namespace reference {
AddS8Fn AddS8;
}  // namespace reference

}  // namespace ocellus::kernels
