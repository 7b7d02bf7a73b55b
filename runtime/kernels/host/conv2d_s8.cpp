// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/conv2d_s8.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/host/conv2d_s8.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/host/kernels-inl.h"
#include "runtime/kernels/host/vectors-inl.h"

// A convolution is a product of two matrices: [pixels, depth] of input values
// and [depth, O] of weights, depth = KH * KW * I. A panel of pixels is widened
// to int16 in scratch, minus the zero point, so that padding is zero. Weights
// were widened and rearranged by Conv2dS8Pack(): for each block of output
// channels, and each pair of values along depth, the pair's weights of all
// channels of the block lie side by side. A tile of pixels x channels is summed
// in registers.
#if OCELLUS_HOST_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace ocellus::kernels::host::HWY_NAMESPACE {
namespace {

// 4 x 2 sums, 2 vectors of weights, inputs and products: what the 16 registers
// of AVX2 hold without GCC spilling, and enough to keep the multipliers busy.
constexpr int32_t kTilePixels = 4;
constexpr int32_t kBlockVectors = 2;

// A panel's values stay in the first-level cache if they can; weights are read
// from further away once per panel, so that it has some pixels anyway.
constexpr int32_t kPanelValues = 8192;
constexpr int32_t kMinPanelPixels = 48;

// Output channels [first, first + vectors * kLanes32). The last block of a
// layer starts early rather than end late, and so computes some channels a
// second time. Only in a layer narrower than a vector are lanes left over.
struct Block {
  int32_t first;
  int32_t vectors;
};

Block BlockAfter(int32_t channels_done, int32_t output_c) {
  const bool wide = output_c - channels_done > kLanes32 &&
                    output_c >= kBlockVectors * kLanes32;
  const int32_t vectors = wide ? kBlockVectors : 1;
  const int32_t last_first = std::max(output_c - vectors * kLanes32, 0);
  return {std::min(channels_done, last_first), vectors};
}

// A block in memory, all in units of vectors: bias, scales, then weights. Each
// vector of weights holds a pair for each of kLanes32 channels.
std::size_t BlockBytes(int32_t vectors, int32_t pairs) {
  return static_cast<std::size_t>(vectors) * kVectorBytes *
         static_cast<std::size_t>(2 + pairs);
}

struct Geometry {
  int32_t depth;
  int32_t pairs;  // along depth, the last one padded with a weight of 0
  bool direct;    // a panel of pixels is a piece of an input row

  Geometry(const Conv2dParams& params, int32_t input_c)
      : depth(params.kernel_h * params.kernel_w * input_c),
        pairs((depth + 1) / 2),
        direct(params.kernel_h == 1 && params.kernel_w == 1 &&
               params.stride_x == 1) {}

  int32_t PanelPixels(int32_t output_pixels) const {
    const int32_t pixels = std::max(kPanelValues / depth, kMinPanelPixels);
    return std::min(RoundUp(pixels, kTilePixels), output_pixels);
  }

