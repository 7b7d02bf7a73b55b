// SPDX-License-Identifier: Apache-2.0
#include "detector/pack/unpack_model.h"

#include <gtest/gtest.h>

#include "detector/graph/build_graph.h"
#include "detector/pack/pack_model.h"
#include "tests/detector/tiny_network.h"
#include "tests/support/compile.h"

namespace ocellus {
namespace {

TEST(UnpackModel, GivesBackWhatWasPacked) {
  const NetworkDescription network = TinyNetwork();
  const Graph graph = BuildGraph(network, RandomWeights(5));
  const CompiledModel compiled =
      Compile(graph, RandomImages(network.input, 1, 5), nullptr);
  Model model;
  ASSERT_EQ(Model::Parse(compiled.blob, &model), Status::kOk);
  const UnpackedModel unpacked = UnpackModel(model);
  EXPECT_EQ(
      PackModel(unpacked.graph, unpacked.quantized, PlanMemory(unpacked.graph)),
      compiled.blob);
}

TEST(UnpackModel, GivesBackWhatWasPackedForTheCortexM7) {
  const NetworkDescription network = TinyNetwork();
  const Graph graph = BuildGraph(network, RandomWeights(5));
  const CompiledModel compiled =
      Compile(graph, RandomImages(network.input, 1, 5), nullptr);
  const std::vector<uint8_t> blob =
      PackModel(graph, compiled.quantized, compiled.plan, Target::kCortexM7);
  EXPECT_NE(blob, compiled.blob);
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  const UnpackedModel unpacked = UnpackModel(model);
  EXPECT_EQ(unpacked.target, Target::kCortexM7);
  EXPECT_EQ(PackModel(unpacked.graph, unpacked.quantized, compiled.plan,
                      Target::kAny),
            compiled.blob);
  EXPECT_EQ(PackModel(unpacked.graph, unpacked.quantized, compiled.plan,
                      unpacked.target),
            blob);
}

}  // namespace
}  // namespace ocellus
