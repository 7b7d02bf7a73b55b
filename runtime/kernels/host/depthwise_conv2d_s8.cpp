// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/kernels/conv2d_s8.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/host/depthwise_conv2d_s8.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/host/kernels-inl.h"
#include "runtime/kernels/host/vectors-inl.h"

// One instruction multiplies two rows of the input by two rows of the filter
// and adds them. For that, scratch holds pair rows: row r of the input beside
// row r + 1, interleaved channel by channel, as int16 minus the zero point,
// with columns of zeros where the filter leaves the input. A ring of them
// slides down the input, so that each is written once. Within a pair row,
// blocks of kLanes16 channels follow each other, each [columns, 2 * kLanes16].
#if OCELLUS_HOST_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace ocellus::kernels::host::HWY_NAMESPACE {
namespace {

// 4 x 2 sums, 2 vectors of weights, and products.
constexpr int32_t kTilePixels = 4;
constexpr int32_t kPairLanes = 2 * kLanes16;
constexpr int32_t kNoRow = std::numeric_limits<int32_t>::min();

// The first channel of a block. The last block of a layer starts early rather
// than end late, and so computes some channels a second time. Only in a layer
// narrower than a vector are lanes left over.
int32_t FirstChannel(int32_t block, int32_t channels) {
  return std::max(std::min(block * kLanes16, channels - kLanes16), 0);
}

struct Geometry {
  int32_t blocks;     // of channels
  int32_t row_pairs;  // of the filter, the last one padded with weights of 0
  int32_t slots;      // pair rows in the ring: those under the filter
  int32_t columns;    // of the input under an output row
  int32_t block_elements;
  int32_t row_elements;

  Geometry(const Conv2dParams& params, Shape output)
      : blocks((output.c + kLanes16 - 1) / kLanes16),
        row_pairs((params.kernel_h + 1) / 2),
        slots(2 * row_pairs),
        columns((output.w - 1) * params.stride_x + params.kernel_w),
        block_elements(columns * kPairLanes),
        row_elements(blocks * block_elements) {}

  // Input row `row`, perhaps negative, and its successor are in this slot.
  int32_t Slot(int32_t row) const {
    const int32_t remainder = row % slots;
    return remainder < 0 ? remainder + slots : remainder;
  }
};

// A block in memory, all in units of vectors: bias, scales, then weights, two
// vectors of each. The lanes are in the order of an interleaved pair row.
std::size_t BlockBytes(const Conv2dParams& params) {
  const int32_t row_pairs = (params.kernel_h + 1) / 2;
  return 2 * kVectorBytes *
         static_cast<std::size_t>(2 + row_pairs * params.kernel_w);
}

HWY_INLINE void StorePairs(hn::Vec<S16> a, hn::Vec<S16> b, int16_t* out) {
  const S16 d;
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + kLanes16);
}

// `channels` of one pixel, or a vector if that is less.
HWY_INLINE hn::Vec<S16> LoadChannels(const int8_t* pixel, int32_t channels) {
  const S16 d16;
  const S8OfS16 d8;
  if (HWY_LIKELY(channels >= kLanes16)) {
    return hn::PromoteTo(d16, hn::LoadU(d8, pixel));
  }
  int8_t lanes[kLanes16] = {};
  std::memcpy(lanes, pixel, static_cast<std::size_t>(channels));
  return hn::PromoteTo(d16, hn::LoadU(d8, lanes));
}

// The pair row of two input rows of `shape`.
void WritePairRow(const Conv2dParams& params, const Geometry& geometry,
                  Shape shape, const int8_t* row, const int8_t* next_row,
                  int16_t* out) {
  const S16 d;
  const auto zero = hn::Zero(d);
  const auto zero_point =
      hn::Set(d, static_cast<int16_t>(params.input_zero_point));
  const int32_t columns = geometry.columns;
  const int32_t begin = std::min(params.pad_left, columns);
  const int32_t end = std::clamp(params.pad_left + shape.w, begin, columns);
  for (int32_t block = 0; block < geometry.blocks; ++block) {
    int32_t in = FirstChannel(block, shape.c);
    int32_t x = 0;
    for (; x < begin; ++x, out += kPairLanes) StorePairs(zero, zero, out);
    for (; x < end; ++x, in += shape.c, out += kPairLanes) {
      StorePairs(hn::Sub(LoadChannels(row + in, shape.c), zero_point),
                 hn::Sub(LoadChannels(next_row + in, shape.c), zero_point),
                 out);
    }
    for (; x < columns; ++x, out += kPairLanes) StorePairs(zero, zero, out);
  }
}

