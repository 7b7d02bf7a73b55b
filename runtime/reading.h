// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/interval.h"
#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus {

// Rows and columns are cut into tiles alike, and apart from each other.
enum class Axis : uint8_t { kRows, kColumns };

// How an op reads an input along one axis. As it stands: pixel by pixel.
struct Reading {
  int32_t kernel = 1;
  int32_t stride = 1;
  int32_t pad = 0;
  int32_t factor = 1;  // output pixels to one input pixel

  // What is read to write `output`, padding included.
  constexpr Interval Of(const Interval& output) const {
    return InputOf({output.begin / factor, (output.end - 1) / factor + 1},
                   kernel, stride, pad);
  }
};

// How `op` reads an input of this shape; `second` tells input2 from input. An
// op kind that reads anything else than the pixel it writes has a case here:
// how it runs in tiles and how a model is checked follow from it.
constexpr Reading ReadingOf(const format::OpRecord& op, bool second, Axis axis,
                            Shape input, Shape output) {
  const bool rows = axis == Axis::kRows;
  switch (static_cast<format::OpKind>(op.kind)) {
    case format::OpKind::kConv2d:
    case format::OpKind::kDepthwiseConv2d:
    case format::OpKind::kPool:
      return rows ? Reading{op.kernel_h, op.stride_y, op.pad_top}
                  : Reading{op.kernel_w, op.stride_x, op.pad_left};
    case format::OpKind::kResizeNearest:
      return {.factor = rows ? output.h / input.h : output.w / input.w};
    case format::OpKind::kMul:
      // One pixel may scale all channels.
      if (second && input != output) {
        return {.factor = rows ? output.h : output.w};
      }
      return {};
    case format::OpKind::kAdd:
    case format::OpKind::kLookup:
    case format::OpKind::kConcat:
    case format::OpKind::kSoftmax:
    case format::OpKind::kReshape:
      return {};
  }
  return {};
}

}  // namespace ocellus
