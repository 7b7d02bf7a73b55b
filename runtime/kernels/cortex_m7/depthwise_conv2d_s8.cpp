// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/kernels/conv2d_s8.h"
#include "runtime/kernels/cortex_m7/depthwise_rows.h"
#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

// Four channels at a time, a band of the input's rows under some output rows is
// taken apart into planes, one a channel, of int16 less the zero point, with
// zeros where the kernel leaves the input. Along a row of a plane, SMLAD
// multiplies two columns by two taps.
namespace ocellus::kernels::cortex_m7 {
namespace {

constexpr int32_t kChannels = 4;
// Half of it fits the first-level cache beside the rest.
constexpr int32_t kPlaneBytes = 12 * 1024;

// Words of two weights in one row of the kernel.
constexpr int32_t RowWords(int32_t kernel, int32_t stride) {
  return stride == 1 ? kernel - 1 : kernel / 2 + 1;
}

struct Geometry {
  int32_t kernel;
  int32_t stride;
  int32_t weight_words;  // of a channel
  int32_t tiles;         // of an output row, the last one perhaps in part
  int32_t row_words;     // of a plane
  int32_t band_rows;     // output rows

  Geometry(const Conv2dParams& params, Shape output)
      : kernel(params.kernel_h),
        stride(params.stride_y),
        weight_words(kernel * RowWords(kernel, stride)),
        tiles((output.w + kTileColumns - 1) / kTileColumns),
        // A tile reads kernel - 1 columns behind its last one, and one more
        // so that they are even.
        row_words((stride * (kTileColumns * tiles - 1) + kernel + 1) / 2) {
    const int32_t rows = kPlaneBytes / (kChannels * row_words * 4);
    band_rows = std::clamp<int32_t>((rows - kernel) / stride + 1, 1, output.h);
  }

  int32_t plane_rows() const { return (band_rows - 1) * stride + kernel; }
  int32_t plane_words() const { return plane_rows() * row_words; }
};

bool IsSupported(const Conv2dParams& params, int32_t channels) {
  const int32_t kernel = params.kernel_h;
  return params.kernel_w == kernel && params.stride_x == params.stride_y &&
         (kernel == 3 || kernel == 5 || kernel == 7) && params.stride_y <= 2 &&
         channels >= kChannels;
}

#if OCELLUS_CORTEX_M7_ASM

DepthwiseRowsFn* RowsFunction(int32_t kernel, int32_t stride) {
  if (kernel == 3) {
    return stride == 1 ? OcellusM7DepthwiseRows3x3s1
                       : OcellusM7DepthwiseRows3x3s2;
  }
  if (kernel == 5) {
    return stride == 1 ? OcellusM7DepthwiseRows5x5s1
                       : OcellusM7DepthwiseRows5x5s2;
  }
  return stride == 1 ? OcellusM7DepthwiseRows7x7s1
                     : OcellusM7DepthwiseRows7x7s2;
}

#else

int32_t Column(const uint32_t* row, int32_t x) {
  return x % 2 == 0 ? Low(row[x / 2]) : High(row[x / 2]);
}

// Tap `t` of a kernel row, whose even taps are the low halves of the first
// words, and its last one that of the word behind, or at stride 1 the high half
// of the last.
template <int kKernel, int kStride>
int32_t Tap(const uint32_t* words, int32_t t) {
  if (t < kKernel - 1) return Column(words, t);
  return kStride == 1 ? High(words[kKernel - 2]) : Low(words[kKernel / 2]);
}

template <int kKernel, int kStride>
void Rows(const uint32_t* plane, const uint32_t* weights,
          const RowsTask* task) {
  const int32_t pitch = task->plane_pitch / 4;
  constexpr int32_t kWords = RowWords(kKernel, kStride);
  for (int32_t y = 0; y < task->rows; ++y) {
    for (int32_t x = 0; x < task->tiles * kTileColumns; ++x) {
      int32_t sum = task->bias;
      for (int32_t ky = 0; ky < kKernel; ++ky) {
        const uint32_t* row = plane + (y * kStride + ky) * pitch;
        for (int32_t kx = 0; kx < kKernel; ++kx) {
          sum += Column(row, x * kStride + kx) *
                 Tap<kKernel, kStride>(weights + ky * kWords, kx);
        }
      }
      task->output[y * task->output_pitch + x * task->output_c] =
          RequantizeToInt8(sum, task->scale, task->zero_point);
    }
  }
}

DepthwiseRowsFn* RowsFunction(int32_t kernel, int32_t stride) {
  if (kernel == 3) return stride == 1 ? Rows<3, 1> : Rows<3, 2>;
  if (kernel == 5) return stride == 1 ? Rows<5, 1> : Rows<5, 2>;
  return stride == 1 ? Rows<7, 1> : Rows<7, 2>;
}

#endif

// Four channels of a pixel, widened: (0, 2) and (1, 3).
struct Pixel {
  uint32_t c02;
  uint32_t c13;

