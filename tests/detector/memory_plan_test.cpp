// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/memory_plan.h"

#include <gtest/gtest.h>

#include <vector>

#include "detector/graph/build_graph.h"
#include "tests/detector/tiny_network.h"

namespace ocellus {
namespace {

using format::OpKind;

// image [4, 4, 3] -> 1x1 conv to 8 -> 3x3 depthwise -> 1x1 conv to 8 -> + conv
Graph ResidualGraph() {
  Graph graph;
  graph.input = graph.AddTensor("image", {4, 4, 3});
  const auto append = [&](OpKind kind, int32_t input, int32_t kernel,
                          int32_t stride, Shape shape) {
    GraphOp op;
    op.kind = kind;
    op.input = input;
    op.SetSquareWindow(kernel, stride, kernel / 2);
    op.output = graph.AddTensor("t", shape);
    graph.ops.push_back(op);
    return op.output;
  };
  const int32_t a = append(OpKind::kConv2d, graph.input, 1, 1, {4, 4, 8});
  const int32_t b = append(OpKind::kDepthwiseConv2d, a, 3, 1, {4, 4, 8});
  const int32_t c = append(OpKind::kConv2d, b, 1, 1, {4, 4, 8});
  const int32_t d = append(OpKind::kAdd, a, 1, 1, {4, 4, 8});
  graph.ops.back().input2 = c;
  graph.levels = {{d, d, 1}};
  return graph;
}

TEST(MemoryPlan, CountsWhatIsLiveAtEachOp) {
  const MemoryPlan plan = PlanMemory(ResidualGraph());
  // 48 + 128; a + b; a + b + c; a + c, the sum written over a.
  EXPECT_EQ(plan.live_bytes, (std::vector<uint32_t>{176, 256, 384, 256}));
  EXPECT_EQ(plan.lower_bound_bytes, 384u);
  EXPECT_EQ(plan.arena_bytes, 384u);
}

TEST(MemoryPlan, AddsInPlace) {
  const MemoryPlan plan = PlanMemory(ResidualGraph());
  EXPECT_EQ(plan.tensor_offsets[4], plan.tensor_offsets[1]);
}

TEST(MemoryPlan, OverwritesADepthwiseInputOnlyWhereThatLowersThePeak) {
  Graph graph = ResidualGraph();
  EXPECT_EQ(PlanMemory(graph).rings[1].bytes, 0u) << "its input lives on";
  // Without the addition the depthwise output may take its input's place.
  graph.ops.pop_back();
  graph.tensors.pop_back();
  graph.ops[2].output = 3;
  graph.levels = {{3, 3, 1}};
  const MemoryPlan plan = PlanMemory(graph);
  // 3 rows of 4 pixels of 8 channels.
  EXPECT_EQ(plan.rings[1].bytes, 96u);
  EXPECT_EQ(plan.tensor_offsets[2], plan.tensor_offsets[1]);
  EXPECT_EQ(plan.live_bytes, (std::vector<uint32_t>{176, 224, 256}));
}

// Marks every byte of every live tensor at every op: none may be marked twice,
// but where a tensor takes its predecessor's place.
void ExpectSound(const Graph& graph) {
  const MemoryPlan plan = PlanMemory(graph);
  const auto op_count = static_cast<int32_t>(graph.ops.size());
  for (int32_t now = 0; now < op_count; ++now) {
    const GraphOp& op = graph.ops[now];
    std::vector<int32_t> owner(plan.arena_bytes, kNone);
    for (int32_t t = 0; t < static_cast<int32_t>(graph.tensors.size()); ++t) {
      int32_t first = t == graph.input ? 0 : op_count;
      int32_t last = -1;
      for (int32_t i = 0; i < op_count; ++i) {
        if (graph.ops[i].output == t) first = last = i;
        if (graph.ops[i].input == t || graph.ops[i].input2 == t) last = i;
      }
      for (const GraphLevel& level : graph.levels) {
        if (level.class_tensor == t || level.box_tensor == t) last = op_count;
      }
      if (now < first || now > last) continue;
      for (int64_t i = 0; i < graph.shape(t).elements(); ++i) {
        int32_t& byte = owner.at(plan.tensor_offsets[t] + i);
        const bool in_place =
            (t == op.output && (byte == op.input || byte == op.input2)) ||
            (byte == op.output && (t == op.input || t == op.input2));
        ASSERT_TRUE(byte == kNone || in_place)
            << graph.tensors[t].name << " and " << graph.tensors[byte].name
            << " at op " << now;
        byte = t;
      }
    }
    for (uint32_t i = 0; i < plan.rings[now].bytes; ++i) {
      ASSERT_EQ(owner.at(plan.rings[now].offset + i), kNone) << "ring";
    }
  }
}

TEST(MemoryPlan, NeverLetsLiveTensorsOverlap) {
  ExpectSound(ResidualGraph());
  for (const Shape input : {Shape{32, 48, 3}, Shape{64, 64, 3}}) {
    ExpectSound(BuildGraph(TinyNetwork(input), RandomWeights(1)));
  }
}

}  // namespace
}  // namespace ocellus
