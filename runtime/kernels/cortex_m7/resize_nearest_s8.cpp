// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/resize_nearest_s8.h"

#include <cstring>

#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

namespace ocellus::kernels::cortex_m7 {
namespace {

void EnlargeRow(const int8_t* pixel, int32_t channels, int32_t columns,
                int32_t factor, int32_t first, int8_t* out) {
  int32_t copy = first;
  for (; columns > 0; --columns) {
    CopyBytes(pixel, channels, out);
    out += channels;
    if (++copy == factor) {
      copy = 0;
      pixel += channels;
    }
  }
}

}  // namespace

void ResizeNearestS8(const ResizeNearestParams& params,
                     Tensor<const int8_t> input,
                     Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  const auto row_bytes = static_cast<std::size_t>(out.w * out.c);
  int32_t copy = params.first_y;
  int32_t in_y = 0;
  for (int32_t y = 0; y < out.h; ++y) {
    if (y > 0 && copy > 0) {
      std::memcpy(output.Row(y), output.Row(y - 1), row_bytes);
    } else {
      EnlargeRow(input.Row(in_y), out.c, out.w, params.factor_x, params.first_x,
                 output.Row(y));
    }
    if (++copy == params.factor_y) {
      copy = 0;
      ++in_y;
    }
  }
}

}  // namespace ocellus::kernels::cortex_m7