  // Copies to these write whole vectors, and pairs may be read past the end.
  int32_t PanelElements(int32_t panel_pixels) const {
    return RoundUp(panel_pixels * depth, kLanes16) + kLanes16;
  }
};

// Columns of the input under `pixels` pixels of an output row.
int32_t ColumnsUnder(const Conv2dParams& params, int32_t pixels) {
  return (pixels - 1) * params.stride_x + params.kernel_w;
}

// Elements of a widened piece of an input row.
int32_t PieceElements(const Conv2dParams& params, int32_t panel_pixels,
                      int32_t input_c) {
  return RoundUp(ColumnsUnder(params, panel_pixels) * input_c, kLanes16) +
         kLanes16;
}

// `count` values minus the zero point.
void Widen(const int8_t* in, int32_t count, int32_t zero_point, int16_t* out) {
  const S16 d16;
  const S8OfS16 d8;
  if (count < kLanes16) {
    for (int32_t i = 0; i < count; ++i) {
      out[i] = static_cast<int16_t>(in[i] - zero_point);
    }
    return;
  }
  const auto zero_points = hn::Set(d16, static_cast<int16_t>(zero_point));
  for (int32_t i = 0; i < count; i += kLanes16) {
    const int32_t begin = std::min(i, count - kLanes16);
    const auto wide = hn::PromoteTo(d16, hn::LoadU(d8, in + begin));
    hn::StoreU(hn::Sub(wide, zero_points), d16, out + begin);
  }
}

// Columns [x, x + columns) of row y, as int16 without the zero point.
void WidenColumns(Tensor<const int8_t> input, int32_t y, int32_t x,
                  int32_t columns, int32_t zero_point, int16_t* out) {
  const Shape shape = input.shape;
  const bool inside = y >= 0 && y < shape.h;
  const int32_t begin = std::clamp(-x, 0, columns);
  const int32_t end = inside ? std::clamp(shape.w - x, begin, columns) : begin;
  std::fill_n(out, begin * shape.c, int16_t{0});
  if (end > begin) {
    Widen(input.Row(y) + (x + begin) * shape.c, (end - begin) * shape.c,
          zero_point, out + begin * shape.c);
  }
  std::fill(out + end * shape.c, out + columns * shape.c, int16_t{0});
}

// Copies `count` values in whole vectors, so up to one vector too much.
HWY_INLINE void CopyVectors(const int16_t* in, int32_t count, int16_t* out) {
  const S16 d;
  for (int32_t i = 0; i < count; i += kLanes16) {
    hn::StoreU(hn::LoadU(d, in + i), d, out + i);
  }
}

// The panel of `pixels` pixels at (y, x) of the output. `pieces` is room for
// KH pieces of input rows.
void FillPanel(const Conv2dParams& params, const Geometry& geometry,
               Tensor<const int8_t> input, int32_t y, int32_t x, int32_t pixels,
               int16_t* panel, int16_t* pieces) {
  const int32_t in_y = y * params.stride_y - params.pad_top;
  const int32_t in_x = x * params.stride_x - params.pad_left;
  const int32_t columns = ColumnsUnder(params, pixels);
  if (geometry.direct) {
    WidenColumns(input, in_y, in_x, columns, params.input_zero_point, panel);
  } else {
    const int32_t piece = PieceElements(params, pixels, input.shape.c);
    const int32_t span = params.kernel_w * input.shape.c;
    const int32_t step = params.stride_x * input.shape.c;
    for (int32_t ky = 0; ky < params.kernel_h; ++ky) {
      WidenColumns(input, in_y + ky, in_x, columns, params.input_zero_point,
                   pieces + ky * piece);
    }
    // In ascending order: what a copy writes too much, the next one overwrites.
    int16_t* out = panel;
    for (int32_t p = 0; p < pixels; ++p) {
      for (int32_t ky = 0; ky < params.kernel_h; ++ky, out += span) {
        CopyVectors(pieces + ky * piece + p * step, span, out);
      }
    }
  }
  panel[pixels * geometry.depth] = 0;  // the last pair of an odd depth
}

// One tile: pixels of `panel` times one block of weights.
template <int kPixels, int kVectors>
void MultiplyTile(const int16_t* HWY_RESTRICT panel, const Geometry& geometry,
                  const std::byte* HWY_RESTRICT block,
                  const Requantizer& requantize, int8_t* HWY_RESTRICT out,
                  int32_t output_c) {
  const S16 d16;
  const S32 d32;
  const F32 df;
  const S8OfS32 d8;
  const auto* bias = reinterpret_cast<const int32_t*>(block);
  const auto* scale =
      reinterpret_cast<const float*>(block + kVectors * kVectorBytes);
  const auto* weights =
      reinterpret_cast<const int16_t*>(block + 2 * kVectors * kVectorBytes);

  PairSum sums[kPixels][kVectors];
  const std::ptrdiff_t depth = geometry.depth;
  for (int32_t pairs = geometry.pairs; pairs > 0; --pairs) {
    hn::Vec<S16> weight[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      weight[v] = hn::Load(d16, weights + v * kLanes16);
    }
    for (int p = 0; p < kPixels; ++p) {
      int32_t values;
      std::memcpy(&values, panel + p * depth, sizeof(values));
      const auto input = hn::BitCast(d16, hn::Set(d32, values));
      for (int v = 0; v < kVectors; ++v) sums[p][v].Add(input, weight[v]);
    }
    weights += kVectors * kLanes16;
    panel += 2;
  }

  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) {
      const auto sum =
          hn::Add(sums[p][v].Total(), hn::Load(d32, bias + v * kLanes32));
      const auto answer =
          hn::DemoteTo(d8, requantize(sum, hn::Load(df, scale + v * kLanes32)));
      if (HWY_LIKELY(output_c >= kLanes32)) {
        hn::StoreU(answer, d8, out + v * kLanes32);
      } else {
        int8_t lanes[kLanes32];
        hn::StoreU(answer, d8, lanes);
        std::memcpy(out, lanes, static_cast<std::size_t>(output_c));
      }
    }
    out += output_c;
  }
}

using MultiplyTileFn = void(const int16_t* panel, const Geometry& geometry,
                            const std::byte* block,
                            const Requantizer& requantize, int8_t* out,
                            int32_t output_c);

