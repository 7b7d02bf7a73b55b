// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/resize_nearest_s8.h"

#include <cstring>

namespace ocellus::kernels::reference {

void ResizeNearestS8(const ResizeNearestParams& params,
                     Tensor<const int8_t> input,
                     Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  for (int32_t y = 0; y < out.h; ++y) {
    const int8_t* in_row = input.Row((params.first_y + y) / params.factor_y);
    int8_t* out_row = output.Row(y);
    for (int32_t x = 0; x < out.w; ++x) {
      const int32_t in_x = (params.first_x + x) / params.factor_x;
      std::memcpy(out_row + x * out.c, in_row + in_x * out.c,
                  static_cast<std::size_t>(out.c));
    }
  }
}

}  // namespace ocellus::kernels::reference
