// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/channel_pairs.h"

#include <algorithm>

namespace ocellus::kernels {
namespace {

// Where value k along depth stands.
constexpr int32_t Place(int32_t k) {
  constexpr int32_t kOrder[4] = {0, 2, 1, 3};
  return (k & ~3) + kOrder[k & 3];
}

struct Pair {
  int32_t first;
  int32_t second;
};

constexpr Pair TakeApart(uint16_t value) {
  const int32_t first = static_cast<int8_t>(value);
  return {first, (static_cast<int16_t>(value) - first) / 256};
}

}  // namespace

bool PairWeights(const int8_t* weights, int32_t depth, int32_t output_c,
                 uint16_t* paired) {
  const int32_t pair_depth = PairDepth(depth);
  if (output_c < 2) return false;
  uint16_t* out = paired;
  for (int32_t p = 0; p < PairCount(output_c); ++p, out += pair_depth) {
    const int8_t* first = weights + FirstOfPair(p, output_c) * depth;
    std::fill_n(out, pair_depth, uint16_t{0});
    for (int32_t k = 0; k < depth; ++k) {
      const int32_t value = 256 * first[depth + k] + first[k];
      if (value < -32768) return false;
      out[Place(k)] = static_cast<uint16_t>(value);
    }
  }
  return PairsAreExact(paired, depth, output_c);
}

void UnpairWeights(const uint16_t* paired, int32_t depth, int32_t output_c,
                   int8_t* weights) {
  for (int32_t p = 0; p < PairCount(output_c); ++p) {
    int8_t* first = weights + FirstOfPair(p, output_c) * depth;
    for (int32_t k = 0; k < depth; ++k) {
      const Pair pair = TakeApart(paired[Place(k)]);
      first[k] = static_cast<int8_t>(pair.first);
      first[depth + k] = static_cast<int8_t>(pair.second);
    }
    paired += PairDepth(depth);
  }
}

bool PairsAreExact(const uint16_t* paired, int32_t depth, int32_t output_c) {
  if (output_c < 2) return false;
  for (int32_t p = 0; p < PairCount(output_c); ++p) {
    int64_t positive = 0;
    int64_t negative = 0;
    for (int32_t k = 0; k < depth; ++k) {
      const int32_t second = TakeApart(paired[Place(k)]).second;
      if (second > 127) return false;
      (second > 0 ? positive : negative) += second;
    }
    if (255 * std::max(positive, -negative) >= kPairSumEnd) return false;
    paired += PairDepth(depth);
  }
  return true;
}

}  // namespace ocellus::kernels
