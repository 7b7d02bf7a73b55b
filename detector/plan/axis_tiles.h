// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "detector/graph/graph.h"
#include "runtime/interval.h"
#include "runtime/reading.h"

namespace ocellus {

// What of a tensor's rows (or columns) a tile finds in the arena, [begin, end),
// and what of that it computes itself, [compute, end). See RangeRecord.
struct TileRange {
  int32_t begin = 0;
  int32_t compute = 0;
  int32_t end = 0;

  friend bool operator==(const TileRange&, const TileRange&) = default;
};

// How a stage treats a tensor along one axis.
enum class Storage : uint8_t {
  kAnew,     // a tile computes all that it needs
  kKept,     // what a tile needs again is kept from tiles before
  kFed,      // as kept, but a caller brings it
  kWritten,  // all of it is computed, and stays
  kThere,    // all of it is there from the start
};

// How `op` reads its input `tensor` along an axis.
Reading ReadingOf(const Graph& graph, const GraphOp& op, int32_t tensor,
                  Axis axis);

// The tiles of a stage along one axis. What each needs follows from the back:
// a tensor's ranges from what its readers compute.
class AxisTiles {
 public:
  // `count` even shares of what ops before `end_op` leave behind. There may be
  // more of them than pixels; the last ones are then empty.
  static AxisTiles EvenShares(Axis axis, int32_t count);

  // Row by row: every op computes one row at a time, as late as it can be, so
  // that nothing is computed twice and little is held. A tile is a turn in
  // which each op of [first_op, end_op) computes at most one row.
  //
  // The order of rows is worked out from the first op that can be in a stage
  // with the last one, so it is one order whatever first_op is.
  static AxisTiles RowByRow(const Graph& graph, int32_t first_op,
                            int32_t end_op);

  int32_t count() const { return count_; }

  // Adds to `needed`, by tile, what `op` reads of its input `tensor` to compute
  // these ranges of its output. An interval that ends where it begins is
  // nothing.
  void AddNeed(const Graph& graph, const GraphOp& op, int32_t tensor,
               const std::vector<TileRange>& output,
               std::vector<Interval>* needed) const;

  // The ranges of a tensor of which tiles need this.
  std::vector<TileRange> RangesOf(const Graph& graph, int32_t tensor,
                                  Storage storage,
                                  const std::vector<Interval>& needed) const;

 private:
  Axis axis_ = Axis::kRows;
  int32_t count_ = 0;
  // Row by row only: rows of each tensor that are there after each tile.
  std::vector<std::vector<int32_t>> done_;
};

}  // namespace ocellus
