// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "detector/graph/build_graph.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/quantize.h"
#include "runtime/executor.h"
#include "tests/detector/integer_simulation.h"
#include "tests/detector/tiny_network.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

// Seeds of the random trials; raise it to search longer.
constexpr uint32_t kTrials = 400;

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  // From low to high, both included.
  int32_t In(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(engine_() % (high - low + 1));
  }
  template <typename T>
  T Of(std::initializer_list<T> values) {
    return values.begin()[In(0, static_cast<int32_t>(values.size()) - 1)];
  }

 private:
  std::mt19937 engine_;
};

NetworkDescription RandomNetwork(Random* random) {
  NetworkDescription network;
  network.name = "random";
  network.input = {8 * random->In(1, 6), 8 * random->In(1, 6), 3};
  network.classes = {"a", "b"};
  network.stem = {.kernel = random->Of({1, 3, 5}),
                  .stride = random->Of({1, 2}),
                  .width = random->In(1, 5)};
  const int32_t blocks = random->In(1, 4);
  int32_t stride = network.stem.stride;
  for (int32_t i = 0; i < blocks; ++i) {
    BlockDescription block;
    block.kernel = random->Of({1, 3, 5, 7});
    block.expansion = random->In(1, 3);
    block.width = random->In(1, 6);
    block.depth = random->In(1, 2);
    block.stride = stride < 8 ? random->Of({1, 2}) : 1;
    stride *= block.stride;
    network.blocks.push_back(block);
  }
  network.head = {.strides = {stride},
                  .widths = {random->In(1, 4)},
                  .kernel = random->Of({1, 3, 5}),
                  .tower_depth = random->In(0, 1)};
  if (stride < 8 && random->In(0, 1) == 0) {
    // A second level, whose features are enlarged and added to the first's.
    network.blocks.push_back({.kernel = 3, .width = 3, .stride = 2});
    network.head.strides = {stride, 2 * stride};
    network.head.widths.push_back(random->In(1, 4));
  }
  return network;
}

std::vector<Stage> RandomStages(const Graph& graph, ImageFeed feed,
                                Random* random, std::string* text) {
  std::vector<Stage> stages;
  const auto op_count = static_cast<int32_t>(graph.ops.size());
  int32_t op = feed == ImageFeed::kRows ? 0 : random->In(0, op_count - 1);
  while (op < op_count) {
    const int32_t end = op + random->In(1, op_count - op);
    const ImageFeed stage_feed = op == 0 ? feed : ImageFeed::kWhole;
    std::vector<Keep> keep(graph.tensors.size(), Keep::kAll);
    const std::string range =
        " [" + std::to_string(op) + ", " + std::to_string(end) + ") keep ";
    *text += range;
    if (random->In(0, 3) != 0) {
      for (Keep& of_tensor : keep) {
        of_tensor = random->Of({Keep::kNothing, Keep::kColumns, Keep::kAll});
        *text += static_cast<char>('0' + static_cast<int>(of_tensor));
      }
    }
    const int32_t columns = random->In(1, 5);
    if (random->In(0, 1) == 0) {
      stages.push_back(StreamRows(graph, op, end, stage_feed, columns, keep));
      *text += " stream x" + std::to_string(columns);
    } else {
      const int32_t rows = random->In(1, 5);
      *text += " grid " + std::to_string(rows) + "x" + std::to_string(columns);
      stages.push_back(
          TileByOutput(graph, op, end, rows, columns, keep, stage_feed));
    }
    op = end + random->In(0, 2);
  }
  return stages;
}

struct Case {
  Graph graph;
  QuantizedGraph quantized;
  std::vector<int8_t> image;
  std::vector<std::vector<int8_t>> expected;
};