// One tile: pixels of one row x a block of channels. `pairs` is slot 0 of the
// ring at the tile's first column and channel; `slot` is that of its top row.
template <int kPixels>
void FilterTile(const Conv2dParams& params, const Geometry& geometry,
                const int16_t* HWY_RESTRICT pairs, int32_t slot,
                const std::byte* HWY_RESTRICT block,
                const Requantizer& requantize, int8_t* HWY_RESTRICT out,
                int32_t channels) {
  const S16 d16;
  const S32 d32;
  const F32 df;
  const S8OfS16 d8;
  const auto* bias = reinterpret_cast<const int32_t*>(block);
  const auto* scale = reinterpret_cast<const float*>(block + 2 * kVectorBytes);
  const auto* weights =
      reinterpret_cast<const int16_t*>(block + 4 * kVectorBytes);

  PairSum lower[kPixels];
  PairSum upper[kPixels];
  const std::ptrdiff_t step = params.stride_x * kPairLanes;
  for (int32_t ky = 0; ky < params.kernel_h; ky += 2) {
    const int16_t* in =
        pairs + static_cast<std::ptrdiff_t>(slot) * geometry.row_elements;
    for (int32_t kx = 0; kx < params.kernel_w; ++kx) {
      const auto weight_lower = hn::Load(d16, weights);
      const auto weight_upper = hn::Load(d16, weights + kLanes16);
      for (int p = 0; p < kPixels; ++p) {
        lower[p].Add(hn::Load(d16, in + p * step), weight_lower);
        upper[p].Add(hn::Load(d16, in + p * step + kLanes16), weight_upper);
      }
      in += kPairLanes;
      weights += kPairLanes;
    }
    slot = slot + 2 < geometry.slots ? slot + 2 : slot + 2 - geometry.slots;
  }

  for (int p = 0; p < kPixels; ++p) {
    const auto lower_answer = requantize(
        hn::Add(lower[p].Total(), hn::Load(d32, bias)), hn::Load(df, scale));
    const auto upper_answer =
        requantize(hn::Add(upper[p].Total(), hn::Load(d32, bias + kLanes32)),
                   hn::Load(df, scale + kLanes32));
    // The inverse of the interleaving.
    const auto answer =
        hn::DemoteTo(d8, hn::ReorderDemote2To(d16, lower_answer, upper_answer));
    if (HWY_LIKELY(channels >= kLanes16)) {
      hn::StoreU(answer, d8, out);
    } else {
      int8_t lanes[kLanes16];
      hn::StoreU(answer, d8, lanes);
      std::memcpy(out, lanes, static_cast<std::size_t>(channels));
    }
    out += channels;
  }
}

using FilterTileFn = void(const Conv2dParams& params, const Geometry& geometry,
                          const int16_t* pairs, int32_t slot,
                          const std::byte* block, const Requantizer& requantize,
                          int8_t* out, int32_t channels);

constexpr FilterTileFn* kFilterTile[kTilePixels] = {
    FilterTile<1>, FilterTile<2>, FilterTile<3>, FilterTile<4>};

}  // namespace

std::size_t DepthwiseConv2dS8PackedBytes(const Conv2dParams& params, int32_t,
                                         int32_t output_c) {
  const int32_t blocks = (output_c + kLanes16 - 1) / kLanes16;
  return static_cast<std::size_t>(blocks) * BlockBytes(params);
}