  Pixel(uint32_t bytes, uint32_t addends)
      : c02(Sxtab16(addends, bytes)), c13(Sxtab16Ror8(addends, bytes)) {}
};

// Two pixels to one word of each of four planes.
inline void Transpose(const Pixel& left, const Pixel& right, uint32_t* out,
                      int32_t plane_words) {
  out[0] = Pkhbt(left.c02, right.c02);
  out[plane_words] = Pkhbt(left.c13, right.c13);
  out[2 * plane_words] = Pkhtb(left.c02, right.c02);
  out[3 * plane_words] = Pkhtb(left.c13, right.c13);
}

// The weights of four channels, from [K, K, C].
template <int kKernel>
void WidenWeights(const int8_t* weights, int32_t channels, int32_t stride,
                  int32_t weight_words, uint32_t* out) {
  for (int32_t ky = 0; ky < kKernel; ++ky) {
    const auto tap = [&](int32_t kx) {
      return Pixel(LoadWord(weights + kx * channels), 0);
    };
    uint32_t* even = out;
    uint32_t* odd = out + kKernel / 2;
    Pixel left = tap(0);
    for (int32_t kx = 0; kx < kKernel - 1; kx += 2) {
      const Pixel middle = tap(kx + 1);
      const Pixel right = tap(kx + 2);
      Transpose(left, middle, even++, weight_words);
      if (stride == 1) Transpose(middle, right, odd++, weight_words);
      left = right;
    }
    if (stride == 2) Transpose(left, Pixel(0, 0), odd, weight_words);
    out += RowWords(kKernel, stride);
    weights += kKernel * channels;
  }
}

void WidenWeights(const Conv2dParams& params, const Geometry& geometry,
                  int32_t channels, int32_t first_channel, uint32_t* out) {
  const int8_t* weights = params.weights + first_channel;
  const auto widen = geometry.kernel == 3   ? WidenWeights<3>
                     : geometry.kernel == 5 ? WidenWeights<5>
                                            : WidenWeights<7>;
  widen(weights, channels, geometry.stride, geometry.weight_words, out);
}

// Fills rows of four planes that start at column -pad_left of the input.
class PlaneFiller {
 public:
  PlaneFiller(const Conv2dParams& params, const Geometry& geometry,
              Tensor<const int8_t> input)
      : geometry_(geometry),
        input_(input),
        pad_left_(params.pad_left),
        columns_(
            std::min(input.shape.w, 2 * geometry.row_words - params.pad_left)),
        minus_zero_point_(
            Halves(-params.input_zero_point, -params.input_zero_point)) {}

  // Zeros the words of all rows that lie left or right of the input.
  void ClearBorders(uint32_t* planes) const {
    const int32_t left = pad_left_ / 2;
    const int32_t inside = (pad_left_ + columns_ + 1) / 2 - left;
    const int32_t right = geometry_.row_words - inside - left;
    if (left + right == 0) return;
    for (int32_t i = kChannels * geometry_.plane_rows(); i > 0; --i) {
      for (int32_t j = left; j > 0; --j) *planes++ = 0;
      planes += inside;
      for (int32_t j = right; j > 0; --j) *planes++ = 0;
    }
  }

  // Writes all other words of the rows that start with the input's row `in_y`.
  void Fill(int32_t in_y, int32_t rows, int32_t first_channel,
            uint32_t* planes) const {
    const int32_t top = std::clamp<int32_t>(-in_y, 0, rows);
    const int32_t end = std::clamp<int32_t>(input_.shape.h - in_y, top, rows);
    const int32_t row_words = geometry_.row_words;
    ClearRows(top, planes);
    uint32_t* row = planes + top * row_words + pad_left_ / 2;
    for (int32_t y = in_y + top; y < in_y + end; ++y, row += row_words) {
      FillRow(input_.Row(y) + first_channel, row);
    }
    ClearRows(rows - end, planes + end * row_words);
  }

 private:
  void ClearRows(int32_t rows, uint32_t* planes) const {
    if (rows == 0) return;
    for (int32_t c = 0; c < kChannels; ++c, planes += geometry_.plane_words()) {
      std::fill_n(planes, rows * geometry_.row_words, 0u);
    }
  }

  void FillRow(const int8_t* pixel, uint32_t* word) const {
    const int32_t plane_words = geometry_.plane_words();
    const int32_t channels = input_.shape.c;
    const uint32_t minus_zero_point = minus_zero_point_;
    const Pixel outside(0, 0);
    int32_t columns = columns_;
    if (pad_left_ % 2 != 0) {
      Transpose(outside, Pixel(LoadWord(pixel), minus_zero_point), word++,
                plane_words);
      pixel += channels;
      --columns;
    }
    for (; columns >= 2; columns -= 2) {
      const Pixel left(LoadWord(pixel), minus_zero_point);
      const Pixel right(LoadWord(pixel + channels), minus_zero_point);
      Transpose(left, right, word++, plane_words);
      pixel += 2 * channels;
    }
    if (columns == 1) {
      Transpose(Pixel(LoadWord(pixel), minus_zero_point), outside, word,
                plane_words);
    }
  }

