// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::kernels::cortex_m7 {

inline constexpr int32_t kTilePixels = 4;

// Tiles of four pixels by one pair of output channels. The assembly reads the
// fields by their offsets.
struct PairTask {
  int32_t depth_pairs;  // PairDepth / 2, at least 2
  int32_t tiles;        // at least 1
  int8_t* output;       // first channel of the first pixel
  int32_t output_c;     // bytes from one pixel to the next
  int32_t bias[2];
  float scale[2];
  int32_t zero_point;
};

// Sums and requantises tiles, answers clamped to int8 only.
//
//   pixels   widened by Conv2dS8: of each tile, for each four values along
//            depth, 8 words: (k, k + 2) of each pixel, then (k + 1, k + 3)
//   weights  the pair's, see kernels/channel_pairs.h, aligned to 4 bytes
//
// MultiplyPairsBelow128 is for a zero point of -128.
extern "C" {
void OcellusM7MultiplyPairs(const uint32_t* pixels, const uint16_t* weights,
                            const PairTask* task);
void OcellusM7MultiplyPairsBelow128(const uint32_t* pixels,
                                    const uint16_t* weights,
                                    const PairTask* task);

// Widens `groups` times four values, at least one, of four pixels `step` bytes
// apart into the words of a tile, adding the halves of `addends`.
void OcellusM7WidenTile(const int8_t* first, int32_t step, int32_t groups,
                        uint32_t* out, uint32_t addends);
}

}  // namespace ocellus::kernels::cortex_m7
