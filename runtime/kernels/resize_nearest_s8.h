// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

struct ResizeNearestParams {
  int32_t factor_y = 1;
  int32_t factor_x = 1;
  // Which of its pixel's copies output pixel (0, 0) is: not the first one,
  // perhaps, in a tile.
  int32_t first_y = 0;  // in [0, factor_y)
  int32_t first_x = 0;
};

// Enlarges a feature map by whole factors, repeating pixels.
//
//   input   [H, W, C]
//   output  [OH, OW, C], must not overlap input
//
// output(y, x) = input((first_y + y) / factor_y, (first_x + x) / factor_x),
// which must lie in the input. Both have one quantisation.
using ResizeNearestS8Fn = void(const ResizeNearestParams& params,
                               Tensor<const int8_t> input,
                               Tensor<int8_t> output) noexcept;

namespace reference {
ResizeNearestS8Fn ResizeNearestS8;
}  // namespace reference

}  // namespace ocellus::kernels