void DepthwiseConv2dS8Pack(const Conv2dParams& params, int32_t,
                           int32_t output_c, std::byte* packed) {
  const S16 d;
  int16_t pair_lane_channel[kPairLanes];
  StorePairs(hn::Iota(d, 0), hn::Iota(d, 0), pair_lane_channel);

  for (int32_t begin = 0; begin < output_c; begin += kLanes16) {
    const int32_t first = FirstChannel(begin / kLanes16, output_c);
    auto* bias = reinterpret_cast<int32_t*>(packed);
    auto* scale = reinterpret_cast<float*>(bias + kLanes16);
    auto* weights = reinterpret_cast<int16_t*>(scale + kLanes16);
    for (int32_t lane = 0; lane < kLanes16; ++lane) {
      const int32_t c = first + pair_lane_channel[2 * lane];
      bias[lane] = c < output_c ? params.bias[c] : 0;
      scale[lane] = c < output_c ? params.requant[c] : 0.0f;
    }
    for (int32_t top = 0; top < params.kernel_h; top += 2) {
      for (int32_t kx = 0; kx < params.kernel_w; ++kx) {
        for (int32_t lane = 0; lane < kPairLanes; ++lane) {
          const int32_t ky = top + lane % 2;
          const int32_t c = first + pair_lane_channel[lane];
          *weights++ =
              ky < params.kernel_h && c < output_c
                  ? params.weights[(ky * params.kernel_w + kx) * output_c + c]
                  : int16_t{0};
        }
      }
    }
    packed += BlockBytes(params);
  }
}

std::size_t DepthwiseConv2dS8ScratchBytes(const Conv2dParams& params,
                                          Shape input, Shape output) {
  const Geometry geometry(params, output);
  const auto slots = static_cast<std::size_t>(geometry.slots);
  const auto row_elements = static_cast<std::size_t>(geometry.row_elements);
  const auto empty_row_bytes = static_cast<std::size_t>(input.w * input.c);
  return kVectorBytes + slots * row_elements * sizeof(int16_t) +
         slots * sizeof(int32_t) + empty_row_bytes;
}

void DepthwiseConv2dS8(const Conv2dParams& params, Tensor<const int8_t> input,
                       Tensor<int8_t> output, std::byte* scratch) noexcept {
  const Shape in = input.shape;
  const Shape out = output.shape;
  const Geometry geometry(params, out);
  const Requantizer requantize(params);
  auto* ring = reinterpret_cast<int16_t*>(AlignToVector(scratch));
  auto* row_in_slot = reinterpret_cast<int32_t*>(
      ring +
      static_cast<std::ptrdiff_t>(geometry.slots) * geometry.row_elements);
  std::fill_n(row_in_slot, geometry.slots, kNoRow);
  auto* empty_row = reinterpret_cast<int8_t*>(row_in_slot + geometry.slots);
  std::fill_n(empty_row, in.w * in.c,
              static_cast<int8_t>(params.input_zero_point));
  const auto input_row = [&](int32_t y) HWY_ATTR {
    return y >= 0 && y < in.h ? input.Row(y) : empty_row;
  };

  for (int32_t y = 0; y < out.h; ++y) {
    const int32_t top = y * params.stride_y - params.pad_top;
    for (int32_t row = top; row < top + params.kernel_h; row += 2) {
      const int32_t slot = geometry.Slot(row);
      if (row_in_slot[slot] == row) continue;
      row_in_slot[slot] = row;
      WritePairRow(
          params, geometry, in, input_row(row), input_row(row + 1),
          ring + static_cast<std::ptrdiff_t>(slot) * geometry.row_elements);
    }
    const auto* block_data = static_cast<const std::byte*>(params.packed);
    for (int32_t block = 0; block < geometry.blocks; ++block) {
      const int16_t* pairs = ring + block * geometry.block_elements;
      int8_t* out_pixel = output.Row(y) + FirstChannel(block, out.c);
      for (int32_t x = 0; x < out.w; x += kTilePixels) {
        kFilterTile[std::min(kTilePixels, out.w - x) - 1](
            params, geometry, pairs + x * params.stride_x * kPairLanes,
            geometry.Slot(top), block_data, requantize, out_pixel + x * out.c,
            out.c);
      }
      block_data += BlockBytes(params);
    }
  }
}

}  // namespace ocellus::kernels::host::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OCELLUS_HOST_HAS_VECTORS
