// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/scratch.h"

#include <algorithm>

namespace ocellus {
namespace {

using format::OpKind;

int32_t LargestComputed(const std::vector<TileRange>& ranges) {
  int32_t largest = 0;
  for (const TileRange& range : ranges) {
    largest = std::max(largest, range.end - range.compute);
  }
  return largest;
}

}  // namespace

int64_t ScratchBytes(const Graph& graph, const GraphOp& op, int32_t output_rows,
                     int32_t output_columns, const Backend* backend) {
  if (backend == nullptr || !op.is_convolution() || output_rows == 0 ||
      output_columns == 0) {
    return 0;
  }
  const kernels::Conv2dKernel& kernel =
      op.kind == OpKind::kConv2d ? backend->conv2d : backend->depthwise_conv2d;
  if (kernel.scratch_bytes == nullptr) return 0;
  const Shape in = graph.shape(op.input);
  const auto read = [&](Axis axis, int32_t count, int32_t extent) {
    const Interval all = ReadingOf(graph, op, op.input, axis).Of({0, count});
    return std::min(all.size(), extent);
  };
  const Shape input = {read(Axis::kRows, output_rows, in.h),
                       read(Axis::kColumns, output_columns, in.w), in.c};
  const Shape output = {output_rows, output_columns, graph.shape(op.output).c};
  return static_cast<int64_t>(kernel.scratch_bytes(
      {
          .kernel_h = op.kernel_h,
          .kernel_w = op.kernel_w,
          .stride_y = op.stride_y,
          .stride_x = op.stride_x,
          .pad_top = op.pad_top,
          .pad_left = op.pad_left,
      },
      input, output));
}

int64_t ScratchInStage(const Graph& graph, const GraphOp& op,
                       const Stage& stage, const Backend* backend) {
  const TensorTiling& output = *stage.Find(op.output);
  return ScratchBytes(graph, op, LargestComputed(output.rows),
                      LargestComputed(output.columns), backend);
}

}  // namespace ocellus
