// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/resize_nearest_s8.h"

#include <cstddef>
#include <cstring>

namespace ocellus::kernels::host {

// Copies are all there is to do: no Highway here.
ResizeNearestS8Fn ResizeNearestS8;

void ResizeNearestS8(const ResizeNearestParams& params,
                     Tensor<const int8_t> input,
                     Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  const auto pixel_bytes = static_cast<std::size_t>(out.c);
  int32_t copy_y = params.first_y;
  for (int32_t y = 0, in_y = 0; y < out.h; ++y) {
    int8_t* out_row = output.Row(y);
    if (y > 0 && copy_y > 0) {
      std::memcpy(out_row, output.Row(y - 1),
                  static_cast<std::size_t>(out.w) * pixel_bytes);
    } else {
      const int8_t* pixel = input.Row(in_y);
      int32_t copy_x = params.first_x;
      for (int32_t x = 0; x < out.w; ++x, out_row += out.c) {
        std::memcpy(out_row, pixel, pixel_bytes);
        if (++copy_x == params.factor_x) {
          copy_x = 0;
          pixel += out.c;
        }
      }
    }
    if (++copy_y == params.factor_y) {
      copy_y = 0;
      ++in_y;
    }
  }
}

}  // namespace ocellus::kernels::host
