// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/conv2d_s8.h"

#include <algorithm>
#include <array>

#include "runtime/kernels/channel_pairs.h"
#include "runtime/kernels/cortex_m7/conv2d_tiles.h"
#include "runtime/kernels/cortex_m7/kernels.h"
#include "runtime/kernels/cortex_m7/simd.h"

// A convolution is a product of two matrices: [pixels, depth] of input values,
// depth = KH * KW * I, and [depth, O] of weights. A panel of pixels is widened
// to int16 in scratch, minus the zero point, so that padding is zero. Then each
// pair of output channels runs over the whole panel: its weights are read from
// flash once a panel and stay in the cache meanwhile.
namespace ocellus::kernels::cortex_m7 {
namespace {

// A panel is as large as the first-level cache likes, but so many pixels that
// weights are not fetched for nothing.
constexpr int32_t kPanelBytes = 8192;
constexpr int32_t kMinPanelTiles = 4;
constexpr int32_t kMaxKernel = static_cast<int32_t>(format::kMaxKernel);

struct Geometry {
  int32_t depth;
  int32_t pair_depth;  // a multiple of 4

  Geometry(const Conv2dParams& params, int32_t input_c)
      : depth(params.kernel_h * params.kernel_w * input_c),
        pair_depth(PairDepth(depth)) {}

  int32_t tile_words() const { return pair_depth / 2 * kTilePixels; }
  int32_t PanelTiles(int32_t pixels) const {
    const int32_t tile_bytes = tile_words() * 4;
    const int32_t tiles = std::max(kPanelBytes / tile_bytes, kMinPanelTiles);
    return std::min(tiles, (pixels + kTilePixels - 1) / kTilePixels);
  }
};

// Pixels of the output that follow each other in memory.
struct Run {
  int8_t* output;
  int32_t y;  // of the first
  int32_t pixels;
};

// Where tile `tile` of a run starts. The last one starts early rather than end
// late, and so computes some pixels a second time, if there are four.
int32_t FirstPixel(int32_t tile, int32_t pixels) {
  return std::max<int32_t>(std::min(tile * kTilePixels, pixels - kTilePixels),
                           0);
}

class Widener {
 public:
  Widener(const Conv2dParams& params, Tensor<const int8_t> input,
          int32_t output_w, int8_t* windows)
      : params_(params),
        geometry_(params, input.shape.c),
        input_(input),
        output_w_(output_w),
        windows_(windows),
        minus_zero_point_(
            Halves(-params.input_zero_point, -params.input_zero_point)),
        copies_(params.kernel_h != 1 || params.kernel_w != 1) {}

  // Writes the tile of four pixels from `first` of a run on. There are `count`
  // pixels in the run; those behind are as the last one.
  void Widen(const Run& run, int32_t first, uint32_t* out) {
    std::array<const int8_t*, kTilePixels> pixels;
    int32_t y = run.y + first / output_w_;
    int32_t x = first % output_w_;
    for (int32_t p = 0; p < kTilePixels; ++p) {
      pixels[p] = Window(y, x, windows_ + p * geometry_.pair_depth);
      if (first + p + 1 >= run.pixels) continue;
      if (++x == output_w_) {
        x = 0;
        ++y;
      }
    }
    Interleave(pixels, out);
  }

