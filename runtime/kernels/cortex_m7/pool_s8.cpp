// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/pool_s8.h"

#include <algorithm>
#include <array>

#include "runtime/interval.h"
#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

// Four channels at a time: one word of each pixel in the window.
namespace ocellus::kernels::cortex_m7 {
namespace {

using format::PoolMode;

constexpr int32_t kChannels = 4;

// The pixels of one window that lie in the input: columns of a few rows, in two
// parts where the ring of rows wraps.
struct Window {
  struct Part {
    const int8_t* first;
    int32_t rows;
  };
  std::array<Part, 2> parts;
  int32_t columns;
  int32_t channels;
  int32_t row_pitch;

  Window(Tensor<const int8_t> input, Interval in_rows, Interval in_columns)
      : columns(in_columns.size()),
        channels(input.shape.c),
        row_pitch(input.row_pitch) {
    const int32_t before_wrap = input.ring_rows - input.first_slot;
    const int32_t wrap =
        std::clamp<int32_t>(before_wrap, in_rows.begin, in_rows.end);
    const int32_t first_column = in_columns.begin * channels;
    const auto part = [&](int32_t begin, int32_t end) {
      return begin < end ? Part{input.Row(begin) + first_column, end - begin}
                         : Part{nullptr, 0};
    };
    parts = {part(in_rows.begin, wrap), part(wrap, in_rows.end)};
  }

  int32_t pixels() const { return (parts[0].rows + parts[1].rows) * columns; }

  // Calls pixel(bytes) for each pixel, and row() behind each row.
  template <typename Pixel, typename Row>
  void ForEach(const Pixel& pixel, const Row& row) const {
    for (const Part& part : parts) {
      const int8_t* first = part.first;
      for (int32_t y = part.rows; y > 0; --y, first += row_pitch) {
        const int8_t* bytes = first;
        for (int32_t x = columns; x > 0; --x, bytes += channels) pixel(bytes);
        row();
      }
    }
  }
};

// The larger of each two values. The last word starts early rather than end
// late.
void KeepLarger(const int8_t* in, int32_t channels, int8_t* out) {
  const auto keep = [&](int32_t c) {
    StoreWord(out + c, LargerBytes(LoadWord(in + c), LoadWord(out + c)));
  };
  int32_t c = 0;
  for (; c + 2 * kChannels <= channels; c += 2 * kChannels) {
    keep(c);
    keep(c + kChannels);
  }
  if (channels - c >= kChannels) {
    keep(c);
    c += kChannels;
  }
  if (c < channels) keep(channels - kChannels);
}

void Largest(const Window& window, int8_t* out) {
  bool is_first = true;
  window.ForEach(
      [&](const int8_t* pixel) {
        if (is_first) {
          CopyBytes(pixel, window.channels, out);
        } else {
          KeepLarger(pixel, window.channels, out);
        }
        is_first = false;
      },
      [] {});
}

std::array<int32_t, kChannels> Sums(const Window& window, int32_t channel) {
  std::array<int32_t, kChannels> sums = {};
  // Windows have at most 255 columns, so int16 holds the sum of a row.
  uint32_t even = 0;
  uint32_t odd = 0;
  window.ForEach(
      [&](const int8_t* pixel) {
        const uint32_t word = LoadWord(pixel + channel);
        even = Sxtab16(even, word);
        odd = Sxtab16Ror8(odd, word);
      },
      [&] {
        sums[0] += Low(even);
        sums[1] += Low(odd);
        sums[2] += High(even);
        sums[3] += High(odd);
        even = odd = 0;
      });
  return sums;
}

// Four answers, clamped to int8 only.
uint32_t Average(const PoolParams& params, const Window& window,
                 int32_t channel) {
  std::array<int32_t, kChannels> values = Sums(window, channel);
  const int32_t count = window.pixels();
  for (int32_t& value : values) {
    if (params.mode == PoolMode::kMean) {
      value = RequantizeToInt8(value - count * params.input_zero_point,
                               params.requant, params.output_zero_point);
    } else {
      value = (value + (value > 0 ? count / 2 : -(count / 2))) / count;
    }
  }
  return PackBytes(values[0], values[1], values[2], values[3]);
}

}  // namespace

void PoolS8(const PoolParams& params, Tensor<const int8_t> input,
            Tensor<int8_t> output) noexcept {
  const Shape out = output.shape;
  if (out.c < kChannels) {
    reference::PoolS8(params, input, output);
    return;
  }
  for (int32_t y = 0; y < out.h; ++y) {
    const Interval rows =
        InputOf({y, y + 1}, params.kernel_h, params.stride_y, params.pad_top)
            .Within(input.shape.h);
    int8_t* pixel = output.Row(y);
    for (int32_t x = 0; x < out.w; ++x, pixel += out.c) {
      const Window window(
          input, rows,
          InputOf({x, x + 1}, params.kernel_w, params.stride_x, params.pad_left)
              .Within(input.shape.w));
      if (params.mode == PoolMode::kMax) {
        Largest(window, pixel);
        continue;
      }
      for (int32_t group = 0; group < out.c; group += kChannels) {
        // The last group starts early rather than end late.
        const int32_t channel = std::min(group, out.c - kChannels);
        StoreWord(pixel + channel, Average(params, window, channel));
      }
    }
    if (params.activation_min > -128 || params.activation_max < 127) {
      ClampInt8(output.Row(y), out.w * out.c, params.activation_min,
                params.activation_max);
    }
  }
}

}  // namespace ocellus::kernels::cortex_m7
