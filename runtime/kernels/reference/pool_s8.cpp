// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/pool_s8.h"

#include <algorithm>

#include "runtime/interval.h"
#include "runtime/kernels/requantize.h"

namespace ocellus::kernels::reference {
namespace {

using format::PoolMode;

struct Window {
  int32_t count = 0;
  int32_t sum = 0;
  int32_t largest = -128;
};

Window Gather(Tensor<const int8_t> input, Interval rows, Interval columns,
              int32_t channel) {
  Window window;
  for (int32_t y = rows.begin; y < rows.end; ++y) {
    for (int32_t x = columns.begin; x < columns.end; ++x) {
      const int32_t value = input.Row(y)[x * input.shape.c + channel];
      ++window.count;
      window.sum += value;
      window.largest = std::max(window.largest, value);
    }
  }
  return window;
}

int8_t Answer(const PoolParams& params, const Window& window) {
  if (params.mode == PoolMode::kMean) {
    return Requantize(window.sum - window.count * params.input_zero_point,
                      params.requant, params.output_zero_point,
                      params.activation_min, params.activation_max);
  }
  int32_t value = window.largest;
  if (params.mode == PoolMode::kAverage) {
    const int32_t half = window.count / 2;
    value = (window.sum + (window.sum > 0 ? half : -half)) / window.count;
  }
  return static_cast<int8_t>(
      std::clamp<int32_t>(value, params.activation_min, params.activation_max));
}

}  // namespace

void PoolS8(const PoolParams& params, Tensor<const int8_t> input,
            Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  for (int32_t y = 0; y < out.h; ++y) {
    const Interval rows =
        InputOf({y, y + 1}, params.kernel_h, params.stride_y, params.pad_top)
            .Within(input.shape.h);
    int8_t* out_pixel = output.Row(y);
    for (int32_t x = 0; x < out.w; ++x, out_pixel += out.c) {
      const Interval columns =
          InputOf({x, x + 1}, params.kernel_w, params.stride_x, params.pad_left)
              .Within(input.shape.w);
      for (int32_t c = 0; c < out.c; ++c) {
        out_pixel[c] = Answer(params, Gather(input, rows, columns, c));
      }
    }
  }
}

}  // namespace ocellus::kernels::reference
