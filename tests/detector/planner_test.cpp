// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/planner.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "detector/backbone/backbone.h"
#include "detector/graph/build_graph.h"
#include "detector/graph/graph_builder.h"
#include "detector/graph/network_description.h"
#include "detector/import/tflite/read_tflite.h"
#include "tests/detector/import/tflite/real_model.h"

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

constexpr double kMillion = 1e6;

// MCUNetV2 (Lin et al., 2021), table 1, first row of each pair.
TEST(CountPaperPatches, GivesThePapersTableOfMobileNetV2) {
  const Graph graph = MobileNetV2(false);
  const PaperPatches count =
      CountPaperPatches(graph, PatchStageEnd(graph, 8), 4);
  EXPECT_EQ(count.patch_side, 75);
  EXPECT_NEAR(count.stage_overhead, 0.42, 0.005);
  EXPECT_NEAR(count.whole_overhead, 0.10, 0.03);
  EXPECT_NEAR(static_cast<double>(count.stage_macs) / kMillion, 130.0, 0.5);
  EXPECT_NEAR(static_cast<double>(count.whole_macs) / kMillion, 330.0, 10.0);
}

TEST(CountPaperPatches, GivesThePapersTableOfRedistributedMobileNetV2) {
  const Graph graph = MobileNetV2(true);
  const PaperPatches count =
      CountPaperPatches(graph, PatchStageEnd(graph, 8), 4);
  EXPECT_EQ(count.patch_side, 63);
  EXPECT_NEAR(count.stage_overhead, 0.18, 0.005);
  EXPECT_NEAR(count.whole_overhead, 0.03, 0.015);
  EXPECT_NEAR(static_cast<double>(count.stage_macs) / kMillion, 73.0, 0.5);
  EXPECT_NEAR(static_cast<double>(count.whole_macs) / kMillion, 301.0, 10.0);
}

TEST(PaperPeakBytes, GivesThePapersMemoryOfMobileNetV2) {
  const Graph graph = MobileNetV2(false);
  EXPECT_EQ(PaperPeakBytes(graph, {}) / 1024, 1372u);
  const int32_t end = PatchStageEnd(graph, 8);
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
  EXPECT_LE(stream.peak_bytes, 123'536u);
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

// What takes time is the number of partial choices: about a million a second.
TEST(FindPlans, LooksAtNoMoreChoicesThanSecondsAllow) {
  const std::string shipped =
      std::string(OCELLUS_SOURCE_DIR) + "/detector/models/voc_h7.json";
  for (const Graph& graph :
       {MobileNetV2(false),
        BuildGraph(ReadNetworkDescription(shipped), RandomWeights(1))}) {
    for (const ImageFeed feed : {ImageFeed::kWhole, ImageFeed::kRows}) {
      SearchEffort effort;
      ASSERT_FALSE(
          FindPlans(graph, feed, 4, &CortexM7Backend(), &effort).empty());
      EXPECT_LT(effort.labels, 1'500'000) << graph.name;
      EXPECT_EQ(effort.grids_given_up, 0) << graph.name;
    }
  }
}

// A network of many outputs and small tensors, of which nearly all can run in
// one stage. Whole images need 91,008 bytes, rows in one piece 31,008.
TEST(FindPlans, LooksAtNoMoreChoicesThanSecondsAllowInAnImportedDetector) {
  std::ifstream file(RealModelPath(), std::ios::binary);
  if (!file) GTEST_SKIP() << "no " << RealModelPath();
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const Graph graph =
      ReadTflite("person",
                 {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})
          .graph;
  const Backend& backend = CortexM7Backend();
  SearchEffort effort;
  const auto whole = FindPlans(graph, ImageFeed::kWhole, 1, &backend, &effort);
  ASSERT_FALSE(whole.empty());
  EXPECT_LT(effort.labels, 100'000);
  EXPECT_EQ(whole.back().macs, MacsUnder(graph, {}));
  EXPECT_LE(whole.back().peak_bytes, 91'008u);
  const auto rows = FindPlans(graph, ImageFeed::kRows, 4, &backend, &effort);
  ASSERT_FALSE(rows.empty());
  EXPECT_LT(effort.labels, 4'000'000);
  EXPECT_LE(rows.back().peak_bytes, 31'008u);
}

TEST(FindPlans, FindsThePeaksOfTheShippedNetwork) {
  const Graph graph =
      BuildGraph(ReadNetworkDescription(std::string(OCELLUS_SOURCE_DIR) +
                                        "/detector/models/voc_h7.json"),
                 RandomWeights(1));
  const auto peak = [&](ImageFeed feed) {
    return FindPlans(graph, feed, kDefaultTiles, &CortexM7Backend())
        .back()
        .peak_bytes;
  };
  EXPECT_LE(peak(ImageFeed::kRows), 207'360u);
  EXPECT_LE(peak(ImageFeed::kWhole), 409'280u);
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
