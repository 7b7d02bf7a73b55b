// SPDX-License-Identifier: Apache-2.0
#include "detector/search/redistribute.h"

#include <algorithm>

#include "detector/compile_error.h"
#include "detector/graph/build_graph.h"
#include "detector/plan/planner.h"

namespace ocellus {
namespace {

constexpr int32_t kAnyKernel = format::kMaxKernel;

// Copies of one block behind the stage.
constexpr int kMaxCopies = 2;

// Costs ask for shapes only.
class NoWeights : public WeightSource {
 public:
  std::vector<float> Get(const std::string&,
                         const std::vector<int64_t>& shape) const override {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    return std::vector<float>(count, 1.0f);
  }
};

Graph GraphOf(const NetworkDescription& network) {
  return BuildGraph(network, NoWeights());
}

int64_t MacsOf(const NetworkDescription& network) {
  return MacsUnder(GraphOf(network), {});
}

// Every block on its own.
std::vector<BlockDescription> Unrolled(
    const std::vector<BlockDescription>& blocks) {
  std::vector<BlockDescription> unrolled;
  for (BlockDescription block : blocks) {
    const int32_t depth = block.depth;
    block.depth = 1;
    for (int32_t i = 0; i < depth; ++i) {
      unrolled.push_back(block);
      block.stride = 1;
    }
  }
  return unrolled;
}

// The reverse: repetitions as depth.
std::vector<BlockDescription> Rolled(
    const std::vector<BlockDescription>& blocks) {
  std::vector<BlockDescription> rolled;
  for (const BlockDescription& block : blocks) {
    if (!rolled.empty()) {
      BlockDescription& last = rolled.back();
      if (block.stride == 1 && last.kernel == block.kernel &&
          last.expansion == block.expansion && last.width == block.width) {
        ++last.depth;
        continue;
      }
    }
    rolled.push_back(block);
  }
  return rolled;
}

// How many blocks are in the patch stage; none if nothing ends it.
std::size_t StageBlocks(const NetworkDescription& network,
                        const std::vector<BlockDescription>& blocks) {
  int32_t stride = network.stem.stride;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    stride *= blocks[i].stride;
    if (stride >= kPatchStageStride) return i + 1;
  }
  return 0;
}

// Whether a block adds its input, so that the network does without it.
bool AddsItsInput(const std::vector<BlockDescription>& blocks, std::size_t i,
                  int32_t stem_width) {
  const int32_t width = i == 0 ? stem_width : blocks[i - 1].width;
  return blocks[i].stride == 1 && blocks[i].width == width;
}

// Adds copies of blocks behind the stage while the network stays within
// `max_macs`.
void AddDepth(std::size_t stage_blocks, int64_t max_macs,
              NetworkDescription* network) {
  const std::vector<BlockDescription> blocks = network->blocks;
  std::size_t added = 0;
  for (std::size_t i = stage_blocks; i < blocks.size(); ++i) {
    if (!AddsItsInput(blocks, i, network->stem.width)) continue;
    for (int copy = 0; copy < kMaxCopies; ++copy) {
      NetworkDescription deeper = *network;
      const auto place =
          static_cast<std::ptrdiff_t>(i + added);  // behind its original
      deeper.blocks.insert(deeper.blocks.begin() + place + 1, blocks[i]);
      if (MacsOf(deeper) > max_macs) break;
      *network = std::move(deeper);
      ++added;
    }
  }
}

struct Wish {
  int32_t max_kernel = 0;
  bool first_is_1x1 = false;
  int32_t moved_blocks = 0;
};

// The network as wished, its blocks unrolled. Returns what has changed in the
// stage, nothing if that is less than wished.
std::string Apply(const Wish& wish, NetworkDescription* network) {
  std::vector<BlockDescription>& blocks = network->blocks;
  std::size_t stage_blocks = StageBlocks(*network, blocks);
  std::string change;
  const auto tell = [&](const std::string& what) {
    if (!change.empty()) change += ", ";
    change += what;
  };
  bool shrunk = false;
  for (std::size_t i = 0; i < stage_blocks; ++i) {
    shrunk |= blocks[i].kernel > wish.max_kernel;
    blocks[i].kernel = std::min(blocks[i].kernel, wish.max_kernel);
  }
  if (shrunk) tell("kernels to " + std::to_string(wish.max_kernel));
  if (wish.first_is_1x1) {
    const auto first = std::find_if(
        blocks.begin(),
        blocks.begin() + static_cast<std::ptrdiff_t>(stage_blocks),
        [](const BlockDescription& block) { return block.stride == 1; });
    if (first != blocks.begin() + static_cast<std::ptrdiff_t>(stage_blocks) &&
        first->kernel > 1) {
      first->kernel = 1;
      tell("first 1x1");
    }
  }
  int32_t moved = 0;
  for (std::size_t i = stage_blocks; i-- > 0 && moved < wish.moved_blocks;) {
    if (!AddsItsInput(blocks, i, network->stem.width)) continue;
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(i));
    ++moved;
  }
  if (moved > 0) {
    tell(std::to_string(moved) + (moved == 1 ? " block" : " blocks") +
         " moved");
  }
  return change;
}

