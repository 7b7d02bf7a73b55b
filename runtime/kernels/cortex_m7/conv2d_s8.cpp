// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/conv2d_s8.h"

#include <algorithm>

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

#if OCELLUS_CORTEX_M7_ASM

constexpr auto& WidenTile = OcellusM7WidenTile;

#else

void WidenTile(const int8_t* first, int32_t step, int32_t groups, uint32_t* out,
               uint32_t addends) {
  for (int32_t i = 0; i < groups; ++i, first += 4, out += 2 * kTilePixels) {
    for (int32_t p = 0; p < kTilePixels; ++p) {
      const uint32_t word = LoadWord(first + p * step);
      out[p] = Sxtab16(addends, word);
      out[p + kTilePixels] = Sxtab16Ror8(addends, word);
    }
  }
}

#endif

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
        is_pointwise_(params.kernel_h == 1 && params.kernel_w == 1),
        is_image_window_(params.kernel_h == 3 && params.kernel_w == 3 &&
                         input.shape.c == 3) {}

  // Writes tile `tile` of a run and as many of the next as are as simple, at
  // most `tiles`. Returns how many. In a tile that ends behind the run, pixels
  // there are as the run's last.
  int32_t Widen(const Run& run, int32_t tile, int32_t tiles,
                uint32_t* out) const {
    const int32_t first = FirstPixel(tile, run.pixels);
    const int32_t y = run.y + first / output_w_;
    const int32_t x = first % output_w_;
    const int32_t in_line = std::min(tiles, run.pixels / kTilePixels - tile);
    const int32_t simple = std::min(std::max<int32_t>(in_line, 1),
                                    PixelsInside(y, x) / kTilePixels);
    if (simple < 1 || run.pixels < kTilePixels) {
      WidenAnywhere(run, first, y, x, out);
      return 1;
    }
    WidenInside(Corner(y, x), simple, out);
    return simple;
  }

 private:
  // The first input value under output pixel (y, x), which is inside.
  const int8_t* Corner(int32_t y, int32_t x) const {
    return input_.Row(y * params_.stride_y - params_.pad_top) +
           (x * params_.stride_x - params_.pad_left) * input_.shape.c;
  }

  // How many pixels of an output row from (y, x) on have their windows in the
  // input, in rows that follow each other without a wrap.
  int32_t PixelsInside(int32_t y, int32_t x) const {
    const int32_t in_y = y * params_.stride_y - params_.pad_top;
    const int32_t last_y = in_y + params_.kernel_h - 1;
    if (x * params_.stride_x < params_.pad_left || in_y < 0 ||
        last_y >= input_.shape.h ||
        input_.Row(last_y) - input_.Row(in_y) !=
            (params_.kernel_h - 1) * input_.row_pitch) {
      return 0;
    }
    const int32_t room = input_.shape.w + params_.pad_left - params_.kernel_w;
    if (room < 0) return 0;
    const int32_t end = std::min(output_w_, room / params_.stride_x + 1);
    return std::max<int32_t>(end - x, 0);
  }

  void WidenInside(const int8_t* corner, int32_t tiles, uint32_t* out) const {
    const int32_t step = params_.stride_x * input_.shape.c;
    if (is_image_window_) {
      const int32_t pitch = input_.row_pitch;
      for (; tiles > 0; --tiles, out += geometry_.tile_words()) {
        WidenImageWindow(corner, pitch, out);
        WidenImageWindow(corner + step, pitch, out + 1);
        WidenImageWindow(corner + 2 * step, pitch, out + 2);
        WidenImageWindow(corner + 3 * step, pitch, out + 3);
        corner += kTilePixels * step;
      }
      return;
    }
    for (; tiles > 0; --tiles, out += geometry_.tile_words()) {
      if (is_pointwise_) {
        Interleave(corner, step, out);
        corner += kTilePixels * step;
        continue;
      }
      for (int32_t p = 0; p < kTilePixels; ++p, corner += step) {
        CopyWindow(corner, windows_ + p * geometry_.pair_depth);
      }
      InterleaveWindows(out);
    }
  }

  [[gnu::noinline]] void WidenAnywhere(const Run& run, int32_t first, int32_t y,
                                       int32_t x, uint32_t* out) const {
    for (int32_t p = 0; p < kTilePixels; ++p) {
      int8_t* window = windows_ + p * geometry_.pair_depth;
      if (is_image_window_ && PixelsInside(y, x) > 0) {
        WidenImageWindow(Corner(y, x), input_.row_pitch, out + p);
      } else {
        FillWindow(y, x, window);
        if (is_image_window_) WidenImageWindow(window, 9, out + p);
      }
      if (first + p + 1 >= run.pixels) continue;
      if (++x == output_w_) {
        x = 0;
        ++y;
      }
    }
    if (!is_image_window_) InterleaveWindows(out);
  }

  // 3 x 3 pixels of an image, straight to a tile: three rows of nine bytes in
  // seven words.
  void WidenImageWindow(const int8_t* corner, int32_t pitch,
                        uint32_t* out) const {
    const auto* row0 = reinterpret_cast<const uint8_t*>(corner);
    const uint8_t* row1 = row0 + pitch;
    const uint8_t* row2 = row1 + pitch;
    const uint32_t minus_zero_point = minus_zero_point_;
    const auto widen = [&](uint32_t word) {
      out[0] = Sxtab16(minus_zero_point, word);
      out[kTilePixels] = Sxtab16Ror8(minus_zero_point, word);
      out += 2 * kTilePixels;
    };
    const uint32_t row1_end = uint32_t{row1[7]} | uint32_t{row1[8]} << 8;
    widen(LoadWord(row0));
    widen(LoadWord(row0 + 4));
    widen(row0[8] | LoadWord(row1) << 8);
    widen(LoadWord(row1 + 3));
    widen(row1_end | LoadWord(row2) << 16);
    widen(LoadWord(row2 + 2));
    widen(LoadWord(row2 + 5) >> 8);
  }

  // The input values under one output pixel, inside of the input.
  void CopyWindow(const int8_t* corner, int8_t* out) const {
    const int32_t span = params_.kernel_w * input_.shape.c;
    const int32_t pitch = input_.row_pitch;
    for (int32_t ky = 0; ky < params_.kernel_h; ++ky) {
      Copy(corner, span, out);
      corner += pitch;
      out += span;
    }
  }

  // The input values under output pixel (y, x), wherever it lies.
  void FillWindow(int32_t y, int32_t x, int8_t* out) const {
    const int32_t in_y = y * params_.stride_y - params_.pad_top;
    const int32_t in_x = x * params_.stride_x - params_.pad_left;
    const Shape in = input_.shape;
    const auto zero_point = static_cast<int8_t>(params_.input_zero_point);
    const int32_t kernel_w = params_.kernel_w;
    const int32_t left = std::clamp<int32_t>(-in_x, 0, kernel_w);
    const int32_t right = std::clamp<int32_t>(in.w - in_x, left, kernel_w);
    for (int32_t ky = 0; ky < params_.kernel_h; ++ky) {
      const bool inside = in_y + ky >= 0 && in_y + ky < in.h && left < right;
      const int32_t begin = inside ? left : kernel_w;
      const int32_t end = inside ? right : kernel_w;
      std::fill_n(out, begin * in.c, zero_point);
      if (inside) {
        Copy(input_.Row(in_y + ky) + (in_x + begin) * in.c,
             (end - begin) * in.c, out + begin * in.c);
      }
      std::fill(out + end * in.c, out + kernel_w * in.c, zero_point);
      out += kernel_w * in.c;
    }
  }

  static void Copy(const int8_t* in, int32_t count, int8_t* out) {
    for (; count >= 4; count -= 4, in += 4, out += 4) {
      StoreWord(out, LoadWord(in));
    }
    for (; count > 0; --count) *out++ = *in++;
  }

  void InterleaveWindows(uint32_t* out) const {
    Interleave(windows_, geometry_.pair_depth, out);
  }

  // Four pixels `step` bytes apart. Behind depth the weights are zeros.
  void Interleave(const int8_t* first, int32_t step, uint32_t* out) const {
    const int32_t groups = geometry_.depth / 4;
    if (groups > 0) {
      WidenTile(first, step, groups, out, minus_zero_point_);
    }
    const int32_t whole = 4 * groups;
    if (whole == geometry_.depth) return;
    out += 2 * kTilePixels * groups;
    for (int32_t p = 0; p < kTilePixels; ++p) {
      uint32_t word = 0;
      for (int32_t k = geometry_.depth - 1; k >= whole; --k) {
        word = word << 8 | static_cast<uint8_t>(first[p * step + k]);
      }
      out[p] = Sxtab16(minus_zero_point_, word);
      out[p + kTilePixels] = Sxtab16Ror8(minus_zero_point_, word);
    }
  }

  const Conv2dParams& params_;
  const Geometry geometry_;
  const Tensor<const int8_t> input_;
  const int32_t output_w_;
  int8_t* windows_;  // room for four
  const uint32_t minus_zero_point_;
  const bool is_pointwise_;
  const bool is_image_window_;
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
                    const Run& run, int32_t output_c, const Widener& widener,
                    const Scratch& scratch) {
  const int32_t tiles = (run.pixels + kTilePixels - 1) / kTilePixels;
  const int32_t panel_tiles = geometry.PanelTiles(run.pixels);
  const int32_t tile_words = geometry.tile_words();
  for (int32_t done = 0; done < tiles; done += panel_tiles) {
    const int32_t count = std::min(panel_tiles, tiles - done);
    for (int32_t i = 0; i < count;) {
      i += widener.Widen(run, done + i, count - i,
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
                   widener, parts);
    return;
  }
  for (int32_t y = 0; y < out.h; ++y) {
    RunConvolution(params, geometry, {output.Row(y), y, out.w}, out.c, widener,
                   parts);
  }
}

}  // namespace ocellus::kernels::cortex_m7
