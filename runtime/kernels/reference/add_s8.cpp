// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/add_s8.h"

#include <algorithm>

namespace ocellus::kernels::reference {

void AddS8(const AddParams& params, Tensor<const int8_t> input,
           Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  const int32_t rounding = int32_t{1} << (params.shift - 1);
  const int32_t row_elements = output.shape.w * output.shape.c;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    const int8_t* a = input.Row(y);
    const int8_t* b = input2.Row(y);
    int8_t* out = output.Row(y);
    for (int32_t i = 0; i < row_elements; ++i) {
      const int32_t sum = rounding +
                          (a[i] - params.zero_point) * params.multiplier +
                          (b[i] - params.zero_point2) * params.multiplier2;
      const int32_t value = (sum >> params.shift) + params.output_zero_point;
      out[i] = static_cast<int8_t>(std::clamp<int32_t>(
          value, params.activation_min, params.activation_max));
    }
  }
}

}  // namespace ocellus::kernels::reference
