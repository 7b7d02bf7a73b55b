// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/add_s8.h"

#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

namespace ocellus::kernels::cortex_m7 {
namespace {

// The largest shift that leaves room in int32 for the output's zero point:
// products are less than 2^29 each, 128 * 2^22 is 2^29.
constexpr int32_t kMaxFoldedShift = 22;

// What is added to the products, so that the shift ends at the answer.
struct Constants {
  int32_t multiplier;
  int32_t multiplier2;
  int32_t addend;
  int32_t shift;
  int32_t zero_point;  // added behind the shift, unless it is in the addend
};

template <bool kFolded>
int32_t Add(int32_t a, int32_t b, const Constants& c) {
  const int32_t sum = c.addend + a * c.multiplier + b * c.multiplier2;
  const int32_t value = sum >> c.shift;
  return Ssat8(kFolded ? value : value + c.zero_point);
}

template <bool kFolded>
uint32_t AddWord(uint32_t a, uint32_t b, const Constants& c) {
  const auto byte = [&](int i) {
    return Add<kFolded>(Byte(a, i), Byte(b, i), c);
  };
  return PackBytes(byte(0), byte(1), byte(2), byte(3));
}

template <bool kFolded>
void AddRow(const int8_t* a, const int8_t* b, int32_t count, Constants c,
            int8_t* out) {
  int32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    StoreWord(out + i, AddWord<kFolded>(LoadWord(a + i), LoadWord(b + i), c));
  }
  for (; i < count; ++i) {
    out[i] = static_cast<int8_t>(Add<kFolded>(a[i], b[i], c));
  }
}

}  // namespace

void AddS8(const AddParams& params, Tensor<const int8_t> input,
           Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  Constants c = {
      .multiplier = params.multiplier,
      .multiplier2 = params.multiplier2,
      .addend = (int32_t{1} << (params.shift - 1)) -
                params.zero_point * params.multiplier -
                params.zero_point2 * params.multiplier2,
      .shift = params.shift,
      .zero_point = params.output_zero_point,
  };
  const bool folded = params.shift <= kMaxFoldedShift;
  if (folded) c.addend += params.output_zero_point * (1 << params.shift);
  const int32_t row_elements = output.shape.w * output.shape.c;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    int8_t* out = output.Row(y);
    if (folded) {
      AddRow<true>(input.Row(y), input2.Row(y), row_elements, c, out);
    } else {
      AddRow<false>(input.Row(y), input2.Row(y), row_elements, c, out);
    }
    if (params.activation_min > -128 || params.activation_max < 127) {
      ClampInt8(out, row_elements, params.activation_min,
                params.activation_max);
    }
  }
}

}  // namespace ocellus::kernels::cortex_m7
