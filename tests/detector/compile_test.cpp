// SPDX-License-Identifier: Apache-2.0
#include "tests/support/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <string>

#include "detector/compile_error.h"
#include "detector/graph/build_graph.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/equalize.h"
#include "detector/quantize/float_executor.h"
#include "detector/quantize/quantisation_error.h"
#include "runtime/executor.h"
#include "tests/detector/integer_simulation.h"
#include "tests/detector/tiny_network.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

std::vector<int8_t> Quantized(const std::vector<uint8_t>& pixels) {
  std::vector<int8_t> image;
  for (const uint8_t pixel : pixels) {
    image.push_back(static_cast<int8_t>(pixel - 128));
  }
  return image;
}

// Compares each op's output when the next op starts: then it is complete, and
// its memory not yet used again.
struct Comparison {
  const Graph& graph;
  const std::vector<std::vector<int8_t>>& expected;
  const Executor& executor;
  int32_t running = kNone;
  int32_t compared = 0;
  std::set<std::string> different = {};

  static void Observe(void* context, int32_t op_index, bool) {
    static_cast<Comparison*>(context)->OnOp(op_index);
  }

  void OnOp(int32_t op_index) {
    if (op_index == running) return;
    if (running != kNone) {
      const int32_t output = graph.ops[running].output;
      ++compared;
      if (std::memcmp(executor.tensor(output).data, expected[output].data(),
                      expected[output].size()) != 0) {
        different.insert(graph.tensors[output].name);
      }
    }
    running = op_index;
  }
};

void ExpectRuntimeEqualsSimulation(const NetworkDescription& network,
                                   uint32_t seed, const Backend& backend) {
  SCOPED_TRACE(testing::Message()
               << "seed " << seed << ", input " << network.input.h << "x"
               << network.input.w << ", backend " << backend.name);
  const Graph graph = BuildGraph(network, RandomWeights(seed));
  const auto images = RandomImages(network.input, 3, seed);
  const CompiledModel compiled = Compile(graph, images, nullptr);
  Model model;
  ASSERT_EQ(Model::Parse(compiled.blob, &model), Status::kOk);
  AlignedArena arena(Executor::MeasureArena(model, backend).total_bytes());
  Executor executor;
  ASSERT_EQ(executor.Prepare(model, backend, arena.span()), Status::kOk);

  for (const std::vector<uint8_t>& pixels : images) {
    const std::vector<int8_t> image = Quantized(pixels);
    const auto expected = SimulateIntegers(graph, compiled.quantized, image);
    std::memcpy(executor.input().data, image.data(), image.size());
    Comparison comparison = {graph, expected, executor};
    executor.set_observer(&Comparison::Observe, &comparison);
    executor.Invoke();
    executor.set_observer(nullptr, nullptr);
    ASSERT_THAT(comparison.different, testing::IsEmpty());
    ASSERT_EQ(comparison.compared + 1, executor.op_count());
    // The outputs are there when all has run.
    for (const GraphLevel& level : graph.levels) {
      for (const int32_t output : {level.class_tensor, level.box_tensor}) {
        ASSERT_EQ(std::memcmp(executor.tensor(output).data,
                              expected[output].data(), expected[output].size()),
                  0)
            << graph.tensors[output].name;
      }
    }
  }
}

TEST(Compile, RunsAsTheIntegerSimulationByteForByte) {
  for (uint32_t seed = 0; seed < 4; ++seed) {
    for (const Shape input :
         {Shape{32, 48, 3}, Shape{16, 16, 3}, Shape{64, 32, 3}}) {
      ExpectRuntimeEqualsSimulation(TinyNetwork(input), seed,
                                    ReferenceBackend());
      ExpectRuntimeEqualsSimulation(TinyNetwork(input), seed, HostBackend());
    }
  }
}

// A network in which the depthwise convolution of a block reads channels of
// very different size, and evens them out.
Graph UnevenGraph() {
  constexpr float kSmall = 0.02f;
  Graph graph = BuildGraph(TinyNetwork(), RandomWeights(7));
  for (GraphOp& op : graph.ops) {
    const std::string& name = graph.tensors[op.output].name;
    const auto outputs = static_cast<std::size_t>(graph.shape(op.output).c);
    if (name == "blocks.2.expand") {
      const std::size_t each = op.weights.size() / outputs;
      for (std::size_t i = 0; i < op.weights.size(); ++i) {
        if (i / each % 3 != 0) op.weights[i] *= kSmall;
      }
      for (std::size_t o = 0; o < outputs; ++o) {
        if (o % 3 != 0) op.bias[o] *= kSmall;
      }
    } else if (name == "blocks.2.depthwise") {
      for (std::size_t i = 0; i < op.weights.size(); ++i) {
        if (i % outputs % 3 != 0) op.weights[i] /= kSmall;
      }
    }
  }
  return graph;
}

