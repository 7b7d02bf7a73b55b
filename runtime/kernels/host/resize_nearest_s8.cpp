// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/resize_nearest_s8.h"

#include <cstddef>
#include <cstring>

namespace ocellus::kernels::host {

// Copies are all there is to do: no Highway here.
ResizeNearestS8Fn ResizeNearestS8;

void ResizeNearestS8(Tensor<const int8_t> input,
                     Tensor<int8_t> output) noexcept {
  const Shape in = input.shape;
  const int32_t factor_y = output.shape.h / in.h;
  const int32_t factor_x = output.shape.w / in.w;
  const auto pixel_bytes = static_cast<std::size_t>(in.c);
  for (int32_t y = 0; y < in.h; ++y) {
    const int8_t* pixel = input.Row(y);
    int8_t* out_row = output.Row(y * factor_y);
    int8_t* out = out_row;
    for (int32_t x = 0; x < in.w; ++x, pixel += in.c) {
      for (int32_t i = 0; i < factor_x; ++i, out += in.c) {
        std::memcpy(out, pixel, pixel_bytes);
      }
    }
    for (int32_t i = 1; i < factor_y; ++i) {
      std::memcpy(output.Row(y * factor_y + i), out_row,
                  static_cast<std::size_t>(out - out_row));
    }
  }
}

}  // namespace ocellus::kernels::host