// By vectors and pixels, both minus one.
constexpr MultiplyTileFn* kMultiplyTile[kBlockVectors][kTilePixels] = {
    {MultiplyTile<1, 1>, MultiplyTile<2, 1>, MultiplyTile<3, 1>,
     MultiplyTile<4, 1>},
    {MultiplyTile<1, 2>, MultiplyTile<2, 2>, MultiplyTile<3, 2>,
     MultiplyTile<4, 2>}};

template <typename T>
Tensor<T> OneRow(Tensor<T> tensor) {
  const Shape shape = tensor.shape;
  return {tensor.Row(0), {1, shape.h * shape.w, shape.c}};
}

}  // namespace

std::size_t Conv2dS8PackedBytes(const Conv2dParams& params, int32_t input_c,
                                int32_t output_c) {
  const Geometry geometry(params, input_c);
  std::size_t bytes = 0;
  for (int32_t done = 0; done < output_c;) {
    const Block block = BlockAfter(done, output_c);
    bytes += BlockBytes(block.vectors, geometry.pairs);
    done += block.vectors * kLanes32;
  }
  return bytes;
}

void Conv2dS8Pack(const Conv2dParams& params, int32_t input_c, int32_t output_c,
                  std::byte* packed) {
  const Geometry geometry(params, input_c);
  for (int32_t done = 0; done < output_c;) {
    const Block block = BlockAfter(done, output_c);
    const int32_t channels = block.vectors * kLanes32;
    auto* bias = reinterpret_cast<int32_t*>(packed);
    auto* scale = reinterpret_cast<float*>(bias + channels);
    auto* weights = reinterpret_cast<int16_t*>(scale + channels);
    for (int32_t lane = 0; lane < channels; ++lane) {
      const int32_t o = block.first + lane;
      const bool used = o < output_c;
      bias[lane] = used ? params.bias[o] : 0;
      scale[lane] = used ? params.requant[o] : 0.0f;
      for (int32_t k = 0; k < 2 * geometry.pairs; ++k) {
        weights[(k / 2 * channels + lane) * 2 + k % 2] =
            used && k < geometry.depth ? params.weights[o * geometry.depth + k]
                                       : int16_t{0};
      }
    }
    packed += BlockBytes(block.vectors, geometry.pairs);
    done += channels;
  }
}

std::size_t Conv2dS8ScratchBytes(const Conv2dParams& params, Shape input,
                                 Shape output) {
  const Geometry geometry(params, input.c);
  const int32_t pixels =
      geometry.PanelPixels(geometry.direct ? output.h * output.w : output.w);
  int32_t elements = geometry.PanelElements(pixels);
  if (!geometry.direct) {
    elements += params.kernel_h * PieceElements(params, pixels, input.c);
  }
  return static_cast<std::size_t>(elements) * sizeof(int16_t) + kVectorBytes;
}

void Conv2dS8(const Conv2dParams& params, Tensor<const int8_t> input,
              Tensor<int8_t> output, std::byte* scratch) noexcept {
  const Geometry geometry(params, input.shape.c);
  if (geometry.direct && params.stride_y == 1 && params.pad_top == 0 &&
      params.pad_left == 0 && input.shape.h == output.shape.h &&
      input.shape.w == output.shape.w && input.is_dense() &&
      output.is_dense()) {
    input = OneRow(input);
    output = OneRow(output);
  }
  const Shape out = output.shape;
  const Requantizer requantize(params);
  const int32_t panel_pixels = geometry.PanelPixels(out.w);
  auto* panel = reinterpret_cast<int16_t*>(AlignToVector(scratch));
  int16_t* pieces = panel + geometry.PanelElements(panel_pixels);

  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; x += panel_pixels) {
      const int32_t pixels = std::min(panel_pixels, out.w - x);
      FillPanel(params, geometry, input, y, x, pixels, panel, pieces);
      const auto* block_data = static_cast<const std::byte*>(params.packed);
      for (int32_t done = 0; done < out.c;) {
        const Block block = BlockAfter(done, out.c);
        int8_t* out_pixel = output.Row(y) + x * out.c + block.first;
        for (int32_t p = 0; p < pixels; p += kTilePixels) {
          const int32_t tile = std::min(kTilePixels, pixels - p);
          kMultiplyTile[block.vectors - 1][tile - 1](
              panel + p * geometry.depth, geometry, block_data, requantize,
              out_pixel + p * out.c, out.c);
        }
        block_data += BlockBytes(block.vectors, geometry.pairs);
        done += block.vectors * kLanes32;
      }
    }
  }
}

}  // namespace ocellus::kernels::host::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OCELLUS_HOST_HAS_VECTORS
