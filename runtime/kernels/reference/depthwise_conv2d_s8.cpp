// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/conv2d_s8.h"
#include "runtime/kernels/requantize.h"

namespace ocellus::kernels::reference {

void DepthwiseConv2dS8(const Conv2dParams& params, Tensor<const int8_t> input,
                       Tensor<int8_t> output, std::byte*) noexcept {
  const Shape in = input.shape;
  const Shape out = output.shape;
  for (int32_t y = 0; y < out.h; ++y) {
    int8_t* out_pixel = output.Row(y);
    for (int32_t x = 0; x < out.w; ++x, out_pixel += out.c) {
      for (int32_t c = 0; c < out.c; ++c) {
        const int8_t* weight = params.weights + c;
        int32_t sum = params.bias[c];
        for (int32_t ky = 0; ky < params.kernel_h; ++ky) {
          const int32_t in_y = y * params.stride_y - params.pad_top + ky;
          for (int32_t kx = 0; kx < params.kernel_w; ++kx, weight += out.c) {
            const int32_t in_x = x * params.stride_x - params.pad_left + kx;
            if (in_y < 0 || in_y >= in.h || in_x < 0 || in_x >= in.w) continue;
            const int32_t value = input.Row(in_y)[in_x * in.c + c];
            sum += (value - params.input_zero_point) * *weight;
          }
        }
        out_pixel[c] =
            Requantize(sum, params.requant[c], params.output_zero_point,
                       params.activation_min, params.activation_max);
      }
    }
  }
}

}  // namespace ocellus::kernels::reference
