// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/mul_s8.h"

#include "runtime/kernels/requantize.h"

namespace ocellus::kernels::reference {

void MulS8(const MulParams& params, Tensor<const int8_t> input,
           Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  const bool scales_channels = input2.shape != out;
  for (int32_t y = 0; y < out.h; ++y) {
    const int8_t* a = input.Row(y);
    const int8_t* b = input2.Row(scales_channels ? 0 : y);
    int8_t* to = output.Row(y);
    for (int32_t x = 0; x < out.w; ++x, a += out.c, to += out.c) {
      const int8_t* b_pixel = scales_channels ? b : b + x * out.c;
      for (int32_t c = 0; c < out.c; ++c) {
        to[c] = Requantize(
            (a[c] - params.zero_point) * (b_pixel[c] - params.zero_point2),
            params.requant, params.output_zero_point, params.activation_min,
            params.activation_max);
      }
    }
  }
}

}  // namespace ocellus::kernels::reference