  const Geometry& geometry_;
  const Tensor<const int8_t> input_;
  const int32_t pad_left_;
  const int32_t columns_;  // of the input that the planes hold
  const uint32_t minus_zero_point_;
};

// Output rows [y, y + rows) of four channels, from their planes. The rows must
// follow each other in the output without a wrap.
void RunBand(const Conv2dParams& params, const Geometry& geometry,
             const uint32_t* planes, const uint32_t* weights,
             int32_t first_channel, int8_t* oddments, Tensor<int8_t> output,
             int32_t y, int32_t rows) {
  DepthwiseRowsFn* const run = RowsFunction(geometry.kernel, geometry.stride);
  const Shape out = output.shape;
  const int32_t whole_tiles = out.w / kTileColumns;
  const int32_t rest = out.w % kTileColumns;
  RowsTask task = {.rows = rows,
                   .tiles = 0,
                   .plane_pitch = geometry.row_words * 4,
                   .output_c = 0,
                   .output_pitch = 0,
                   .output = nullptr,
                   .bias = 0,
                   .scale = 0.0f,
                   .zero_point = params.output_zero_point};
  for (int32_t i = 0; i < kChannels; ++i) {
    const int32_t c = first_channel + i;
    int8_t* first = output.Row(y) + c;
    task.bias = params.bias[c];
    task.scale = params.requant[c];
    if (whole_tiles > 0) {
      task.tiles = whole_tiles;
      task.output_c = out.c;
      task.output_pitch = output.row_pitch;
      task.output = first;
      run(planes, weights, &task);
    }
    if (rest > 0) {
      // A tile that the output has no room for.
      task.tiles = 1;
      task.output_c = 1;
      task.output_pitch = kTileColumns;
      task.output = oddments;
      const int32_t x = whole_tiles * kTileColumns;
      run(planes + x * geometry.stride / 2, weights, &task);
      const int8_t* from = oddments;
      int8_t* to = first + x * out.c;
      for (int32_t row = 0; row < rows; ++row) {
        for (int32_t j = 0; j < rest; ++j) to[j * out.c] = from[j];
        from += kTileColumns;
        to += output.row_pitch;
      }
    }
    planes += geometry.plane_words();
    weights += geometry.weight_words;
  }
}

std::size_t ScratchBytes(const Geometry& geometry) {
  return static_cast<std::size_t>(
      kChannels * (geometry.weight_words + geometry.plane_words()) * 4 +
      geometry.band_rows * kTileColumns);
}

}  // namespace

std::size_t DepthwiseConv2dS8ScratchBytes(const Conv2dParams& params, Shape,
                                          Shape output) {
  if (!IsSupported(params, output.c)) return 0;
  const Geometry whole(params, output);
  if (whole.band_rows == output.h) return ScratchBytes(whole);
  // A narrower view has more rows in a band.
  const std::size_t band =
      static_cast<std::size_t>(kChannels * whole.weight_words * 4 +
                               kPlaneBytes + output.h * kTileColumns);
  return std::max(ScratchBytes(whole), band);
}

void DepthwiseConv2dS8(const Conv2dParams& params, Tensor<const int8_t> input,
                       Tensor<int8_t> output, std::byte* scratch) noexcept {
  const Shape out = output.shape;
  if (!IsSupported(params, out.c)) {
    reference::DepthwiseConv2dS8(params, input, output, scratch);
    return;
  }
  const Geometry geometry(params, out);
  auto* weights = reinterpret_cast<uint32_t*>(scratch);
  uint32_t* planes = weights + kChannels * geometry.weight_words;
  auto* oddments =
      reinterpret_cast<int8_t*>(planes + kChannels * geometry.plane_words());
  const PlaneFiller filler(params, geometry, input);
  filler.ClearBorders(planes);
  for (int32_t group = 0; group < out.c; group += kChannels) {
    // The last group starts early rather than end late, and so computes some
    // channels a second time.
    const int32_t channel = std::min(group, out.c - kChannels);
    WidenWeights(params, geometry, out.c, channel, weights);
    for (int32_t y = 0; y < out.h; y += geometry.band_rows) {
      const int32_t rows = std::min(geometry.band_rows, out.h - y);
      const int32_t plane_rows = (rows - 1) * geometry.stride + geometry.kernel;
      filler.Fill(y * geometry.stride - params.pad_top, plane_rows, channel,
                  planes);
      // In the output they may wrap.
      const int32_t slot = output.first_slot + y;
      const int32_t first = slot < output.ring_rows
                                ? std::min(output.ring_rows - slot, rows)
                                : rows;
      RunBand(params, geometry, planes, weights, channel, oddments, output, y,
              first);
      if (first == rows) continue;
      RunBand(params, geometry,
              planes + first * geometry.stride * geometry.row_words, weights,
              channel, oddments, output, y + first, rows - first);
    }
  }
  if (params.activation_min > -128 || params.activation_max < 127) {
    for (int32_t y = 0; y < out.h; ++y) {
      ClampInt8(output.Row(y), out.w * out.c, params.activation_min,
                params.activation_max);
    }
  }
}

}  // namespace ocellus::kernels::cortex_m7
