// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/axis_tiles.h"

namespace ocellus {

// How one tensor is cut in a stage.
struct TensorTiling {
  int32_t tensor = kNone;
  std::vector<TileRange> rows;     // by tile row
  std::vector<TileRange> columns;  // by tile column
  int32_t ring_rows = 0;           // rows that the arena holds at a time
  int32_t held_columns = 0;        // and columns of each
  // Whether something of it must outlive a tile, so that its memory is taken
  // for the whole stage.
  bool is_kept = false;
  // Whether it is read or written outside of the stage, hence held whole.
  bool is_whole = false;
};

// Ops [first_op, end_op) that run tile by tile.
struct Stage {
  int32_t first_op = 0;
  int32_t end_op = 0;
  std::vector<TensorTiling> tilings;  // sorted by tensor

  int32_t tile_rows() const {
    return static_cast<int32_t>(tilings.front().rows.size());
  }
  int32_t tile_columns() const {
    return static_cast<int32_t>(tilings.front().columns.size());
  }
  const TensorTiling* Find(int32_t tensor) const;
};

// What a tensor keeps from one tile for the next.
enum class Keep : uint8_t {
  kNothing,  // computed anew: the paper's patches
  kColumns,  // from the tile on the left; tiles below compute anew
  kAll,      // from all tiles before, in rows as wide as the image
};

// Whether a stage's first op reads rows that a caller feeds, so that the image
// is held in part, or an image that is there as a whole.
enum class ImageFeed { kWhole, kRows };

// Whether ops [first_op, end_op) can be a stage.
bool CanBeStage(const Graph& graph, int32_t first_op, int32_t end_op);

// Cuts what the stage's last op writes into tile_rows x tile_columns tiles, and
// finds from the back what each tile needs of every tensor before.
//
//   keep  by tensor of the graph; what is read outside of the stage keeps all,
//         and so does a fed image: its rows come only once
//
// There may be more tiles than rows or columns; the last ones are then empty.
Stage TileByOutput(const Graph& graph, int32_t first_op, int32_t end_op,
                   int32_t tile_rows, int32_t tile_columns,
                   const std::vector<Keep>& keep, ImageFeed feed);

// Streams rows, one of each op at a time, see AxisTiles::RowByRow(). Each row
// may be cut into `tile_columns` pieces of what the last op writes. If all
// tensors keep all, nothing is computed twice.
Stage StreamRows(const Graph& graph, int32_t first_op, int32_t end_op,
                 ImageFeed feed, int32_t tile_columns = 1);
Stage StreamRows(const Graph& graph, int32_t first_op, int32_t end_op,
                 ImageFeed feed, int32_t tile_columns,
                 const std::vector<Keep>& keep);

// The stage with up to `count` tile rows joined into one, so that kernels run
// on more rows at a time and rings hold more. Nothing if ops would compute rows
// that no tile needs.
std::optional<Stage> JoinTileRows(const Stage& stage, int32_t count);

// Whether no op computes its rows or columns over more often than a model may
// (format::kMaxRepeats).
bool IsWithinRepeats(const Graph& graph, const Stage& stage);

// Multiply-accumulate operations of an op under `stage`, which holds it.
int64_t MacsInStage(const Graph& graph, const Stage& stage, int32_t op_index);

}  // namespace ocellus
