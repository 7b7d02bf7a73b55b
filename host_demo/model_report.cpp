// SPDX-License-Identifier: Apache-2.0
#include "host_demo/model_report.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ocellus {
namespace {

using format::OpKind;
using format::OpRecord;

// First and last operator during which a tensor's bytes are needed.
struct Lifetime {
  int begin = -1;
  int end = -1;

  bool Covers(int op) const { return begin <= op && op <= end; }
};

struct Bytes {
  int64_t begin;
  int64_t end;
};

// Bytes covered by at least one of `ranges`.
int64_t CoveredBytes(std::vector<Bytes> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](Bytes a, Bytes b) { return a.begin < b.begin; });
  int64_t covered = 0;
  int64_t done = 0;
  for (const Bytes range : ranges) {
    const int64_t begin = std::max(range.begin, done);
    covered += std::max<int64_t>(0, range.end - begin);
    done = std::max(done, range.end);
  }
  return covered;
}

Bytes BytesOf(const Model& model, int tensor) {
  const int64_t begin = model.tensors()[tensor].arena_offset;
  const format::TensorRecord& record = model.tensors()[tensor];
  const Shape held = {record.ring_rows == 0 ? record.h : record.ring_rows,
                      record.columns == 0 ? record.w : record.columns,
                      record.c};
  return {begin, begin + held.elements()};
}

std::vector<Lifetime> Lifetimes(const Model& model) {
  const int op_count = static_cast<int>(model.ops().size());
  std::vector<Lifetime> lifetimes(model.tensors().size());
  std::vector<bool> written(model.tensors().size(), false);
  for (int i = 0; i < op_count; ++i) {
    const OpRecord& op = model.ops()[i];
    if (!written[op.output]) {
      written[op.output] = true;
      lifetimes[op.output].begin = i;
    }
    lifetimes[op.output].end = i;
    lifetimes[op.input].end = i;
    if (op.input2 != format::kNoTensor) lifetimes[op.input2].end = i;
  }
  for (const format::LevelRecord& level : model.levels()) {
    lifetimes[level.class_tensor].end = op_count;
    lifetimes[level.box_tensor].end = op_count;
  }
  for (const format::StageRecord& stage : model.stages()) {
    for (Lifetime& lifetime : lifetimes) {
      const bool touches =
          lifetime.begin < stage.end_op && lifetime.end >= stage.first_op;
      if (!touches) continue;
      if (lifetime.begin < stage.first_op) {
        lifetime.end = std::max<int>(lifetime.end, stage.end_op - 1);
      } else if (lifetime.end >= stage.end_op) {
        lifetime.begin = stage.first_op;
      }
    }
  }
  for (const format::TilingRecord& tiling : model.tilings()) {
    const format::StageRecord& stage = model.stages()[tiling.stage];
    const std::span<const format::RangeRecord> ranges = model.ranges().subspan(
        tiling.first_range, stage.tile_rows + stage.tile_columns);
    const bool is_kept = std::any_of(ranges.begin(), ranges.end(),
                                     [](const format::RangeRecord& range) {
                                       return range.begin < range.compute;
                                     });
    if (!is_kept) continue;
    Lifetime& lifetime = lifetimes[tiling.tensor];
    lifetime.begin = std::min<int>(lifetime.begin, stage.first_op);
    lifetime.end = std::max<int>(lifetime.end, stage.end_op - 1);
  }
  return lifetimes;
}

// Pixels of its output that an operator computes in its stage.
int64_t ComputedPixels(const Model& model, const format::StageRecord& stage,
                       const format::TilingRecord& tiling) {
  const format::RangeRecord* range = model.ranges().data() + tiling.first_range;
  const auto sum = [&range](int count) {
    int64_t computed = 0;
    for (int i = 0; i < count; ++i, ++range) {
      computed += range->end - range->compute;
    }
    return computed;
  };
  const int64_t rows = sum(stage.tile_rows);
  return rows * sum(stage.tile_columns);
}

std::string KindText(const OpRecord& op) {
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kConv2d:
      return op.kernel_h == 1 && op.kernel_w == 1 ? "conv2d 1x1" : "conv2d";
    case OpKind::kDepthwiseConv2d:
      return "depthwise";
    case OpKind::kAdd:
      return "add";
    case OpKind::kResizeNearest:
      return "resize";
    case OpKind::kPool:
      return op.variant == static_cast<uint8_t>(format::PoolMode::kMax)
                 ? "max pool"
                 : "average pool";
    case OpKind::kMul:
      return "mul";
    case OpKind::kLookup:
      return "lookup";
    case OpKind::kConcat:
      return "concat";
    case OpKind::kSoftmax:
      return "softmax";
    case OpKind::kReshape:
      return "reshape";
  }
  return "unknown";
}

