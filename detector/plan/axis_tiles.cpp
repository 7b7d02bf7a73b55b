// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/axis_tiles.h"

#include <algorithm>
#include <set>

#include "detector/plan/tiling.h"

namespace ocellus {
namespace {

using format::OpKind;

int32_t ExtentOf(const Graph& graph, int32_t tensor, Axis axis) {
  const Shape shape = graph.shape(tensor);
  return axis == Axis::kRows ? shape.h : shape.w;
}

// Tensors that are read behind an op, or that the network gives.
std::set<int32_t> ReadBehind(const Graph& graph, int32_t end_op) {
  std::set<int32_t> tensors;
  for (std::size_t i = end_op; i < graph.ops.size(); ++i) {
    tensors.insert({graph.ops[i].input, graph.ops[i].input2});
  }
  for (const GraphLevel& level : graph.levels) {
    tensors.insert({level.class_tensor, level.box_tensor});
  }
  return tensors;
}

// The order in which a stream computes rows, as turns.
class RowOrder {
 public:
  RowOrder(const Graph& graph, int32_t first_op, int32_t end_op)
      : graph_(graph),
        end_op_(end_op),
        producer_(graph.tensors.size(), kNone),
        done_(end_op, 0),
        is_eager_(end_op, true) {
    for (int32_t i = first_op; i < end_op; ++i) {
      producer_[graph.ops[i].output] = i;
    }
    MarkAncestors(end_op - 1);
    const int32_t last = end_op - 1;
    while (done_[last] < Height(last)) Pull(last);
    // What the last op did not ask for.
    const std::set<int32_t> behind = ReadBehind(graph, end_op);
    for (int32_t i = first_op; i < end_op; ++i) {
      if (!is_eager_[i] && !behind.contains(graph.ops[i].output)) continue;
      while (done_[i] < Height(i)) Pull(i);
    }
  }

  // The op rows of each turn, in order of ops.
  const std::vector<std::vector<int32_t>>& turns() const { return turns_; }

 private:
  int32_t Height(int32_t op) const {
    return graph_.shape(graph_.ops[op].output).h;
  }

  void MarkAncestors(int32_t op) {
    if (!is_eager_[op]) return;
    is_eager_[op] = false;
    for (const int32_t input : {graph_.ops[op].input, graph_.ops[op].input2}) {
      if (input != kNone && producer_[input] != kNone) {
        MarkAncestors(producer_[input]);
      }
    }
  }

  // How many rows of its input an op needs for its next row.
  int32_t RowsNeeded(int32_t op, int32_t input) const {
    return ReadingOf(graph_, graph_.ops[op], input, Axis::kRows)
        .Of({done_[op], done_[op] + 1})
        .Within(graph_.shape(input).h)
        .end;
  }

  bool IsReady(int32_t op) const {
    if (done_[op] == Height(op)) return false;
    for (const int32_t input : {graph_.ops[op].input, graph_.ops[op].input2}) {
      if (input == kNone || producer_[input] == kNone) continue;
      if (done_[producer_[input]] < RowsNeeded(op, input)) return false;
    }
    return true;
  }

  // Computes the next row of an op, and before it whatever that takes.
  void Pull(int32_t op) {
    const int32_t row = done_[op];
    for (const int32_t input : {graph_.ops[op].input, graph_.ops[op].input2}) {
      if (input == kNone || producer_[input] == kNone) continue;
      const int32_t rows = RowsNeeded(op, input);
      while (done_[producer_[input]] < rows) Pull(producer_[input]);
    }
    // An eager op may have had its turn meanwhile.
    if (done_[op] > row) return;
    RunEager(turns_.empty() || op <= turns_.back().back() ? end_op_ : op);
    if (turns_.empty() || op <= turns_.back().back()) turns_.emplace_back();
    Append(op);
  }

  // Ops that nobody waits for run as soon as they can, in the current turn: so
  // what they read need not stay.
  void RunEager(int32_t before_op) {
    if (turns_.empty()) return;
    for (int32_t i = turns_.back().back() + 1; i < before_op; ++i) {
      if (is_eager_[i] && IsReady(i)) Append(i);
    }
  }

  void Append(int32_t op) {
    turns_.back().push_back(op);
    ++done_[op];
  }

