// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/concat_s8.h"

#include <cstddef>
#include <cstring>

namespace ocellus::kernels::reference {
namespace {

// Copies `from` to where (row, column, channel) is its first element's place.
void CopyTo(Tensor<const int8_t> from, Tensor<int8_t> to, int32_t row,
            int32_t column, int32_t channel) {
  const Shape shape = from.shape;
  for (int32_t y = 0; y < shape.h; ++y) {
    const int8_t* in = from.Row(y);
    int8_t* out = to.Row(row + y) + column * to.shape.c + channel;
    for (int32_t x = 0; x < shape.w; ++x) {
      std::memcpy(out + x * to.shape.c, in + x * shape.c,
                  static_cast<std::size_t>(shape.c));
    }
  }
}

}  // namespace

void ConcatS8(format::ConcatAxis axis, Tensor<const int8_t> input,
              Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  using format::ConcatAxis;
  const Shape first = input.shape;
  CopyTo(input, output, 0, 0, 0);
  CopyTo(input2, output, axis == ConcatAxis::kRows ? first.h : 0,
         axis == ConcatAxis::kColumns ? first.w : 0,
         axis == ConcatAxis::kChannels ? first.c : 0);
}

}  // namespace ocellus::kernels::reference