// Fills in what a convolution weighs. Returns its MACs for one output pixel.
int64_t CountWork(const OpRecord& op, OpReport* report) {
  const auto kind = static_cast<OpKind>(op.kind);
  if (kind != OpKind::kConv2d && kind != OpKind::kDepthwiseConv2d) return 0;
  report->kernel_h = op.kernel_h;
  report->kernel_w = op.kernel_w;
  report->stride_y = op.stride_y;
  report->stride_x = op.stride_x;
  const int64_t taps = int64_t{op.kernel_h} * op.kernel_w;
  const int64_t inputs_per_sum =
      kind == OpKind::kDepthwiseConv2d ? taps : taps * report->input.c;
  report->weight_bytes = inputs_per_sum * report->output.c;
  report->parameter_bytes =
      static_cast<int64_t>(report->output.c) *
      static_cast<int64_t>(sizeof(int32_t) + sizeof(float));
  report->ring_bytes = op.ring_bytes;
  report->in_place = op.ring_bytes != 0;
  return inputs_per_sum * report->output.c;
}

}  // namespace

ModelReport ReportModel(const Model& model) {
  const std::vector<Lifetime> lifetimes = Lifetimes(model);
  ModelReport report;
  report.blob_bytes = model.header().total_bytes;
  report.arena_bytes = model.header().arena_bytes;
  for (const format::StageRecord& stage : model.stages()) {
    report.stages.push_back(
        {stage.first_op, stage.end_op, stage.tile_rows, stage.tile_columns});
  }
  for (int i = 0; i < static_cast<int>(model.ops().size()); ++i) {
    const OpRecord& op = model.ops()[i];
    OpReport row;
    row.kind = KindText(op);
    row.name = model.tensor_name(op.output);
    row.input = model.shape(op.input);
    row.output = model.shape(op.output);
    int64_t pixels = int64_t{row.output.h} * row.output.w;
    const int64_t pixels_untiled = pixels;
    for (int s = 0; s < static_cast<int>(report.stages.size()); ++s) {
      if (i < report.stages[s].first_op || i >= report.stages[s].end_op) {
        continue;
      }
      row.stage = s;
      pixels = ComputedPixels(model, model.stages()[s],
                              model.tilings()[op.output_tiling]);
    }
    const int64_t macs_per_pixel = CountWork(op, &row);
    row.macs = macs_per_pixel * pixels;
    report.macs_untiled += macs_per_pixel * pixels_untiled;
    if (op.input2 != format::kNoTensor) {
      const uint32_t output_offset = model.tensors()[op.output].arena_offset;
      row.in_place = model.tensors()[op.input].arena_offset == output_offset ||
                     model.tensors()[op.input2].arena_offset == output_offset;
    }

    std::vector<Bytes> live;
    std::vector<Bytes> live_paper;
    for (int t = 0; t < static_cast<int>(model.tensors().size()); ++t) {
      if (!lifetimes[t].Covers(i)) continue;
      live.push_back(BytesOf(model, t));
      if (t != model.header().input) live_paper.push_back(live.back());
    }
    if (op.ring_bytes != 0) {
      live.push_back({int64_t{op.ring_offset},
                      int64_t{op.ring_offset} + int64_t{op.ring_bytes}});
    }
    for (const Bytes range : live) {
      row.high_water_bytes = std::max(row.high_water_bytes, range.end);
    }
    row.live_bytes = CoveredBytes(std::move(live));
    row.live_bytes_paper = CoveredBytes(std::move(live_paper));

    report.macs += row.macs;
    report.weight_bytes += row.weight_bytes;
    report.parameter_bytes += row.parameter_bytes;
    if (row.live_bytes > report.peak_live_bytes) {
      report.peak_live_bytes = row.live_bytes;
      report.peak_op = i;
    }
    if (row.live_bytes_paper > report.peak_live_bytes_paper) {
      report.peak_live_bytes_paper = row.live_bytes_paper;
      report.peak_op_paper = i;
    }
    report.ops.push_back(std::move(row));
  }
  return report;
}

std::string ShapeText(Shape shape) {
  return std::to_string(shape.h) + "x" + std::to_string(shape.w) + "x" +
         std::to_string(shape.c);
}

std::string GroupedText(int64_t value) {
  std::string text = std::to_string(value);
  const int first = value < 0 ? 1 : 0;
  for (int at = static_cast<int>(text.size()) - 3; at > first; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

}  // namespace ocellus
