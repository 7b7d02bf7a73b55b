// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detector/graph/network_description.h"

namespace ocellus {

// Where the patch stage ends: behind the first block at this stride, as in the
// MCUNetV2 paper.
inline constexpr int32_t kPatchStageStride = 8;

// A network that computes less of its halos twice when it runs in patches.
struct Redistribution {
  std::string change;  // e.g. "kernels to 3, first 1x1, 1 block moved"
  NetworkDescription network;
};

// Redistributed forms of a network: in its patch stage smaller kernels (at most
// 5 or 3; 1 in the first block that keeps its input's size) and fewer blocks
// (those that add their input, last first), in every combination. What that
// saves is spent behind the stage, on copies of the blocks there that add their
// input, nearest first and each at most twice, so that the network's MACs stay
// about what they were and never grow. The weights must be trained anew.
//
// The network as it is comes first.
//
// Source: MCUNetV2 (Lin et al., 2021), "network redistribution".
std::vector<Redistribution> Redistribute(const NetworkDescription& network);

// What patches cost a network, as the paper counts (see CountPaperPatches()).
struct PatchCost {
  int64_t stage_field = 0;  // image pixels that a pixel sees, along one axis:
  int64_t field = 0;        // behind the patch stage, and at the network's end
  int32_t patch_side = 0;   // image pixels that one patch reads
  int32_t halo = 0;         // of these, what its neighbours read too
  int64_t stage_macs = 0;   // with halos
  int64_t macs = 0;
  double stage_overhead = 0.0;  // 0.42: 42 % more than without patches
  double overhead = 0.0;
  int64_t plain_macs = 0;  // of the network without patches
  int64_t parameters = 0;  // weights and biases
  // Activations, the image left out; by layers and with p x p patches.
  uint32_t layers_peak_bytes = 0;
  uint32_t patches_peak_bytes = 0;
};

// For `patches` x `patches` patches of the stage that ends as above. Throws
// CompileError if no block ends there.
PatchCost CountPatchCost(const NetworkDescription& network, int32_t patches);

}  // namespace ocellus
