// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/tiling.h"

#include <algorithm>
#include <map>
#include <set>

namespace ocellus {
namespace {

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

Storage StorageOf(const StageTensors& tensors, int32_t tensor, Axis axis,
                  Keep keep) {
  const bool is_whole = tensors.whole.contains(tensor);
  if (!tensors.written.contains(tensor)) {
    // A fed image comes in rows of full width.
    return is_whole || axis == Axis::kColumns ? Storage::kThere : Storage::kFed;
  }
  if (is_whole) return Storage::kWritten;
  return keep == Keep::kAll ||
                 (keep == Keep::kColumns && axis == Axis::kColumns)
             ? Storage::kKept
             : Storage::kAnew;
}

// The ranges of every tensor along one axis, found from the stage's end.
std::map<int32_t, std::vector<TileRange>> FindRanges(
    const Graph& graph, Axis axis, const AxisTiles& tiles,
    const StageTensors& tensors, const std::vector<Keep>& keep) {
  std::map<int32_t, std::vector<TileRange>> ranges;
  // Later tensors first: a tensor's readers are known when it is reached.
  for (auto it = tensors.all.rbegin(); it != tensors.all.rend(); ++it) {
    const int32_t tensor = *it;
    std::vector<Interval> needed;
    const auto readers = tensors.readers.find(tensor);
    if (readers != tensors.readers.end()) {
      for (const int32_t reader : readers->second) {
        const GraphOp& op = graph.ops[reader];
        tiles.AddNeed(graph, op, tensor, ranges.at(op.output), &needed);
      }
    }
    ranges[tensor] = tiles.RangesOf(
        graph, tensor, StorageOf(tensors, tensor, axis, keep[tensor]), needed);
  }
  return ranges;
}

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

// Adds the range of a later tile to that of tiles before it. False if there are
// rows between what they compute.
bool Join(const TileRange& later, TileRange* joined) {
  if (later.begin == later.end) return true;
  if (joined->begin == joined->end) {
    *joined = later;
    return true;
  }
  joined->begin = std::min(joined->begin, later.begin);
  if (later.compute == later.end) return true;
  if (joined->compute == joined->end) {
    joined->compute = later.compute;
    joined->end = later.end;
    return true;
  }
  const bool touches =
      later.compute <= joined->end && later.end >= joined->compute;
  joined->compute = std::min(joined->compute, later.compute);
  joined->end = std::max(joined->end, later.end);
  return touches;
}

int64_t Computed(const std::vector<TileRange>& ranges) {
  int64_t sum = 0;
  for (const TileRange& range : ranges) sum += range.end - range.compute;
  return sum;
}

}  // namespace

const TensorTiling* Stage::Find(int32_t tensor) const {
  for (const TensorTiling& tiling : tilings) {
    if (tiling.tensor == tensor) return &tiling;
  }
  return nullptr;
}

bool CanBeStage(const Graph& graph, int32_t first_op, int32_t end_op) {
  return first_op < end_op &&
         std::all_of(graph.ops.begin() + first_op, graph.ops.begin() + end_op,
                     [](const GraphOp& op) {
                       return format::RunsInTiles(op.kind, op.variant);
                     });
}

Stage TileByOutput(const Graph& graph, int32_t first_op, int32_t end_op,
                   int32_t tile_rows, int32_t tile_columns,
                   const std::vector<Keep>& keep, ImageFeed feed) {
  const StageTensors tensors = FindTensors(graph, first_op, end_op, feed);
  return Assemble(
      graph, first_op, end_op, tensors,
      FindRanges(graph, Axis::kRows,
                 AxisTiles::EvenShares(Axis::kRows, tile_rows), tensors, keep),
      FindRanges(graph, Axis::kColumns,
                 AxisTiles::EvenShares(Axis::kColumns, tile_columns), tensors,
                 keep));
}

Stage StreamRows(const Graph& graph, int32_t first_op, int32_t end_op,
                 ImageFeed feed, int32_t tile_columns) {
  return StreamRows(graph, first_op, end_op, feed, tile_columns,
                    std::vector<Keep>(graph.tensors.size(), Keep::kAll));
}

Stage StreamRows(const Graph& graph, int32_t first_op, int32_t end_op,
                 ImageFeed feed, int32_t tile_columns,
                 const std::vector<Keep>& keep) {
  const StageTensors tensors = FindTensors(graph, first_op, end_op, feed);
  return Assemble(
      graph, first_op, end_op, tensors,
      FindRanges(graph, Axis::kRows,
                 AxisTiles::RowByRow(graph, first_op, end_op), tensors, keep),
      FindRanges(graph, Axis::kColumns,
                 AxisTiles::EvenShares(Axis::kColumns, tile_columns), tensors,
                 keep));
}

std::optional<Stage> JoinTileRows(const Stage& stage, int32_t count) {
  Stage joined = stage;
  for (TensorTiling& tiling : joined.tilings) {
    const std::vector<TileRange> rows = std::move(tiling.rows);
    tiling.rows.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i % static_cast<std::size_t>(count) == 0) {
        tiling.rows.push_back(rows[i]);
      } else if (!Join(rows[i], &tiling.rows.back())) {
        return std::nullopt;
      }
    }
    if (tiling.is_whole) continue;
    for (const TileRange& range : tiling.rows) {
      tiling.ring_rows = std::max(tiling.ring_rows, range.end - range.begin);
    }
  }
  return joined;
}

bool IsWithinRepeats(const Graph& graph, const Stage& stage) {
  for (int32_t i = stage.first_op; i < stage.end_op; ++i) {
    const TensorTiling& tiling = *stage.Find(graph.ops[i].output);
    const Shape shape = graph.shape(tiling.tensor);
    if (Computed(tiling.rows) > format::kMaxRepeats * shape.h ||
        Computed(tiling.columns) > format::kMaxRepeats * shape.w) {
      return false;
    }
  }
  return true;
}

int64_t MacsInStage(const Graph& graph, const Stage& stage, int32_t op_index) {
  const GraphOp& op = graph.ops[op_index];
  const TensorTiling& output = *stage.Find(op.output);
  return graph.MacsPerPixel(op) * Computed(output.rows) *
         Computed(output.columns);
}

}  // namespace ocellus
