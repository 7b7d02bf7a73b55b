// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/lookup_s8.h"

#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

namespace ocellus::kernels::cortex_m7 {

void LookupS8(const int8_t* table, Tensor<const int8_t> input,
              Tensor<int8_t> output) noexcept {
  const int8_t* of_zero = table + 128;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    const int8_t* in = input.Row(y);
    int8_t* out = output.Row(y);
    int32_t count = output.shape.w * output.shape.c;
    for (; count >= 4; count -= 4, in += 4, out += 4) {
      const uint32_t x = LoadWord(in);
      StoreWord(out, PackBytes(of_zero[Byte(x, 0)], of_zero[Byte(x, 1)],
                               of_zero[Byte(x, 2)], of_zero[Byte(x, 3)]));
    }
    for (; count > 0; --count) *out++ = of_zero[*in++];
  }
}

}  // namespace ocellus::kernels::cortex_m7
