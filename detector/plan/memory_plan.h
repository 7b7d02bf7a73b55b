// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/tiling.h"

namespace ocellus {

// The rows that an op overwriting its own input keeps, see OpRecord.
struct RowRing {
  uint32_t offset = 0;
  uint32_t bytes = 0;  // 0: the op does not overwrite its input
};

// The part of a tensor that the arena holds at a time.
struct HeldPart {
  int32_t ring_rows = 0;  // both 0: all of it
  int32_t columns = 0;
};

// Where every int8 tensor of a graph lives while its ops run one after
// another, over whole tensors or, in stages, tile by tile.
struct MemoryPlan {
  std::vector<Stage> stages;  // in order, apart
  std::vector<uint32_t> tensor_offsets;
  std::vector<HeldPart> held;        // by tensor
  std::vector<RowRing> rings;        // by op
  std::vector<uint32_t> live_bytes;  // by op: sum of what is live, rings too
  uint32_t arena_bytes = 0;          // end of the highest tensor
  uint32_t lower_bound_bytes = 0;    // the largest of live_bytes
};

// Plans the arena for ops that run in these stages, and one by one elsewhere.
//
// A tensor lives from the op that writes it to the last one that reads it. In a
// stage, whose ops take turns, a tensor of which a tile keeps something lives
// from the stage's first op to its last. Two tensors share memory over time,
// and at one op in two cases: an elementwise op writes over an input that ends
// there, and, where it lowers the peak, a depthwise convolution writes over its
// input, keeping a ring of input rows. Tensors that share a place in this way
// form one group at one offset, whose size changes over time.
//
// Offsets come from placing groups one by one, each as low as it fits, in the
// order that gave the smallest arena: largest first, then random exchanges
// from a fixed seed, until the lower bound is reached or the tries are spent.
// Sizes are multiples of format::kArenaAlignment.
MemoryPlan PlanMemory(const Graph& graph, std::vector<Stage> stages = {});

// MemoryPlan::live_bytes alone, without placing anything. Depthwise
// convolutions write over their inputs wherever that saves memory, not only at
// the peak: this is the least that each op can do with.
std::vector<uint32_t> LeastLiveBytes(const Graph& graph,
                                     const std::vector<Stage>& stages);

}  // namespace ocellus
