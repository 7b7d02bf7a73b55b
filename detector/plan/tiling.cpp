// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/tiling.h"

#include <algorithm>
#include <map>
#include <set>

namespace ocellus {
namespace {

using format::OpKind;

// Rows and columns are cut alike and apart from each other.
enum class Axis { kRows, kColumns };

int32_t ExtentOf(const Graph& graph, int32_t tensor, Axis axis) {
  const Shape shape = graph.shape(tensor);
  return axis == Axis::kRows ? shape.h : shape.w;
}

// What `op` reads of each of its inputs to write `output`.
Interval ReadBy(const Graph& graph, const GraphOp& op, Axis axis,
                Interval output) {
  if (op.kind == OpKind::kAdd) return output;
  return InputOf(output, op.kernel, op.stride, op.pad)
      .Within(ExtentOf(graph, op.input, axis));
}

struct StageTensors {
  std::set<int32_t> all;
  std::set<int32_t> written;  // by an op of the stage
  std::set<int32_t> whole;    // read or written outside of the stage
  std::map<int32_t, std::vector<int32_t>> readers;  // ops of the stage
};

StageTensors FindTensors(const Graph& graph, int32_t first_op, int32_t end_op,
                         ImageFeed feed) {
  StageTensors tensors;
  for (int32_t i = first_op; i < end_op; ++i) {
    const GraphOp& op = graph.ops[i];
    tensors.written.insert(op.output);
    tensors.all.insert({op.input, op.output});
    tensors.readers[op.input].push_back(i);
    if (op.input2 != kNone) {
      tensors.all.insert(op.input2);
      tensors.readers[op.input2].push_back(i);
    }
  }
  for (const int32_t tensor : tensors.all) {
    if (!tensors.written.contains(tensor)) tensors.whole.insert(tensor);
  }
  for (int32_t i = 0; i < static_cast<int32_t>(graph.ops.size()); ++i) {
    if (i >= first_op && i < end_op) continue;
    tensors.whole.insert(graph.ops[i].input);
    tensors.whole.insert(graph.ops[i].input2);
  }
  for (const GraphLevel& level : graph.levels) {
    tensors.whole.insert({level.class_tensor, level.box_tensor});
  }
  // An output that nobody reads is one of the network's.
  tensors.whole.insert(graph.ops[end_op - 1].output);
  const bool image_is_read_outside =
      std::any_of(graph.ops.begin(), graph.ops.end(), [&](const GraphOp& op) {
        const auto index = &op - graph.ops.data();
        return (index < first_op || index >= end_op) &&
               (op.input == graph.input || op.input2 == graph.input);
      });
  if (feed == ImageFeed::kRows && !image_is_read_outside) {
    tensors.whole.erase(graph.input);
  }
  return tensors;
}

// The union of what the stage's ops read of `tensor` in tile `tile`, given what
// they write there. Empty intervals (begin == end) where they read nothing.
Interval NeededOf(const Graph& graph, const StageTensors& tensors,
                  int32_t tensor, Axis axis, std::size_t tile,
                  const std::map<int32_t, std::vector<TileRange>>& ranges) {
  Interval needed;
  const auto readers = tensors.readers.find(tensor);
  if (readers == tensors.readers.end()) return needed;
  for (const int32_t reader : readers->second) {
    const GraphOp& op = graph.ops[reader];
    const TileRange& output = ranges.at(op.output)[tile];
    if (output.compute == output.end) continue;
    const Interval read = ReadBy(graph, op, axis, {output.compute, output.end});
    needed = needed.size() == 0 ? read
                                : Interval{std::min(needed.begin, read.begin),
                                           std::max(needed.end, read.end)};
  }
  return needed;
}

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

// The ranges of every tensor along one axis, found from the stage's end.
std::map<int32_t, std::vector<TileRange>> RangesByOutput(
    const Graph& graph, Axis axis, int32_t tiles, const StageTensors& tensors,
    const std::vector<Keep>& keep) {
  std::map<int32_t, std::vector<TileRange>> ranges;
  // Later tensors first: a tensor's readers are known when it is reached.
  for (auto it = tensors.all.rbegin(); it != tensors.all.rend(); ++it) {
    const int32_t tensor = *it;
    const int32_t extent = ExtentOf(graph, tensor, axis);
    const bool is_written = tensors.written.contains(tensor);
    const bool is_whole = tensors.whole.contains(tensor);
    std::vector<TileRange>& of_tensor = ranges[tensor];
    // A fed image comes in rows of full width.
    if (!is_written && (is_whole || axis == Axis::kColumns)) {
      of_tensor.assign(tiles, {0, 0, extent});
      continue;
    }
    const bool keeps =
        is_whole || keep[tensor] == Keep::kAll ||
        (keep[tensor] == Keep::kColumns && axis == Axis::kColumns);
    int32_t done = 0;
    for (int32_t tile = 0; tile < tiles; ++tile) {
      Interval needed = NeededOf(graph, tensors, tensor, axis, tile, ranges);
      if (is_whole) {
        const Interval share = {
            static_cast<int32_t>(int64_t{extent} * tile / tiles),
            static_cast<int32_t>(int64_t{extent} * (tile + 1) / tiles)};
        // All of it is computed some time, and stays.
        needed = {0, std::max({needed.end, share.end, done})};
      }
      TileRange range = {done, done, done};
      if (needed.size() > 0) {
        range = {needed.begin, needed.begin, needed.end};
        if (keeps) {
          range.end = std::max(range.end, done);
          range.compute = std::max(range.begin, done);
        }
      }
      done = range.end;
      of_tensor.push_back(range);
    }
    if (keeps) HoldUntilNeeded(&of_tensor);
  }
  return ranges;
}

std::vector<TileRange> OneRange(int32_t extent) { return {{0, 0, extent}}; }

Stage Assemble(const Graph& graph, int32_t first_op, int32_t end_op,
               const StageTensors& tensors,
               const std::map<int32_t, std::vector<TileRange>>& rows,
               const std::map<int32_t, std::vector<TileRange>>& columns) {
  Stage stage = {first_op, end_op, {}};
  for (const int32_t tensor : tensors.all) {
    const Shape shape = graph.shape(tensor);
    TensorTiling tiling;
    tiling.tensor = tensor;
    tiling.rows = rows.at(tensor);
    tiling.columns = columns.at(tensor);
    tiling.is_whole = tensors.whole.contains(tensor);
    const auto keeps = [](const TileRange& range) {
      return range.begin < range.compute;
    };
    const bool keeps_rows =
        std::any_of(tiling.rows.begin(), tiling.rows.end(), keeps);
    const bool keeps_columns =
        std::any_of(tiling.columns.begin(), tiling.columns.end(), keeps);
    // A fed row serves all tiles of a tile row.
    tiling.is_kept = tiling.is_whole || keeps_rows || keeps_columns ||
                     !tensors.written.contains(tensor);
    for (const TileRange& range : tiling.rows) {
      tiling.ring_rows = std::max(tiling.ring_rows, range.end - range.begin);
    }
    for (const TileRange& range : tiling.columns) {
      tiling.held_columns =
          std::max(tiling.held_columns, range.end - range.begin);
    }
    if (tiling.is_whole) tiling.ring_rows = shape.h;
    // Kept rows serve all tiles below, whatever their columns.
    if (tiling.is_whole || keeps_rows) tiling.held_columns = shape.w;
    // A tensor that no tile needs still has an address.
    tiling.ring_rows = std::max(tiling.ring_rows, 1);
    tiling.held_columns = std::max(tiling.held_columns, 1);
    stage.tilings.push_back(std::move(tiling));
  }
  return stage;
}

// How many output rows an op can compute from the first `rows` rows of an
// input.
int32_t RowsPossible(const Graph& graph, const GraphOp& op, int32_t input,
                     int32_t rows) {
  if (rows >= graph.shape(input).h) return graph.shape(op.output).h;
  if (op.kind == OpKind::kAdd) return rows;
  const int32_t last_start = rows + op.pad - op.kernel;
  return last_start < 0
             ? 0
             : std::min(last_start / op.stride + 1, graph.shape(op.output).h);
}

}  // namespace

const TensorTiling* Stage::Find(int32_t tensor) const {
  for (const TensorTiling& tiling : tilings) {
    if (tiling.tensor == tensor) return &tiling;
  }
  return nullptr;
}

bool CanBeStage(const Graph& graph, int32_t first_op, int32_t end_op) {
  for (int32_t i = first_op; i < end_op; ++i) {
    const GraphOp& op = graph.ops[i];
    if (!op.is_convolution() && op.kind != OpKind::kAdd) return false;
  }
  return true;
}

Stage TileByOutput(const Graph& graph, int32_t first_op, int32_t end_op,
                   int32_t tile_rows, int32_t tile_columns,
                   const std::vector<Keep>& keep, ImageFeed feed) {
  StageTensors tensors = FindTensors(graph, first_op, end_op, feed);
  // A fed image keeps what later tiles need: its rows come only once.
  std::vector<Keep> effective = keep;
  if (feed == ImageFeed::kRows) effective[graph.input] = Keep::kAll;
  return Assemble(
      graph, first_op, end_op, tensors,
      RangesByOutput(graph, Axis::kRows, tile_rows, tensors, effective),
      RangesByOutput(graph, Axis::kColumns, tile_columns, tensors, effective));
}

Stage StreamRows(const Graph& graph, int32_t first_op, int32_t end_op,
                 ImageFeed feed) {
  const StageTensors tensors = FindTensors(graph, first_op, end_op, feed);
  const int32_t source = graph.ops[first_op].input;

  // How many rows of each tensor are there.
  std::map<int32_t, int32_t> done;
  for (const int32_t tensor : tensors.all) {
    const bool is_there = !tensors.written.contains(tensor) && tensor != source;
    done[tensor] = is_there ? graph.shape(tensor).h : 0;
  }
  std::map<int32_t, std::vector<TileRange>> rows;
  for (bool finished = false; !finished;) {
    std::map<int32_t, int32_t> next = done;
    next[source] = std::min(done[source] + 1, graph.shape(source).h);
    finished = next[source] == graph.shape(source).h;
    bool works = false;
    for (int32_t i = first_op; i < end_op; ++i) {
      const GraphOp& op = graph.ops[i];
      int32_t possible = RowsPossible(graph, op, op.input, next[op.input]);
      if (op.input2 != kNone) {
        possible = std::min(
            possible, RowsPossible(graph, op, op.input2, next[op.input2]));
      }
      // No op is faster than its source, but the image's lower border makes
      // several rows possible at once. One at a time takes less memory.
      next[op.output] = std::min(possible, done[op.output] + 1);
      works |= next[op.output] > done[op.output];
      finished &= next[op.output] == graph.shape(op.output).h;
    }
    // Steps in which no op has anything to do are none.
    if (works) {
      for (const int32_t tensor : tensors.all) {
        const int32_t before = tensor == source && !rows[source].empty()
                                   ? rows[source].back().end
                               : tensor == source ? 0
                                                  : done[tensor];
        rows[tensor].push_back({before, before, next[tensor]});
      }
    }
    done = std::move(next);
  }
  std::map<int32_t, std::vector<TileRange>> columns;
  for (const int32_t tensor : tensors.all) {
    columns[tensor] = OneRange(graph.shape(tensor).w);
    std::vector<TileRange>& of_tensor = rows.at(tensor);
    if (tensors.whole.contains(tensor)) {
      for (TileRange& range : of_tensor) {
        range.begin = 0;
        if (!tensors.written.contains(tensor)) {
          range = {0, 0, graph.shape(tensor).h};
        }
      }
      continue;
    }
    for (std::size_t tile = 0; tile < of_tensor.size(); ++tile) {
      const Interval needed =
          NeededOf(graph, tensors, tensor, Axis::kRows, tile, rows);
      if (needed.size() > 0) {
        of_tensor[tile].begin = std::min(of_tensor[tile].begin, needed.begin);
      }
    }
    HoldUntilNeeded(&of_tensor);
  }
  return Assemble(graph, first_op, end_op, tensors, rows, columns);
}

int64_t MacsInStage(const Graph& graph, const Stage& stage, int32_t op_index) {
  const GraphOp& op = graph.ops[op_index];
  const TensorTiling& output = *stage.Find(op.output);
  const auto computed = [](const std::vector<TileRange>& ranges) {
    int64_t sum = 0;
    for (const TileRange& range : ranges) sum += range.end - range.compute;
    return sum;
  };
  return graph.MacsPerPixel(op) * computed(output.rows) *
         computed(output.columns);
}

}  // namespace ocellus
