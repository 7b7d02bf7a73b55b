// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// Weights of a convolution as format::WeightLayout::kChannelPairs lays them
// out for the Cortex-M7.
//
// Output channels go in pairs, of an odd number the last two once more; a lone
// channel cannot be paired. A pair's weights
// along depth (KH, KW, I), padded with zeros to a multiple of 4, are 16-bit
// numbers 256 * second + first. Of each four, k to k + 3, they are in the order
// k, k + 2, k + 1, k + 3: the one in which SXTB16 takes apart a word of pixels.
//
// One multiplication by such a number gives both channels: with A the sum over
// depth of x * (256 * second + first) and B that of x * first, the first
// channel's sum is B and the second's (A - B) / 256. A may wrap, modulo 2^32;
// the quotient is exact if it fits 24 bits, which PairsAreExact() is about. So
// the kernel multiplies without taking weights apart but once, and the weights
// are no larger than they were.
namespace ocellus::kernels {

// Pixel values, less the zero point, of all of an input lie within 255 of each
// other, 0 among them.
inline constexpr int64_t kPairSumEnd = int64_t{1} << 23;

constexpr int32_t PairCount(int32_t output_c) { return (output_c + 1) / 2; }
constexpr int32_t FirstOfPair(int32_t pair, int32_t output_c) {
  return 2 * pair + 1 < output_c ? 2 * pair : output_c - 2;
}
constexpr int32_t PairDepth(int32_t depth) { return (depth + 3) & ~3; }

constexpr std::size_t PairedBytes(int32_t depth, int32_t output_c) {
  return static_cast<std::size_t>(PairCount(output_c)) *
         static_cast<std::size_t>(PairDepth(depth)) * sizeof(int16_t);
}

// Rearranges weights [output_c, depth] to `paired`, of PairedBytes(). False if
// there is one channel only, a number does not fit 16 bits (second = -128,
// first < 0) or a sum not 24.
bool PairWeights(const int8_t* weights, int32_t depth, int32_t output_c,
                 uint16_t* paired);

// The way back, to [output_c, depth].
void UnpairWeights(const uint16_t* paired, int32_t depth, int32_t output_c,
                   int8_t* weights);

// Whether `paired` is what PairWeights() can have written, but for padding.
bool PairsAreExact(const uint16_t* paired, int32_t depth, int32_t output_c);

}  // namespace ocellus::kernels
