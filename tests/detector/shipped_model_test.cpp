// SPDX-License-Identifier: Apache-2.0

// The models in detector/models, as they are shipped.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "detector/graph/network_description.h"
#include "detector/pack/pack_model.h"
#include "detector/pack/unpack_model.h"
#include "detector/plan/planner.h"
#include "runtime/executor.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

constexpr char kModels[] = OCELLUS_SOURCE_DIR "/detector/models/";

// What the card of a model says.
struct Card {
  std::string name;
  uint32_t arena_bytes;
  int64_t macs;
  uint32_t peak_layer_by_layer;
};

void PrintTo(const Card& card, std::ostream* out) { *out << card.name; }

class ShippedModel : public testing::TestWithParam<Card> {
 protected:
  void SetUp() override {
    std::ifstream file(kModels + GetParam().name + ".ocellus",
                       std::ios::binary);
    blob_.assign(std::istreambuf_iterator<char>(file), {});
    ASSERT_EQ(Model::Parse(blob_, &model_), Status::kOk);
  }

  std::vector<uint8_t> blob_;
  Model model_;
};

// The head's outputs of a model for a picture of stripes and noise.
std::vector<int8_t> Outputs(const std::vector<uint8_t>& blob,
                            const Backend& backend) {
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
  AlignedArena arena(Executor::MeasureArena(model, backend).total_bytes());
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, backend, arena.span()), Status::kOk);
  const Shape shape = model.shape(model.header().input);
  uint32_t noise = 1;
  executor.Begin();
  for (int32_t y = 0; y < shape.h; ++y) {
    int8_t* row = executor.NextInputRow();
    for (int32_t x = 0; x < shape.w * shape.c; ++x) {
      noise = noise * 1664525u + 1013904223u;
      const uint32_t stripes = (x / 48 + y / 16) % 2 * 128;
      row[x] = static_cast<int8_t>(stripes + (noise >> 26));
    }
    executor.CommitInputRow();
  }
  executor.Finish();
  std::vector<int8_t> outputs;
  for (const format::LevelRecord& level : model.levels()) {
    for (const int32_t index : {level.class_tensor, level.box_tensor}) {
      const int8_t* first = executor.tensor(index).data;
      outputs.insert(outputs.end(), first,
                     first + model.shape(index).elements());
    }
  }
  return outputs;
}

TEST_P(ShippedModel, HasTheNetworkOfItsDescription) {
  const NetworkDescription network =
      ReadNetworkDescription(kModels + GetParam().name + ".json");
  EXPECT_EQ(model_.name(), network.name);
  EXPECT_EQ(model_.shape(model_.header().input), network.input);
  ASSERT_EQ(model_.class_count(), 20);
  EXPECT_EQ(model_.class_name(14), network.classes[14]);
}

TEST_P(ShippedModel, NeedsTheMemoryItsCardSays) {
  EXPECT_EQ(model_.header().arena_bytes, GetParam().arena_bytes);
  const Graph graph = UnpackModel(model_).graph;
  EXPECT_EQ(MacsUnder(graph, {}), GetParam().macs);
  EXPECT_EQ(LayerByLayer(graph).peak_bytes, GetParam().peak_layer_by_layer);
}

TEST_P(ShippedModel, GivesTheSameBytesUnderEveryPlanAndBackend) {
  const std::vector<int8_t> expected = Outputs(blob_, HostBackend());
  EXPECT_EQ(Outputs(blob_, ReferenceBackend()), expected) << "reference";

  const UnpackedModel unpacked = UnpackModel(model_);
  const Graph& graph = unpacked.graph;
  const auto expect_same = [&](const std::vector<Stage>& stages,
                               const std::string& name) {
    const std::vector<uint8_t> planned =
        PackModel(graph, unpacked.quantized, PlanMemory(graph, stages));
    EXPECT_EQ(Outputs(planned, HostBackend()), expected) << name;
  };
  expect_same({}, "layer by layer");
  // To the end of the first block at stride 8, whole or in patches of 4 x 4.
  int32_t end = 0;
  while (graph.shape(graph.ops[end].output).h > 32) ++end;
  end += 2;
  expect_same({StreamRows(graph, 0, end, ImageFeed::kWhole)}, "stream");
  for (const Keep keep : {Keep::kNothing, Keep::kColumns, Keep::kAll}) {
    const std::vector<Keep> of_tensors(graph.tensors.size(), keep);
    expect_same(
        {TileByOutput(graph, 0, end, 4, 4, of_tensors, ImageFeed::kWhole)},
        "4x4 patches, keep " + std::to_string(static_cast<int>(keep)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shipped, ShippedModel,
    testing::Values(Card{"voc_h7", 207'360, 342'828'288, 1'179'648},
                    Card{"voc_m4", 127'968, 167'405'760, 491'520}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ocellus
