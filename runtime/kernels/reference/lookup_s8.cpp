// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/lookup_s8.h"

namespace ocellus::kernels::reference {

void LookupS8(const int8_t* table, Tensor<const int8_t> input,
              Tensor<int8_t> output) noexcept {
  const int32_t row_elements = output.shape.w * output.shape.c;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    const int8_t* in = input.Row(y);
    int8_t* out = output.Row(y);
    for (int32_t i = 0; i < row_elements; ++i) out[i] = table[in[i] + 128];
  }
}

}  // namespace ocellus::kernels::reference