Case MakeCase(const NetworkDescription& network, uint32_t seed) {
  Case made;
  made.graph = BuildGraph(network, RandomWeights(seed));
  const auto images = RandomImages(network.input, 1, seed);
  made.quantized = Quantize(made.graph, Calibrate(made.graph, images, nullptr));
  for (const uint8_t pixel : images[0]) {
    made.image.push_back(static_cast<int8_t>(pixel - 128));
  }
  made.expected = SimulateIntegers(made.graph, made.quantized, made.image);
  return made;
}

// Runs a case under a plan and compares the network's outputs.
void ExpectSameBytes(const Case& made, const std::vector<Stage>& stages,
                     const Backend& backend, bool feed_rows,
                     bool plan_scratch = false) {
  const MemoryPlan plan =
      PlanMemory(made.graph, stages, plan_scratch ? &backend : nullptr);
  std::vector<uint8_t> blob;
  ASSERT_NO_THROW(blob = PackModel(made.graph, made.quantized, plan));
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  const ArenaUse use = Executor::MeasureArena(model, backend);
  ASSERT_TRUE(!plan_scratch || use.scratch_bytes == 0);
  AlignedArena arena(use.total_bytes());
  // What a plan forgets to write must not be right by chance.
  std::memset(arena.span().data(), 0x77, arena.span().size());
  Executor executor;
  ASSERT_EQ(executor.Prepare(model, backend, arena.span()), Status::kOk);
  for (int repeat = 0; repeat < 2; ++repeat) {
    if (feed_rows) {
      const Shape shape = made.graph.shape(made.graph.input);
      const int32_t row_bytes = shape.w * shape.c;
      executor.Begin();
      for (int32_t y = 0; y < shape.h; ++y) {
        std::memcpy(executor.NextInputRow(), &made.image[y * row_bytes],
                    row_bytes);
        executor.CommitInputRow();
      }
      executor.Finish();
    } else {
      ASSERT_TRUE(executor.holds_whole_input());
      std::memcpy(executor.input().data, made.image.data(), made.image.size());
      executor.Invoke();
    }
    for (const GraphLevel& level : made.graph.levels) {
      for (const int32_t output : {level.class_tensor, level.box_tensor}) {
        ASSERT_EQ(std::memcmp(executor.tensor(output).data,
                              made.expected[output].data(),
                              made.expected[output].size()),
                  0)
            << made.graph.tensors[output].name << ", run " << repeat;
      }
    }
  }
}

TEST(Tiling, OfRandomNetworksGivesTheWholeImagesBytes) {
  for (uint32_t seed = 0; seed < kTrials; ++seed) {
    Random random(seed);
    const NetworkDescription network = RandomNetwork(&random);
    const Case made = MakeCase(network, seed);
    for (int i = 0; i < 8; ++i) {
      const ImageFeed feed = random.Of({ImageFeed::kWhole, ImageFeed::kRows});
      std::string text;
      const auto stages = RandomStages(made.graph, feed, &random, &text);
      if (!std::all_of(stages.begin(), stages.end(), [&](const Stage& stage) {
            return IsWithinRepeats(made.graph, stage);
          })) {
        continue;
      }
      SCOPED_TRACE("seed " + std::to_string(seed) + " plan " +
                   std::to_string(i) + text);
      ExpectSameBytes(
          made, stages,
          *random.Of({&ReferenceBackend(), &HostBackend(), &CortexM7Backend()}),
          feed == ImageFeed::kRows || random.In(0, 1) == 0,
          random.In(0, 1) == 0);
      if (HasFatalFailure()) return;
    }
  }
}

