// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/tiling.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

// One way to run ops [first_op, end_op) as a stage, and what it costs.
struct StageChoice {
  int32_t first_op = 0;
  int32_t end_op = 0;
  int32_t tile_rows = 0;  // 0: row by row
  int32_t tile_columns = 1;
  std::vector<Keep> keep;  // by op of the stage, of its output
  int64_t bytes = 0;       // the most that is live while the stage runs
  int64_t macs = 0;        // more than without a stage
};

Stage BuildStage(const Graph& graph, const StageChoice& choice, ImageFeed feed);

// A plan of the whole network, as far as others compare with it.
struct PlanCost {
  int64_t bytes = 0;
  int64_t macs = 0;  // more than layer by layer
};

// Which stages are worth a look.
struct StageLimits {
  int32_t max_tiles = 8;  // a side
  int64_t max_macs = 0;   // more than without; 0: nothing is computed twice
  // By first op, at most. Empty: any.
  std::vector<int64_t> max_bytes = {};
  // Plans found so far, by rising bytes and falling MACs: a stage that needs as
  // much of both as one of these is part of no better plan.
  std::vector<PlanCost> known = {};
  // No plan needs fewer bytes.
  int64_t least_bytes = 0;
  // By op: what the ops from there to the stage's end need without the stage.
  // Where that is no more than every plan with the stage needs, and the stage
  // keeps for later ops what would hold all that they read, it had better end
  // there. Empty: stages end anywhere.
  std::vector<int64_t> bytes_apart = {};
  // After so many partial choices the search gives up; what it has found by
  // then stays.
  int64_t max_labels = std::numeric_limits<int64_t>::max();
};

struct SearchEffort {
  int64_t labels = 0;          // partial choices looked at
  int32_t grids_given_up = 0;  // over StageLimits::max_labels
};

// All stages that end with op end_op - 1, by first op: of each, the choices of
// which none other needs both fewer bytes and fewer MACs, smallest first.
//
// Every grid is tried, and rows one by one; for each, every combination of what
// tensors keep, exactly. That is a dynamic programme from the stage's last op
// to its first. What is decided of later tensors matters to earlier ones only
// through what tiles need of those that are read but not yet decided; of the
// partial choices that agree in this, the ones that may still be best are kept:
// none other has less memory for good, less at each op so far, and fewer MACs.
//
// The bytes are those of LeastLiveBytes(): tensors of which something outlives
// a tile take their memory for the whole stage, others while they are needed,
// and additions write over an addend where they can.
//
//   backend  whose kernels' scratch counts too; null: none
//   effort   is added to; may be null
std::vector<std::vector<StageChoice>> SearchStages(
    const Graph& graph, int32_t end_op, ImageFeed feed,
    const StageLimits& limits, const Backend* backend,
    SearchEffort* effort = nullptr);

}  // namespace ocellus
