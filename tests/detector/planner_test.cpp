// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/planner.h"

#include <gtest/gtest.h>

#include "detector/backbone/backbone.h"
#include "detector/graph/graph_builder.h"
#include "detector/graph/network_description.h"

namespace ocellus {
namespace {

// MobileNetV2 1.0 at 224, with its last 1x1 convolution; the classifier behind
// it (1.28 M MACs on one pixel) is left out.
Graph MobileNetV2(bool redistributed) {
  NetworkDescription network;
  network.name = "mobilenet_v2";
  network.input = {224, 224, 3};
  network.stem = {.kernel = 3, .stride = 2, .width = 32};
  if (redistributed) {
    // As the paper's redistribution: a 1x1 in place of the first spatial
    // kernel, one block fewer in the patch stage, one more behind it.
    network.blocks = {
        {.kernel = 1, .expansion = 1, .width = 16},
        {.kernel = 3, .expansion = 6, .width = 24, .stride = 2},
        {.kernel = 3, .expansion = 6, .width = 32, .depth = 4, .stride = 2}};
  } else {
    network.blocks = {
        {.kernel = 3, .expansion = 1, .width = 16},
        {.kernel = 3, .expansion = 6, .width = 24, .depth = 2, .stride = 2},
        {.kernel = 3, .expansion = 6, .width = 32, .depth = 3, .stride = 2}};
  }
  for (const BlockDescription& block : std::vector<BlockDescription>{
           {.kernel = 3, .expansion = 6, .width = 64, .depth = 4, .stride = 2},
           {.kernel = 3, .expansion = 6, .width = 96, .depth = 3},
           {.kernel = 3, .expansion = 6, .width = 160, .depth = 3, .stride = 2},
           {.kernel = 3, .expansion = 6, .width = 320}}) {
    network.blocks.push_back(block);
  }
  Graph graph;
  graph.input = graph.AddTensor("image", network.input);
  const RandomWeights weights(1);
  GraphBuilder builder(&graph, &weights);
  const auto outputs = BuildBackbone(network, graph.input, &builder);
  builder.Conv("last", outputs.at(32), 1, 1, 1280, Activation::kRelu6);
  return graph;
}

// The op behind the first block at stride 8.
int32_t PatchStageEnd(const Graph& graph) {
  for (int32_t i = 0; i < static_cast<int32_t>(graph.ops.size()); ++i) {
    const GraphOp& op = graph.ops[i];
    if (graph.shape(op.output).h == 28 && op.kind == format::OpKind::kConv2d) {
      return i + 1;
    }
  }
  return 0;
}

constexpr double kMillion = 1e6;

// MCUNetV2 (Lin et al., 2021), table 1, first row of each pair.
TEST(CountPaperPatches, GivesThePapersTableOfMobileNetV2) {
  const Graph graph = MobileNetV2(false);
  const PaperPatches count = CountPaperPatches(graph, PatchStageEnd(graph), 4);
  EXPECT_EQ(count.patch_side, 75);
  EXPECT_NEAR(count.stage_overhead, 0.42, 0.005);
  EXPECT_NEAR(count.whole_overhead, 0.10, 0.03);
  EXPECT_NEAR(static_cast<double>(count.stage_macs) / kMillion, 130.0, 0.5);
  EXPECT_NEAR(static_cast<double>(count.whole_macs) / kMillion, 330.0, 10.0);
}

TEST(CountPaperPatches, GivesThePapersTableOfRedistributedMobileNetV2) {
  const Graph graph = MobileNetV2(true);
  const PaperPatches count = CountPaperPatches(graph, PatchStageEnd(graph), 4);
  EXPECT_EQ(count.patch_side, 63);
  EXPECT_NEAR(count.stage_overhead, 0.18, 0.005);
  EXPECT_NEAR(count.whole_overhead, 0.03, 0.015);
  EXPECT_NEAR(static_cast<double>(count.stage_macs) / kMillion, 73.0, 0.5);
  EXPECT_NEAR(static_cast<double>(count.whole_macs) / kMillion, 301.0, 10.0);
}

TEST(PaperPeakBytes, GivesThePapersMemoryOfMobileNetV2) {
  const Graph graph = MobileNetV2(false);
  EXPECT_EQ(PaperPeakBytes(graph, {}) / 1024, 1372u);
  const int32_t end = PatchStageEnd(graph);
  const std::vector<Keep> keep(graph.tensors.size(), Keep::kNothing);
  const Stage stage =
      TileByOutput(graph, 0, end, 4, 4, keep, ImageFeed::kWhole);
  // 171.5, set by the first expansion behind the stage.
  EXPECT_EQ(PaperPeakBytes(graph, {stage}), (32u + 192u) * 28u * 28u);
}

TEST(FindPlans, StreamsMobileNetV2BelowThePatchesWithoutMoreMacs) {
  const Graph graph = MobileNetV2(false);
  const PlanCandidate layers = LayerByLayer(graph);
  const auto plans = FindPlans(graph, ImageFeed::kRows, 4);
  ASSERT_FALSE(plans.empty());
  const PlanCandidate& stream = plans.back();
  EXPECT_EQ(stream.macs, layers.macs);
  EXPECT_LE(PaperPeakBytes(graph, stream.stages), 172u * 1024u);
  EXPECT_LT(stream.peak_bytes, 140'000u);
  EXPECT_GE(layers.peak_bytes, 8 * stream.peak_bytes);
  // What the bound promises, the arena keeps.
  const MemoryPlan plan = PlanMemory(graph, stream.stages);
  EXPECT_LE(plan.arena_bytes, 140'000u);
  RecordProperty("layer_by_layer_bytes", static_cast<int>(layers.peak_bytes));
  RecordProperty("stream_bytes", static_cast<int>(plan.arena_bytes));
  for (const PlanCandidate& entry : plans) {
    printf("%8u bytes %7.2f M MACs  %s\n", entry.peak_bytes,
           static_cast<double>(entry.macs) / kMillion,
           entry.description.c_str());
  }
  printf("%8u bytes %7.2f M MACs  %s; arena of the stream %u\n",
         layers.peak_bytes, static_cast<double>(layers.macs) / kMillion,
         layers.description.c_str(), plan.arena_bytes);
}

TEST(FindPlans, OrdersTheFrontByMemoryAndMacs) {
  const Graph graph = MobileNetV2(true);
  const auto plans = FindPlans(graph, ImageFeed::kWhole, 3);
  for (std::size_t i = 1; i < plans.size(); ++i) {
    EXPECT_LT(plans[i - 1].peak_bytes, plans[i].peak_bytes);
    EXPECT_GT(plans[i - 1].macs, plans[i].macs);
  }
  for (const PlanCandidate& plan : plans) {
    EXPECT_EQ(plan.macs, MacsUnder(graph, plan.stages));
  }
}

TEST(ChoosePlan, TakesTheFewestMacsThatFit) {
  const std::vector<PlanCandidate> front = {
      {{}, "small", 100, 30}, {{}, "middle", 200, 20}, {{}, "large", 300, 10}};
  EXPECT_EQ(ChoosePlan(front, 250)->description, "middle");
  EXPECT_EQ(ChoosePlan(front, 100)->description, "small");
  EXPECT_EQ(ChoosePlan(front, 0)->description, "large");
  EXPECT_FALSE(ChoosePlan(front, 99).has_value());
}

// 3x3 stride 2, then 3x3: 3 + 2 * 2 = 7 pixels.
TEST(ReceptiveFields, GrowByKernelTimesStride) {
  NetworkDescription network;
  network.stem = {.kernel = 3, .stride = 2, .width = 4};
  network.blocks = {{.kernel = 3, .expansion = 1, .width = 4}};
  Graph graph;
  graph.input = graph.AddTensor("image", {16, 16, 3});
  const RandomWeights weights(1);
  GraphBuilder builder(&graph, &weights);
  BuildBackbone(network, graph.input, &builder);
  EXPECT_EQ(ReceptiveFields(graph), (std::vector<int64_t>{3, 7, 7, 7}));
}

}  // namespace
}  // namespace ocellus
