// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus::kernels {

// What a 2-D convolution computes, regular or depthwise, apart from the data.
struct Conv2dParams {
  int32_t kernel_h = 1;
  int32_t kernel_w = 1;
  int32_t stride_y = 1;
  int32_t stride_x = 1;
  // Rows above and columns left of the input view that read as real zero. A
  // view of a tile inside the image has none.
  int32_t pad_top = 0;
  int32_t pad_left = 0;
  int32_t input_zero_point = 0;
  int32_t output_zero_point = 0;
  int32_t activation_min = -128;
  int32_t activation_max = 127;
  const int8_t* weights = nullptr;  // see below
  format::WeightLayout weight_layout = format::WeightLayout::kPlain;
  const int32_t* bias = nullptr;   // [O]
  const float* requant = nullptr;  // [O], accumulator to output scale
  const void* packed = nullptr;    // what Pack wrote, or null
};

// 2-D convolution: int8 data, int32 sums.
//
//   input           [H, W, I]
//   params.weights  [O, KH, KW, I], zero point 0; in channel pairs only for a
//                   kernel that reads_channel_pairs
//   output          [OH, OW, O], must not overlap input
//   scratch         Conv2dKernel::scratch_bytes, aligned to 16 bytes
//
// Output pixel (y, x) reads input rows y * stride_y - pad_top + [0, KH) and the
// columns alike. Whatever lies outside the input view, on any side, reads as
// the input's zero point, i.e. real 0. The answer is
// Requantize(bias[o] + sum((in - input_zero_point) * weight), requant[o]).
//
// All implementations are bit-exact. Cannot fail: Model::Parse() rejects
// shapes that disagree and sums that could leave int32.
using Conv2dS8Fn = void(const Conv2dParams& params, Tensor<const int8_t> input,
                        Tensor<int8_t> output, std::byte* scratch) noexcept;

// Depthwise 2-D convolution, one filter per channel; otherwise as Conv2dS8Fn.
//
//   input           [H, W, C]
//   params.weights  [KH, KW, C], zero point 0
//   output          [OH, OW, C], must not overlap input
using DepthwiseConv2dS8Fn = Conv2dS8Fn;

// An implementation of a convolution and the memory it wants beside the arena.
struct Conv2dKernel {
  Conv2dS8Fn* run = nullptr;
  // Bytes of weights rearranged once, before the first run; 0 or null: none.
  // `input_c` and `output_c` are the channels, equal if depthwise.
  std::size_t (*packed_bytes)(const Conv2dParams& params, int32_t input_c,
                              int32_t output_c) = nullptr;
  // Writes them to `packed`, aligned to 64 bytes.
  void (*pack)(const Conv2dParams& params, int32_t input_c, int32_t output_c,
               std::byte* packed) = nullptr;
  // Scratch for one run on whole input and output of these shapes; smaller
  // views of them need no more. Null: none.
  std::size_t (*scratch_bytes)(const Conv2dParams& params, Shape input,
                               Shape output) = nullptr;
  // Whether it takes weights of WeightLayout::kChannelPairs too.
  bool reads_channel_pairs = false;
};

namespace reference {
Conv2dS8Fn Conv2dS8;
DepthwiseConv2dS8Fn DepthwiseConv2dS8;
}  // namespace reference

}  // namespace ocellus::kernels
