// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/tiling.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

// Bytes of the arena that one op uses while it runs.
struct OpMemory {
  uint32_t offset = 0;
  uint32_t bytes = 0;
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
  std::vector<HeldPart> held;  // by tensor
  // By op: the rows that it keeps to overwrite its own input, and scratch of
  // its kernel; no bytes where there is none. See OpRecord.
  std::vector<OpMemory> rings;
  std::vector<OpMemory> scratch;
  std::vector<uint32_t> live_bytes;  // by op: sum of what is live, all counted
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
// order that gave the smallest arena: largest first, then random exchanges,
// and what reaches highest sooner, from a fixed seed, until the lower bound is
// reached or the tries are spent. Sizes are multiples of
// format::kArenaAlignment.
//
//   backend  whose kernels find their scratch in the arena, where it fits
//            beside what is live; null: scratch is not planned
MemoryPlan PlanMemory(const Graph& graph, std::vector<Stage> stages = {},
                      const Backend* backend = nullptr);

// MemoryPlan::live_bytes alone, without placing anything. Depthwise
// convolutions write over their inputs wherever that saves memory, not only at
// the peak: this is the least that each op can do with.
std::vector<uint32_t> LeastLiveBytes(const Graph& graph,
                                     const std::vector<Stage>& stages,
                                     const Backend* backend = nullptr);

}  // namespace ocellus
