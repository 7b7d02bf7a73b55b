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

}  // namespace
}  // namespace ocellus