int64_t CountParameters(const Graph& graph) {
  int64_t count = 0;
  for (const GraphOp& op : graph.ops) {
    count += static_cast<int64_t>(op.weights.size() + op.bias.size());
  }
  return count;
}

}  // namespace

std::vector<Redistribution> Redistribute(const NetworkDescription& network) {
  std::vector<Redistribution> forms = {{"as it is", network}};
  const int64_t macs = MacsOf(network);
  NetworkDescription unrolled = network;
  unrolled.blocks = Unrolled(network.blocks);
  const auto stage_blocks =
      static_cast<int32_t>(StageBlocks(unrolled, unrolled.blocks));
  for (const int32_t max_kernel : {kAnyKernel, 5, 3}) {
    for (const bool first_is_1x1 : {false, true}) {
      for (int32_t moved = 0; moved <= stage_blocks; ++moved) {
        NetworkDescription changed = unrolled;
        const std::string change =
            Apply({max_kernel, first_is_1x1, moved}, &changed);
        // A wish that went as far as one before it gives the same again.
        if (change.empty() || std::any_of(forms.begin(), forms.end(),
                                          [&](const Redistribution& other) {
                                            return other.change == change;
                                          })) {
          continue;
        }
        AddDepth(StageBlocks(changed, changed.blocks), macs, &changed);
        changed.blocks = Rolled(changed.blocks);
        forms.push_back({change, std::move(changed)});
      }
    }
  }
  return forms;
}

PatchCost CountPatchCost(const NetworkDescription& network, int32_t patches) {
  const Graph graph = GraphOf(network);
  const int32_t end = PatchStageEnd(graph, kPatchStageStride);
  if (end == 0) {
    throw CompileError(network.name + ": no block ends at stride " +
                       std::to_string(kPatchStageStride) +
                       ", where the patch stage would");
  }
  const PaperPatches paper = CountPaperPatches(graph, end, patches);
  const std::vector<int64_t> fields = ReceptiveFields(graph);
  const Stage stage =
      TileByOutput(graph, 0, end, patches, patches,
                   std::vector<Keep>(graph.tensors.size(), Keep::kNothing),
                   ImageFeed::kWhole);
  const int32_t share = (network.input.h + patches - 1) / patches;
  return {
      .stage_field = fields[end - 1],
      .field = *std::max_element(fields.begin(), fields.end()),
      .patch_side = paper.patch_side,
      .halo = paper.patch_side - share,
      .stage_macs = paper.stage_macs,
      .macs = paper.whole_macs,
      .stage_overhead = paper.stage_overhead,
      .overhead = paper.whole_overhead,
      .plain_macs = MacsUnder(graph, {}),
      .parameters = CountParameters(graph),
      .layers_peak_bytes = PaperPeakBytes(graph, {}),
      .patches_peak_bytes = PaperPeakBytes(graph, {stage}),
  };
}

}  // namespace ocellus