 private:
  // The input values under output pixel (y, x), in the input or copied.
  const int8_t* Window(int32_t y, int32_t x, int8_t* copy) {
    const int32_t in_y = y * params_.stride_y - params_.pad_top;
    const int32_t in_x = x * params_.stride_x - params_.pad_left;
    const Shape in = input_.shape;
    if (!copies_ && in_y >= 0 && in_y < in.h && in_x >= 0 && in_x < in.w) {
      return input_.Row(in_y) + in_x * in.c;
    }
    SetRows(in_y);
    const int32_t span = params_.kernel_w * in.c;
    const int32_t left = std::clamp<int32_t>(-in_x, 0, params_.kernel_w) * in.c;
    const int32_t right =
        std::clamp<int32_t>(in.w - in_x, 0, params_.kernel_w) * in.c;
    const bool inside = left == 0 && right == span;
    int8_t* out = copy;
    for (int32_t ky = 0; ky < params_.kernel_h; ++ky, out += span) {
      const int8_t* row = rows_[static_cast<std::size_t>(ky)];
      const auto zero_point = static_cast<int8_t>(params_.input_zero_point);
      if (row == nullptr) {
        std::fill_n(out, span, zero_point);
      } else if (inside) {
        Copy(row + in_x * in.c, span, out);
      } else {
        std::fill_n(out, left, zero_point);
        if (left < right)
          Copy(row + in_x * in.c + left, right - left, out + left);
        std::fill(out + std::max(left, right), out + span, zero_point);
      }
    }
    return copy;
  }

  // Rows under the window from in_y on, null outside of the input.
  void SetRows(int32_t in_y) {
    if (in_y == rows_from_ && rows_set_) return;
    for (int32_t ky = 0; ky < params_.kernel_h; ++ky) {
      const int32_t row = in_y + ky;
      rows_[static_cast<std::size_t>(ky)] =
          row >= 0 && row < input_.shape.h ? input_.Row(row) : nullptr;
    }
    rows_from_ = in_y;
    rows_set_ = true;
  }

  static void Copy(const int8_t* in, int32_t count, int8_t* out) {
    for (; count >= 4; count -= 4, in += 4, out += 4) {
      StoreWord(out, LoadWord(in));
    }
    for (; count > 0; --count) *out++ = *in++;
  }

  void Interleave(const std::array<const int8_t*, kTilePixels>& pixels,
                  uint32_t* out) const {
    const auto [p0, p1, p2, p3] = pixels;
    const uint32_t minus_zero_point = minus_zero_point_;
    const auto widen = [&](uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
      out[0] = Sxtab16(minus_zero_point, w0);
      out[1] = Sxtab16(minus_zero_point, w1);
      out[2] = Sxtab16(minus_zero_point, w2);
      out[3] = Sxtab16(minus_zero_point, w3);
      out[4] = Sxtab16Ror8(minus_zero_point, w0);
      out[5] = Sxtab16Ror8(minus_zero_point, w1);
      out[6] = Sxtab16Ror8(minus_zero_point, w2);
      out[7] = Sxtab16Ror8(minus_zero_point, w3);
      out += 8;
    };
    const int32_t whole = geometry_.depth & ~3;
    for (int32_t k = 0; k < whole; k += 4) {
      widen(LoadWord(p0 + k), LoadWord(p1 + k), LoadWord(p2 + k),
            LoadWord(p3 + k));
    }
    if (whole == geometry_.depth) return;
    const auto rest = [&](const int8_t* pixel) {
      uint32_t word = 0;
      for (int32_t k = geometry_.depth - 1; k >= whole; --k) {
        word = word << 8 | static_cast<uint8_t>(pixel[k]);
      }
      return word;
    };
    // Behind depth the weights are zeros.
    widen(rest(p0), rest(p1), rest(p2), rest(p3));
  }