TEST(EqualizeChannels, KeepsTheFloatAnswersAndSharpensInt8) {
  const Graph before = UnevenGraph();
  Graph after = before;
  const auto images = RandomImages(before.shape(before.input), 8, 7);
  int runs = 0;
  EqualizeChannels(
      images, [&](int done, int total) { runs += done <= total ? 1 : 0; },
      &after);
  EXPECT_EQ(runs, 8);
  FloatExecutor executor_before(before);
  FloatExecutor executor_after(after);
  executor_before.RunPixels(images[3]);
  executor_after.RunPixels(images[3]);
  for (const GraphLevel& level : before.levels) {
    const auto expected = executor_before.tensor(level.class_tensor);
    const auto actual = executor_after.tensor(level.class_tensor);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(actual[i], expected[i], 1e-4f * (1 + std::abs(expected[i])));
    }
  }
  const auto ratio_of = [&](const Graph& graph) {
    const CompiledModel compiled = Compile(graph, images, nullptr);
    const auto errors = MeasureErrors(graph, compiled.quantized, images,
                                      ReferenceBackend(), nullptr);
    for (std::size_t i = 0; i < graph.ops.size(); ++i) {
      if (graph.tensors[graph.ops[i].output].name == "blocks.2.project") {
        return errors[i].signal_to_noise();
      }
    }
    ADD_FAILURE() << "no blocks.2.project";
    return 0.0;
  };
  EXPECT_GT(ratio_of(after), ratio_of(before) + 6.0);
}

TEST(EqualizeChannels, ExpectsImages) {
  Graph graph = BuildGraph(TinyNetwork(), RandomWeights(7));
  EXPECT_THROW(EqualizeChannels({}, nullptr, &graph), CompileError);
}

TEST(Calibrate, KeepsTheLargestScoresAndNothingBelowMinusSix) {
  Graph graph = BuildGraph(TinyNetwork(), RandomWeights(7));
  const int32_t classes = graph.levels[0].class_tensor;
  for (GraphOp& op : graph.ops) {
    if (op.output != classes) continue;
    for (float& bias : op.bias) bias -= 9.0f;
    op.bias[0] += 12.0f;
  }
  const auto images = RandomImages(graph.shape(graph.input), 4, 7);
  FloatExecutor executor(graph);
  float largest = 0.0f;
  float least = 0.0f;
  for (const auto& image : images) {
    executor.RunPixels(image);
    for (const float logit : executor.tensor(classes)) {
      largest = std::max(largest, logit);
      least = std::min(least, logit);
    }
  }
  ASSERT_LT(least, -6.0f);
  const Range range = Calibrate(graph, images, nullptr).ranges[classes];
  EXPECT_EQ(range.max, largest);
  EXPECT_EQ(range.min, -6.0f);
}

TEST(Compile, KeepsInt8CloseToFloat) {
  const NetworkDescription network = TinyNetwork();
  const Graph graph = BuildGraph(network, RandomWeights(7));
  const auto images = RandomImages(network.input, 8, 7);
  const CompiledModel compiled = Compile(graph, images, nullptr);
  FloatExecutor float_executor(graph);
  std::vector<float> real;
  for (const uint8_t pixel : images[0]) {
    real.push_back((static_cast<float>(pixel) - 128.0f) / 128.0f);
  }
  float_executor.Run(real);
  const auto integers =
      SimulateIntegers(graph, compiled.quantized, Quantized(images[0]));
  for (const GraphLevel& level : graph.levels) {
    const int32_t output = level.class_tensor;
    const QuantParams quant = compiled.quantized.quant[output];
    double error = 0.0;
    double energy = 0.0;
    for (std::size_t i = 0; i < integers[output].size(); ++i) {
      const double expected = float_executor.tensor(output)[i];
      const double actual =
          (integers[output][i] - quant.zero_point) * double{quant.scale};
      error += (actual - expected) * (actual - expected);
      energy += expected * expected;
    }
    // Eight bits through fifteen layers: about a percent of the energy.
    EXPECT_TRUE(error <= 0.03 * energy)
        << "stride " << level.stride << ": " << error / energy;
  }
}

TEST(Compile, MapsPixelsToInt8WithoutRounding) {
  const Graph graph = BuildGraph(TinyNetwork(), RandomWeights(1));
  const CompiledModel compiled =
      Compile(graph, RandomImages(TinyNetwork().input, 1, 1), nullptr);
  EXPECT_EQ(compiled.quantized.quant[graph.input],
            (QuantParams{1.0f / 128.0f, 0}));
}

TEST(Compile, CallsProgressForEveryRun) {
  const Graph graph = BuildGraph(TinyNetwork(), RandomWeights(1));
  std::vector<int> calls;
  const auto record = [&](int done, int total) {
    EXPECT_EQ(total, 4);
    calls.push_back(done);
  };
  (void)Compile(graph, RandomImages(TinyNetwork().input, 2, 1), record);
  EXPECT_THAT(calls, testing::ElementsAre(1, 2, 3, 4));
}

TEST(Compile, RefusesToCalibrateWithoutImages) {
  const Graph graph = BuildGraph(TinyNetwork(), RandomWeights(1));
  EXPECT_THROW((void)Compile(graph, {}, nullptr), CompileError);
}

}  // namespace
}  // namespace ocellus
