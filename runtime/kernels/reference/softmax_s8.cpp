// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/softmax_s8.h"

#include <algorithm>

namespace ocellus::kernels::reference {

void SoftmaxS8(const SoftmaxParams& params, Tensor<const int8_t> input,
               Tensor<int8_t> output) noexcept {
  const Shape shape = output.shape;
  for (int32_t y = 0; y < shape.h; ++y) {
    const int8_t* in = input.Row(y);
    int8_t* out = output.Row(y);
    for (int32_t x = 0; x < shape.w; ++x, in += shape.c, out += shape.c) {
      const int32_t largest = *std::max_element(in, in + shape.c);
      const auto exp_of = [&](int8_t v) {
        return params.exp[255 - largest + v];
      };
      float sum = 0.0f;
      for (int32_t c = 0; c < shape.c; ++c) sum += exp_of(in[c]);
      const float factor = 1.0f / (sum * params.output_scale);
      for (int32_t c = 0; c < shape.c; ++c) {
        // Bounded, and a number, whatever the scale.
        const float steps = std::min(512.0f, exp_of(in[c]) * factor + 0.5f);
        const int32_t value =
            static_cast<int32_t>(steps) + params.output_zero_point;
        out[c] = static_cast<int8_t>(std::clamp<int32_t>(value, -128, 127));
      }
    }
  }
}

}  // namespace ocellus::kernels::reference
