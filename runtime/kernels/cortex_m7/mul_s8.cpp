// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/mul_s8.h"

#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

namespace ocellus::kernels::cortex_m7 {
namespace {

// Answers clamped to int8 only.
void MulRun(const MulParams& params, const int8_t* a, const int8_t* b,
            int32_t count, int8_t* out) {
  const int32_t zero_point = params.zero_point;
  const int32_t zero_point2 = params.zero_point2;
  const int32_t output_zero_point = params.output_zero_point;
  const float requant = params.requant;
  const auto multiply = [=](int32_t x, int32_t y) {
    return RequantizeToInt8((x - zero_point) * (y - zero_point2), requant,
                            output_zero_point);
  };
  for (; count >= 4; count -= 4, a += 4, b += 4, out += 4) {
    const uint32_t x = LoadWord(a);
    const uint32_t y = LoadWord(b);
    StoreWord(out, PackBytes(multiply(Byte(x, 0), Byte(y, 0)),
                             multiply(Byte(x, 1), Byte(y, 1)),
                             multiply(Byte(x, 2), Byte(y, 2)),
                             multiply(Byte(x, 3), Byte(y, 3))));
  }
  for (; count > 0; --count) *out++ = multiply(*a++, *b++);
}

}  // namespace

void MulS8(const MulParams& params, Tensor<const int8_t> input,
           Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  const int32_t row_elements = out.w * out.c;
  const bool scales_channels = input2.shape != out;
  for (int32_t y = 0; y < out.h; ++y) {
    const int8_t* a = input.Row(y);
    int8_t* to = output.Row(y);
    if (scales_channels) {
      for (int32_t x = 0; x < row_elements; x += out.c) {
        MulRun(params, a + x, input2.Row(0), out.c, to + x);
      }
    } else {
      MulRun(params, a, input2.Row(y), row_elements, to);
    }
    if (params.activation_min > -128 || params.activation_max < 127) {
      ClampInt8(to, row_elements, params.activation_min, params.activation_max);
    }
  }
}

}  // namespace ocellus::kernels::cortex_m7
