// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <gtest/gtest.h>

#include <cstring>

#include "detector/graph/build_graph.h"
#include "tests/detector/tiny_network.h"
#include "tests/support/aligned_arena.h"
#include "tests/support/compile.h"

namespace ocellus {
namespace {

std::vector<uint8_t> TinyBlob() {
  const NetworkDescription network = TinyNetwork();
  return Compile(BuildGraph(network, RandomWeights(3)),
                 RandomImages(network.input, 1, 3), nullptr)
      .blob;
}

TEST(Executor, RefusesAnArenaOneByteTooSmall) {
  const std::vector<uint8_t> blob = TinyBlob();
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  const std::size_t bytes =
      Executor::MeasureArena(model, ReferenceBackend()).total_bytes();
  AlignedArena arena(bytes);
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, ReferenceBackend(),
                             arena.span().first(bytes - 1)),
            Status::kArenaTooSmall);
  EXPECT_EQ(executor.Prepare(model, ReferenceBackend(), arena.span()),
            Status::kOk);
}

TEST(Executor, RefusesAMisalignedArena) {
  const std::vector<uint8_t> blob = TinyBlob();
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  AlignedArena arena(
      Executor::MeasureArena(model, ReferenceBackend()).total_bytes() + 16);
  Executor executor;
  EXPECT_EQ(
      executor.Prepare(model, ReferenceBackend(), arena.span().subspan(16)),
      Status::kMisaligned);
}

// Every backend runs a model for any target; those that do not read channel
// pairs take them apart in the arena.
TEST(Executor, GivesTheSameAnswerForEveryTargetAndBackend) {
  const NetworkDescription network = TinyNetwork();
  const Graph graph = BuildGraph(network, RandomWeights(3));
  const auto image = RandomImages(network.input, 1, 9)[0];
  const CompiledModel compiled =
      Compile(graph, RandomImages(network.input, 1, 3), nullptr);
  std::vector<std::vector<int8_t>> answers;
  for (const Target target : {Target::kAny, Target::kCortexM7}) {
    const std::vector<uint8_t> blob =
        PackModel(graph, compiled.quantized, compiled.plan, target);
    Model model;
    ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
    for (const Backend* backend : {&ReferenceBackend(), &CortexM7Backend()}) {
      AlignedArena arena(Executor::MeasureArena(model, *backend).total_bytes());
      Executor executor;
      ASSERT_EQ(executor.Prepare(model, *backend, arena.span()), Status::kOk);
      std::memcpy(executor.input().data, image.data(), image.size());
      executor.Invoke();
      const int32_t output = model.levels()[0].class_tensor;
      const int8_t* first = executor.tensor(output).data;
      answers.emplace_back(first, first + model.shape(output).elements());
      EXPECT_EQ(answers.back(), answers.front()) << backend->name;
    }
  }
}

TEST(Executor, GivesTheSameAnswerInADirtyArena) {
  const std::vector<uint8_t> blob = TinyBlob();
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  const auto image = RandomImages(TinyNetwork().input, 1, 9)[0];
  AlignedArena arena(
      Executor::MeasureArena(model, ReferenceBackend()).total_bytes());
  const int32_t output = model.levels()[0].class_tensor;
  std::vector<std::vector<int8_t>> answers;
  for (const int filler : {0x00, 0xFF, 0x5A}) {
    std::memset(arena.span().data(), filler, arena.span().size());
    Executor executor;
    ASSERT_EQ(executor.Prepare(model, ReferenceBackend(), arena.span()),
              Status::kOk);
    std::memcpy(executor.input().data, image.data(), image.size());
    executor.Invoke();
    const int8_t* first = executor.tensor(output).data;
    answers.emplace_back(first, first + model.shape(output).elements());
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(answers[0], answers[2]);
}

}  // namespace
}  // namespace ocellus