  const Conv2dParams& params_;
  const Geometry geometry_;
  const Tensor<const int8_t> input_;
  const int32_t output_w_;
  int8_t* windows_;  // room for four
  const uint32_t minus_zero_point_;
  const bool copies_;
  std::array<const int8_t*, kMaxKernel> rows_;
  int32_t rows_from_ = 0;
  bool rows_set_ = false;
};

#if !OCELLUS_CORTEX_M7_ASM

void MultiplyPairs(const uint32_t* pixels, const uint16_t* weights,
                   const PairTask& task) {
  for (int32_t tile = 0; tile < task.tiles; ++tile) {
    for (int32_t p = 0; p < kTilePixels; ++p) {
      int32_t both = task.bias[0];
      int32_t first = task.bias[0];
      for (int32_t i = 0; i < task.depth_pairs; ++i) {
        const uint32_t x = pixels[i * kTilePixels + p];
        const uint32_t w = LoadWord(weights + 2 * i);
        both = Smlad(w, x, both);
        first = Smlad(Sxtab16(0, w), x, first);
      }
      const auto difference = static_cast<int32_t>(
          static_cast<uint32_t>(both) - static_cast<uint32_t>(first));
      const int32_t second = task.bias[1] + (difference >> 8);
      int8_t* out = task.output + (tile * kTilePixels + p) * task.output_c;
      out[0] = RequantizeToInt8(first, task.scale[0], task.zero_point);
      out[1] = RequantizeToInt8(second, task.scale[1], task.zero_point);
    }
    pixels += task.depth_pairs * kTilePixels;
  }
}

#else

void MultiplyPairs(const uint32_t* pixels, const uint16_t* weights,
                   const PairTask& task) {
  if (task.zero_point == -128) {
    OcellusM7MultiplyPairsBelow128(pixels, weights, &task);
  } else {
    OcellusM7MultiplyPairs(pixels, weights, &task);
  }
}

#endif

// All channel pairs of tiles that follow each other in the output.
void MultiplyAllPairs(const Conv2dParams& params, const Geometry& geometry,
                      const uint32_t* pixels, int32_t tiles, int8_t* output,
                      int32_t output_c) {
  const auto* weights = reinterpret_cast<const uint16_t*>(params.weights);
  PairTask task = {.depth_pairs = geometry.pair_depth / 2,
                   .tiles = tiles,
                   .output = output,
                   .output_c = output_c,
                   .bias = {},
                   .scale = {},
                   .zero_point = params.output_zero_point};
  for (int32_t pair = 0; pair < PairCount(output_c); ++pair) {
    const int32_t o = FirstOfPair(pair, output_c);
    task.output = output + o;
    task.bias[0] = params.bias[o];
    task.bias[1] = params.bias[o + 1];
    task.scale[0] = params.requant[o];
    task.scale[1] = params.requant[o + 1];
    MultiplyPairs(pixels, weights, task);
    weights += geometry.pair_depth;
  }
}

// Weights in the plain layout: one channel at a time, taken apart for each
// tile anew.
void MultiplyPlain(const Conv2dParams& params, const Geometry& geometry,
                   const uint32_t* pixels, int32_t tiles, int8_t* output,
                   int32_t output_c) {
  const int32_t whole = geometry.depth & ~3;
  for (int32_t o = 0; o < output_c; ++o) {
    const int8_t* weights = params.weights + o * geometry.depth;
    const uint32_t* x = pixels;
    int8_t* out = output + o;
    for (int32_t tile = 0; tile < tiles; ++tile) {
      int32_t s0 = params.bias[o];
      int32_t s1 = s0;
      int32_t s2 = s0;
      int32_t s3 = s0;
      const auto add = [&](uint32_t word) {
        const uint32_t even = Sxtab16(0, word);
        const uint32_t odd = Sxtab16Ror8(0, word);
        s0 = Smlad(odd, x[4], Smlad(even, x[0], s0));
        s1 = Smlad(odd, x[5], Smlad(even, x[1], s1));
        s2 = Smlad(odd, x[6], Smlad(even, x[2], s2));
        s3 = Smlad(odd, x[7], Smlad(even, x[3], s3));
        x += 8;
      };
      for (int32_t k = 0; k < whole; k += 4) add(LoadWord(weights + k));
      if (whole != geometry.depth) {
        uint32_t word = 0;
        for (int32_t k = geometry.depth - 1; k >= whole; --k) {
          word = word << 8 | static_cast<uint8_t>(weights[k]);
        }
        add(word);
      }
      for (const int32_t sum : {s0, s1, s2, s3}) {
        *out =
            RequantizeToInt8(sum, params.requant[o], params.output_zero_point);
        out += output_c;
      }
    }
  }
}

void Multiply(const Conv2dParams& params, const Geometry& geometry,
              const uint32_t* pixels, int32_t tiles, int8_t* output,
              int32_t output_c) {
  if (params.weight_layout == format::WeightLayout::kPlain) {
    MultiplyPlain(params, geometry, pixels, tiles, output, output_c);
  } else {
    MultiplyAllPairs(params, geometry, pixels, tiles, output, output_c);
  }
}

// The scratch of one run.
struct Scratch {
  uint32_t* panel;   // widened tiles
  int8_t* windows;   // of one tile, where they have to be copied together
  int8_t* oddments;  // answers of a tile with fewer pixels
};

void RunConvolution(const Conv2dParams& params, const Geometry& geometry,
                    const Run& run, int32_t output_c, Widener* widener,
                    const Scratch& scratch) {
  const int32_t tiles = (run.pixels + kTilePixels - 1) / kTilePixels;
  const int32_t panel_tiles = geometry.PanelTiles(run.pixels);
  const int32_t tile_words = geometry.tile_words();
  for (int32_t done = 0; done < tiles; done += panel_tiles) {
    const int32_t count = std::min(panel_tiles, tiles - done);
    for (int32_t i = 0; i < count; ++i) {
      widener->Widen(run, FirstPixel(done + i, run.pixels),
                     scratch.panel + i * tile_words);
    }
    // The last tile may start early, out of line with the others.
    const int32_t last = FirstPixel(done + count - 1, run.pixels);
    const bool in_line = last == (done + count - 1) * kTilePixels &&
                         last + kTilePixels <= run.pixels;
    const int32_t whole = in_line ? count : count - 1;
    if (whole > 0) {
      Multiply(params, geometry, scratch.panel, whole,
               run.output + done * kTilePixels * output_c, output_c);
    }
    if (in_line) continue;
    const uint32_t* pixels = scratch.panel + whole * tile_words;
    if (run.pixels >= kTilePixels) {
      Multiply(params, geometry, pixels, 1, run.output + last * output_c,
               output_c);
    } else {
      Multiply(params, geometry, pixels, 1, scratch.oddments, output_c);
      std::memcpy(run.output, scratch.oddments,
                  static_cast<std::size_t>(run.pixels * output_c));
    }
  }
  if (params.activation_min > -128 || params.activation_max < 127) {
    ClampInt8(run.output, run.pixels * output_c, params.activation_min,
              params.activation_max);
  }
}

}  // namespace

std::size_t Conv2dS8ScratchBytes(const Conv2dParams& params, Shape input,
                                 Shape output) {
  const Geometry geometry(params, input.c);
  const int32_t bytes =
      geometry.PanelTiles(output.h * output.w) * geometry.tile_words() * 4 +
      kTilePixels * (geometry.pair_depth + output.c);
  return static_cast<std::size_t>(bytes);
}

void Conv2dS8(const Conv2dParams& params, Tensor<const int8_t> input,
              Tensor<int8_t> output, std::byte* scratch) noexcept {
  const Geometry geometry(params, input.shape.c);
  const Shape out = output.shape;
  const int32_t panel_tiles = geometry.PanelTiles(out.h * out.w);
  Scratch parts;
  parts.panel = reinterpret_cast<uint32_t*>(scratch);
  parts.windows = reinterpret_cast<int8_t*>(
      parts.panel + panel_tiles * geometry.tile_words());
  parts.oddments = parts.windows + kTilePixels * geometry.pair_depth;
  Widener widener(params, input, out.w, parts.windows);
  if (output.is_dense()) {
    RunConvolution(params, geometry, {output.Row(0), 0, out.h * out.w}, out.c,
                   &widener, parts);
    return;
  }
  for (int32_t y = 0; y < out.h; ++y) {
    RunConvolution(params, geometry, {output.Row(y), y, out.w}, out.c, &widener,
                   parts);
  }
}

}  // namespace ocellus::kernels::cortex_m7
