// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::kernels::cortex_m7 {

inline constexpr int32_t kTileColumns = 4;

// Output rows of one channel, in tiles of four columns. The assembly reads the
// fields by their offsets.
struct RowsTask {
  int32_t rows;         // at least 1
  int32_t tiles;        // of each row, at least 1
  int32_t plane_pitch;  // bytes from one row of the plane to the next
  int32_t output_c;     // bytes from one pixel of the output to the next
  int32_t output_pitch;
  int8_t* output;  // of the first pixel
  int32_t bias;
  float scale;
  int32_t zero_point;
};

// Sums and requantises, answers clamped to int8 only.
//
//   plane    int16 [rows, columns] of the channel, padded and less the zero
//            point, aligned to 4 bytes; a tile reads the columns under it and
//            one more
//   weights  of each kernel row, in words of two int16: at stride 1 those of
//            taps (0, 1), (2, 3), .., then (1, 2), (3, 4), ..; at stride 2
//            those of (0, 1), (2, 3), .., then the last tap and 0
using DepthwiseRowsFn = void(const uint32_t* plane, const uint32_t* weights,
                             const RowsTask* task);

extern "C" {
DepthwiseRowsFn OcellusM7DepthwiseRows3x3s1;
DepthwiseRowsFn OcellusM7DepthwiseRows3x3s2;
DepthwiseRowsFn OcellusM7DepthwiseRows5x5s1;
DepthwiseRowsFn OcellusM7DepthwiseRows5x5s2;
DepthwiseRowsFn OcellusM7DepthwiseRows7x7s1;
DepthwiseRowsFn OcellusM7DepthwiseRows7x7s2;
}

}  // namespace ocellus::kernels::cortex_m7
