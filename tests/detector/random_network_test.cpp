// SPDX-License-Identifier: Apache-2.0

// Networks of every kind of operator, under every kind of plan.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "detector/pack/pack_model.h"
#include "detector/pack/unpack_model.h"
#include "detector/plan/planner.h"
#include "runtime/executor.h"
#include "tests/detector/integer_simulation.h"
#include "tests/support/aligned_arena.h"
#include "tests/support/random_graph.h"

namespace ocellus {
namespace {

std::vector<int8_t> RandomImage(const Shape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int8_t> image(shape.elements());
  for (int8_t& value : image) value = static_cast<int8_t>(random() >> 8);
  return image;
}

// The outputs of a model, one after another.
std::vector<int8_t> RunModel(const std::vector<uint8_t>& blob,
                             const Backend& backend,
                             const std::vector<int8_t>& image) {
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
  AlignedArena arena(Executor::MeasureArena(model, backend).total_bytes());
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, backend, arena.span()), Status::kOk);
  const Shape shape = model.shape(model.header().input);
  const auto row_bytes = static_cast<std::size_t>(shape.w * shape.c);
  executor.Begin();
  for (int32_t y = 0; y < shape.h; ++y) {
    std::memcpy(executor.NextInputRow(), &image[y * row_bytes], row_bytes);
    executor.CommitInputRow();
  }
  executor.Finish();
  std::vector<int8_t> outputs;
  for (const format::LevelRecord& level : model.levels()) {
    for (const int32_t tensor : {level.class_tensor, level.box_tensor}) {
      const int8_t* data = executor.tensor(tensor).data;
      outputs.insert(outputs.end(), data,
                     data + model.shape(tensor).elements());
    }
  }
  return outputs;
}

std::vector<int8_t> Expected(const RandomNetwork& network,
                             const std::vector<int8_t>& image) {
  const auto tensors =
      SimulateIntegers(network.graph, network.quantized, image);
  std::vector<int8_t> outputs;
  for (const GraphLevel& level : network.graph.levels) {
    for (const int32_t tensor : {level.class_tensor, level.box_tensor}) {
      outputs.insert(outputs.end(), tensors[tensor].begin(),
                     tensors[tensor].end());
    }
  }
  return outputs;
}

std::vector<uint8_t> PackUnder(const RandomNetwork& network,
                               const std::vector<Stage>& stages) {
  return PackModel(network.graph, network.quantized,
                   PlanMemory(network.graph, stages));
}

TEST(RandomNetwork, GivesTheSimulationsBytesUnderEveryPlan) {
  int plans_run = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const RandomNetwork network = MakeRandomNetwork(seed, 8);
    const auto image =
        RandomImage(network.graph.shape(network.graph.input), seed);
    const std::vector<int8_t> expected = Expected(network, image);
    const auto check = [&](const std::vector<Stage>& stages) {
      const std::vector<uint8_t> blob = PackUnder(network, stages);
      ++plans_run;
      EXPECT_EQ(RunModel(blob, ReferenceBackend(), image), expected);
      EXPECT_EQ(RunModel(blob, HostBackend(), image), expected);
    };
    for (const ImageFeed feed : {ImageFeed::kWhole, ImageFeed::kRows}) {
      for (const PlanCandidate& plan : FindPlans(network.graph, feed, 3)) {
        SCOPED_TRACE(plan.description);
        check(plan.stages);
      }
    }
    // And whatever can be a stage, cut into patches.
    for (int32_t first = 0; first < 6; ++first) {
      int32_t end = first;
      while (end < static_cast<int32_t>(network.graph.ops.size()) &&
             CanBeStage(network.graph, first, end + 1)) {
        ++end;
      }
      if (end < first + 2) continue;
      for (const Keep keep : {Keep::kNothing, Keep::kColumns, Keep::kAll}) {
        SCOPED_TRACE(testing::Message() << "ops " << first << " to " << end
                                        << ", keep " << static_cast<int>(keep));
        const Stage stage =
            TileByOutput(network.graph, first, end, 3, 2,
                         std::vector<Keep>(network.graph.tensors.size(), keep),
                         ImageFeed::kWhole);
        if (IsWithinRepeats(network.graph, stage)) check({stage});
      }
    }
  }
  EXPECT_GT(plans_run, 300);
}

// Every way to join tile rows of every stage that a plan has.
TEST(RandomNetwork, GivesTheSameBytesWithTileRowsJoined) {
  int joined_stages = 0;
  for (uint32_t seed = 200; seed < 230; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const RandomNetwork network = MakeRandomNetwork(seed, 8);
    const auto image =
        RandomImage(network.graph.shape(network.graph.input), seed);
    const std::vector<int8_t> expected = Expected(network, image);
    for (const ImageFeed feed : {ImageFeed::kWhole, ImageFeed::kRows}) {
      for (const PlanCandidate& plan : FindPlans(network.graph, feed, 3)) {
        for (const int32_t count : {2, 3, 5}) {
          SCOPED_TRACE(testing::Message()
                       << plan.description << " by " << count);
          std::vector<Stage> stages = plan.stages;
          for (Stage& stage : stages) {
            const int32_t rows = stage.tile_rows();
            const auto joined = JoinTileRows(stage, count);
            if (!joined) continue;
            stage = *joined;
            EXPECT_EQ(stage.tile_rows(), (rows + count - 1) / count);
            ++joined_stages;
          }
          EXPECT_LE(MacsUnder(network.graph, stages), plan.macs);
          const std::vector<uint8_t> blob = PackUnder(network, stages);
          EXPECT_EQ(RunModel(blob, ReferenceBackend(), image), expected);
          EXPECT_EQ(RunModel(blob, CortexM7Backend(), image), expected);
        }
      }
    }
  }
  EXPECT_GT(joined_stages, 150);
}

TEST(RandomNetwork, JoinsTileRowsAsFarAsTheBudgetGoes) {
  const RandomNetwork network = MakeRandomNetwork(7, 8);
  const Graph& graph = network.graph;
  const PlanCandidate plan = FindPlans(graph, ImageFeed::kRows).back();
  ASSERT_FALSE(plan.stages.empty());
  const uint32_t least = PlanMemory(graph, plan.stages).arena_bytes;
  EXPECT_EQ(JoinTileRows(graph, plan, least - 1).stages.front().tile_rows(),
            plan.stages.front().tile_rows());
  int32_t rows = plan.stages.front().tile_rows();
  const int32_t most = rows;
  for (uint32_t budget = least; budget <= 4 * least; budget += least / 2) {
    const PlanCandidate joined = JoinTileRows(graph, plan, budget);
    EXPECT_LE(PlanMemory(graph, joined.stages).arena_bytes, budget);
    EXPECT_LE(joined.stages.front().tile_rows(), rows);
    EXPECT_EQ(joined.macs, plan.macs);
    rows = joined.stages.front().tile_rows();
  }
  EXPECT_LT(rows, most);
}

TEST(RandomNetwork, UnpacksIntoWhatWasPacked) {
  for (uint32_t seed = 100; seed < 130; ++seed) {
    const RandomNetwork network = MakeRandomNetwork(seed, 10);
    const std::vector<uint8_t> blob = PackUnder(network, {});
    Model model;
    ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
    const UnpackedModel unpacked = UnpackModel(model);
    EXPECT_EQ(PackModel(unpacked.graph, unpacked.quantized,
                        PlanMemory(unpacked.graph)),
              blob)
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace ocellus