// Every grid, every choice of what to keep and every end of the stage, on a
// network with a residual addition and strides.
TEST(Tiling, GivesTheWholeImagesBytesOverAWholeSmallDomain) {
  NetworkDescription network;
  network.name = "small";
  network.input = {10, 6, 3};
  network.classes = {"a"};
  network.stem = {.kernel = 3, .stride = 2, .width = 2};
  network.blocks = {{.kernel = 3, .expansion = 1, .width = 2}};
  network.head = {.strides = {2}, .widths = {1}, .kernel = 1, .tower_depth = 0};
  const Case made = MakeCase(network, 1);
  const auto op_count = static_cast<int32_t>(made.graph.ops.size());
  const auto tensors = static_cast<int32_t>(made.graph.tensors.size());
  for (int32_t end = 1; end <= std::min(op_count, 4); ++end) {
    for (int32_t rows = 1; rows <= 6; ++rows) {
      for (int32_t columns = 1; columns <= 4; ++columns) {
        for (int32_t choice = 0; choice < 81; ++choice) {
          std::vector<Keep> keep(tensors, Keep::kNothing);
          for (int32_t t = 0, rest = choice; t < 4; ++t, rest /= 3) {
            keep[t] = static_cast<Keep>(rest % 3);
          }
          SCOPED_TRACE(testing::Message()
                       << "end " << end << " grid " << rows << "x" << columns
                       << " choice " << choice);
          const bool feed = choice % 2 == 0;
          ExpectSameBytes(
              made,
              {TileByOutput(made.graph, 0, end, rows, columns, keep,
                            feed ? ImageFeed::kRows : ImageFeed::kWhole)},
              ReferenceBackend(), feed);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(StreamRows, ComputesNothingTwice) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const NetworkDescription network = RandomNetwork(&random);
    const Graph graph = BuildGraph(network, RandomWeights(seed));
    const auto end = static_cast<int32_t>(graph.ops.size());
    const Stage stage = StreamRows(graph, 0, end, ImageFeed::kRows);
    for (int32_t i = 0; i < end; ++i) {
      EXPECT_LE(MacsInStage(graph, stage, i), graph.Macs(graph.ops[i]))
          << "seed " << seed << " op " << i;
    }
  }
}

// 3x3 stride 1 after 3x3 stride 2 on 8 rows, worked by hand.
TEST(StreamRows, KeepsTheRowsThatAreStillNeeded) {
  NetworkDescription network;
  network.name = "hand";
  network.input = {8, 8, 3};
  network.classes = {"a"};
  network.stem = {.kernel = 3, .stride = 2, .width = 4};
  network.blocks = {{.kernel = 3, .expansion = 1, .width = 5}};
  network.head = {.strides = {2}, .widths = {1}, .kernel = 1, .tower_depth = 0};
  const Graph graph = BuildGraph(network, RandomWeights(1));
  // stem [4, 4, 4], depthwise, project; the head stays outside.
  const Stage stage = StreamRows(graph, 0, 3, ImageFeed::kRows);
  // Stem row y needs image rows 2y - 1 to 2y + 1: it runs at rows 2, 4, 6, 8.
  const TensorTiling& image = *stage.Find(graph.input);
  EXPECT_EQ(image.rows,
            (std::vector<TileRange>{
                {0, 0, 2}, {1, 2, 4}, {3, 4, 6}, {5, 6, 8}, {8, 8, 8}}));
  EXPECT_EQ(image.ring_rows, 3);
  // Depthwise row y needs stem rows y - 1 to y + 1, so it is one behind, and
  // its last row takes a step of its own.
  const TensorTiling& stem = *stage.Find(graph.ops[0].output);
  EXPECT_EQ(stem.rows,
            (std::vector<TileRange>{
                {0, 0, 1}, {0, 1, 2}, {0, 2, 3}, {1, 3, 4}, {2, 4, 4}}));
  EXPECT_EQ(stem.ring_rows, 3);
  const TensorTiling& depthwise = *stage.Find(graph.ops[1].output);
  EXPECT_EQ(depthwise.rows,
            (std::vector<TileRange>{
                {0, 0, 0}, {0, 0, 1}, {1, 1, 2}, {2, 2, 3}, {3, 3, 4}}));
  EXPECT_FALSE(depthwise.is_kept);
  EXPECT_TRUE(stage.Find(graph.ops[2].output)->is_whole);
}

}  // namespace
}  // namespace ocellus
