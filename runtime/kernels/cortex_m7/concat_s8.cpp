// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/concat_s8.h"

#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

namespace ocellus::kernels::cortex_m7 {
namespace {

// Copies `from` to where (row, column, channel) is its first element's place.
void CopyTo(Tensor<const int8_t> from, Tensor<int8_t> to, int32_t row,
            int32_t column, int32_t channel) {
  const bool joins_channels = from.shape.c != to.shape.c;
  // Pieces of a row that have their elements in line in both.
  const int32_t pieces = joins_channels ? from.shape.w : 1;
  const int32_t piece = from.shape.w * from.shape.c / pieces;
  for (int32_t y = 0; y < from.shape.h; ++y) {
    const int8_t* in = from.Row(y);
    int8_t* out = to.Row(row + y) + column * to.shape.c + channel;
    for (int32_t i = pieces; i > 0; --i, in += piece, out += to.shape.c) {
      CopyBytes(in, piece, out);
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

}  // namespace ocellus::kernels::cortex_m7