  const Graph& graph_;
  const int32_t end_op_;
  std::vector<int32_t> producer_;  // by tensor: op of the order
  std::vector<int32_t> done_;      // by op: rows
  std::vector<bool> is_eager_;     // by op: the last op does without it
  std::vector<std::vector<int32_t>> turns_;
};

// What a later tile keeps must be held by the tiles between as well.
void HoldUntilNeeded(std::vector<TileRange>* ranges) {
  for (std::size_t i = ranges->size() - 1; i > 0; --i) {
    const TileRange& later = (*ranges)[i];
    TileRange& earlier = (*ranges)[i - 1];
    if (later.begin < later.compute) {
      earlier.begin = std::min(earlier.begin, later.begin);
    }
  }
}

}  // namespace

Reading ReadingOf(const Graph& graph, const GraphOp& op, int32_t tensor,
                  Axis axis) {
  switch (op.kind) {
    case OpKind::kConv2d:
    case OpKind::kDepthwiseConv2d:
    case OpKind::kPool:
      return axis == Axis::kRows
                 ? Reading{op.kernel_h, op.stride_y, op.pad_top}
                 : Reading{op.kernel_w, op.stride_x, op.pad_left};
    case OpKind::kResizeNearest:
      return {.factor = ExtentOf(graph, op.output, axis) /
                        ExtentOf(graph, tensor, axis)};
    case OpKind::kMul:
      if (tensor == op.input2 && graph.ScalesChannels(op)) {
        return {.factor = ExtentOf(graph, op.output, axis)};
      }
      return {};
    case OpKind::kAdd:
    case OpKind::kLookup:
    case OpKind::kConcat:
    case OpKind::kSoftmax:
    case OpKind::kReshape:
      return {};
  }
  return {};
}

AxisTiles AxisTiles::EvenShares(Axis axis, int32_t count) {
  AxisTiles tiles;
  tiles.axis_ = axis;
  tiles.count_ = count;
  return tiles;
}

AxisTiles AxisTiles::RowByRow(const Graph& graph, int32_t first_op,
                              int32_t end_op) {
  int32_t order_begin = first_op;
  while (order_begin > 0 && CanBeStage(graph, order_begin - 1, end_op)) {
    --order_begin;
  }
  const RowOrder order(graph, order_begin, end_op);
  AxisTiles tiles;
  tiles.done_.resize(graph.tensors.size());
  std::vector<int32_t> done(end_op, 0);
  for (const std::vector<int32_t>& turn : order.turns()) {
    if (turn.back() < first_op) continue;
    for (const int32_t op : turn) ++done[op];
    for (int32_t i = first_op; i < end_op; ++i) {
      tiles.done_[graph.ops[i].output].push_back(done[i]);
    }
    ++tiles.count_;
  }
  return tiles;
}

void AxisTiles::AddNeed(const Graph& graph, const GraphOp& op, int32_t tensor,
                        const std::vector<TileRange>& output,
                        std::vector<Interval>* needed) const {
  const Reading reading = ReadingOf(graph, op, tensor, axis_);
  const int32_t extent = ExtentOf(graph, tensor, axis_);
  needed->resize(count_);
  for (int32_t tile = 0; tile < count_; ++tile) {
    if (output[tile].compute == output[tile].end) continue;
    const Interval read =
        reading.Of({output[tile].compute, output[tile].end}).Within(extent);
    Interval& all = (*needed)[tile];
    all = all.size() == 0 ? read
                          : Interval{std::min(all.begin, read.begin),
                                     std::max(all.end, read.end)};
  }
}

std::vector<TileRange> AxisTiles::RangesOf(
    const Graph& graph, int32_t tensor, Storage storage,
    const std::vector<Interval>& needed) const {
  const int32_t extent = ExtentOf(graph, tensor, axis_);
  std::vector<TileRange> ranges;
  ranges.reserve(count_);
  if (storage == Storage::kThere) {
    ranges.assign(count_, {0, 0, extent});
    return ranges;
  }
  const bool is_scheduled = !done_.empty() && !done_[tensor].empty() &&
                            storage != Storage::kAnew &&
                            storage != Storage::kFed;
  int32_t before = 0;
  for (int32_t tile = 0; tile < count_; ++tile) {
    const Interval need = needed.empty() ? Interval() : needed[tile];
    TileRange range = {before, before, before};
    if (storage == Storage::kAnew) {
      if (need.size() > 0) range = {need.begin, need.begin, need.end};
    } else if (is_scheduled) {
      range.end = done_[tensor][tile];
      if (need.size() > 0) range.begin = std::min(before, need.begin);
    } else if (need.size() > 0) {
      range = {need.begin, std::max(need.begin, before),
               std::max(need.end, before)};
    }
    if (storage == Storage::kWritten) {
      const auto share =
          static_cast<int32_t>(int64_t{extent} * (tile + 1) / count_);
      range = {0, before,
               is_scheduled ? range.end : std::max(range.end, share)};
    }
    before = range.end;
    ranges.push_back(range);
  }
  if (storage != Storage::kAnew) HoldUntilNeeded(&ranges);
  return ranges;
}

}  // namespace ocellus
