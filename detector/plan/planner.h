// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/memory_plan.h"
#include "detector/plan/stage_search.h"
#include "detector/plan/tiling.h"

namespace ocellus {

// A way to run a graph and what it costs. Bytes are the lower bound of its
// arena, the largest sum of what is live at once; PlanMemory() places it.
struct PlanCandidate {
  std::vector<Stage> stages;
  std::string description;  // e.g. "4x4 tiles to blocks.5.project, stream 3"
  uint32_t peak_bytes = 0;  // everything: image, activations, rings
  int64_t macs = 0;         // of the whole network
};

// Streams of whole rows: cutting rows too saves a few percent more memory, but
// kernels take longer over short pieces.
inline constexpr int32_t kDefaultTiles = 1;  // a side

// The plans worth having: no other needs both less memory and fewer MACs.
// Smallest peak first, so that MACs fall along the front; its last entry
// computes nothing twice.
//
// What is searched: every way to divide the network into single ops and
// stages; of each stage every grid up to `max_tiles` a side, rows one by one
// besides, and for each of its tensors whether tiles keep it or compute it anew
// (see SearchStages()). Within that, and while no stage costs over a quarter
// of the network's MACs more, the front is exact about the sum of what is live,
// which bounds the arena from below, but for two things that keep planning to
// seconds: a stage is not followed beyond an op where ending it frees memory
// and costs no more (StageLimits::bytes_apart; tiles then divide another
// tensor, so their borders may lie elsewhere), nor where there are over 170,000
// partial choices to one end (SearchEffort::grids_given_up).
// PlanMemory() says how close its placement comes. Not searched are tiles of
// uneven sizes, other orders of ops, and streams of columns.
//
//   backend  whose kernels' scratch counts; null: none
//   effort   what the search took; may be null
std::vector<PlanCandidate> FindPlans(const Graph& graph, ImageFeed feed,
                                     int32_t max_tiles = kDefaultTiles,
                                     const Backend* backend = nullptr,
                                     SearchEffort* effort = nullptr);

// Of FindPlans(): the plan with the fewest MACs whose arena fits `budget`
// bytes (0: any), and among those the one with the smallest peak. Nothing if
// none fits.
std::optional<PlanCandidate> ChoosePlan(const std::vector<PlanCandidate>& plans,
                                        uint32_t budget_bytes);

// The plan with tile rows of its stages joined, each stage's up to 16 as far as
// the arena that PlanMemory() places stays within `budget`: no more MACs, and
// kernels run fewer times, on more rows each.
PlanCandidate JoinTileRows(const Graph& graph, const PlanCandidate& plan,
                           uint32_t budget_bytes,
                           const Backend* backend = nullptr);

// Layer by layer, the plan without stages.
PlanCandidate LayerByLayer(const Graph& graph,
                           const Backend* backend = nullptr);

// Multiply-accumulate operations of a graph under stages.
int64_t MacsUnder(const Graph& graph, const std::vector<Stage>& stages);

// The peak as the MCUNetV2 paper counts it: input and output of one op at a
// time, depthwise convolutions in place, the image left out, and neither skip
// connections nor kernel scratch. Ops of a stage count as what the stage has
// live, the image left out.
uint32_t PaperPeakBytes(const Graph& graph, const std::vector<Stage>& stages);

// Where the paper's patch stage ends: behind the first convolution (no
// depthwise one) whose output is `stride` times smaller than the image, a
// block's projection. 0: nowhere.
int32_t PatchStageEnd(const Graph& graph, int32_t stride);

// What p x p patches of the paper cost over ops [0, end_op): every patch is
// computed at the size of an interior one, halos anew, without clipping at the
// image's border.
struct PaperPatches {
  int32_t patch_side = 0;       // image pixels that one patch reads
  int64_t stage_macs = 0;       // with halos
  int64_t whole_macs = 0;       // of all the network, with halos
  double stage_overhead = 0.0;  // 0.42: 42 % more than without patches
  double whole_overhead = 0.0;
};
PaperPatches CountPaperPatches(const Graph& graph, int32_t end_op,
                               int32_t patches);

// Pixels of the image that one pixel of each op's output sees, along one axis.
std::vector<int64_t> ReceptiveFields(const Graph& graph);

}  // namespace ocellus
