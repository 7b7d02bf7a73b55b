// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/stage_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "detector/graph/build_graph.h"
#include "detector/plan/memory_plan.h"
#include "detector/plan/planner.h"
#include "tests/detector/tiny_network.h"

namespace ocellus {
namespace {

// What a stage costs by the memory plan, which knows nothing of the search.
struct Cost {
  int64_t bytes = 0;
  int64_t macs = 0;

  friend auto operator<=>(const Cost&, const Cost&) = default;
};

Cost CostOf(const Graph& graph, const StageChoice& choice, ImageFeed feed) {
  const std::vector<Stage> stages = {BuildStage(graph, choice, feed)};
  const std::vector<uint32_t> live = LeastLiveBytes(graph, stages);
  return {*std::max_element(live.begin() + choice.first_op,
                            live.begin() + choice.end_op),
          MacsUnder(graph, stages) - MacsUnder(graph, {})};
}

// Those of which no other is as good in both.
std::set<Cost> Front(const std::vector<Cost>& costs) {
  std::set<Cost> front;
  for (const Cost& cost : costs) {
    if (std::none_of(costs.begin(), costs.end(), [&](const Cost& other) {
          return other != cost && other.bytes <= cost.bytes &&
                 other.macs <= cost.macs;
        })) {
      front.insert(cost);
    }
  }
  return front;
}

Graph SmallGraph(uint32_t seed) {
  std::mt19937 random(seed);
  const auto in = [&](uint32_t low, uint32_t high) {
    return static_cast<int32_t>(low + random() % (high - low + 1));
  };
  NetworkDescription network;
  network.name = "small";
  network.input = {4 * in(2, 4), 4 * in(1, 4), 3};
  network.classes = {"a"};
  network.stem = {
      .kernel = 2 * in(0, 2) + 1, .stride = in(1, 2), .width = in(1, 20)};
  network.blocks = {
      {.kernel = 3, .expansion = in(1, 2), .width = network.stem.width}};
  network.head = {.strides = {network.stem.stride},
                  .widths = {in(1, 20)},
                  .kernel = 3,
                  .tower_depth = 0};
  return BuildGraph(network, RandomWeights(seed));
}

// All 3^n combinations of every stage of small networks.
TEST(SearchStages, FindsTheFrontThatBruteForceFinds) {
  int with_choice = 0;
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const Graph graph = SmallGraph(seed);
    const int64_t max_macs = MacsUnder(graph, {});
    const ImageFeed feed = seed % 2 == 0 ? ImageFeed::kRows : ImageFeed::kWhole;
    const auto op_count = static_cast<int32_t>(graph.ops.size());
    for (int32_t end = 1; end <= std::min(op_count, 5); ++end) {
      const auto found =
          SearchStages(graph, end, feed, {3, max_macs, {}}, nullptr);
      const Shape out = graph.shape(graph.ops[end - 1].output);
      for (int32_t first = 0; first < end; ++first) {
        int32_t combinations = 1;
        for (int32_t i = first; i < end; ++i) combinations *= 3;
        std::vector<Cost> all;
        for (int32_t rows = 0; rows <= std::min(3, out.h); ++rows) {
          for (int32_t columns = 1; columns <= std::min(3, out.w); ++columns) {
            if (rows == 1 && columns == 1) continue;
            for (int32_t choice = 0; choice < combinations; ++choice) {
              StageChoice stage = {first, end, rows, columns, {}, 0, 0};
              for (int32_t i = first, rest = choice; i < end; ++i, rest /= 3) {
                stage.keep.push_back(static_cast<Keep>(rest % 3));
              }
              if (!IsWithinRepeats(graph, BuildStage(graph, stage, feed))) {
                continue;
              }
              const Cost cost = CostOf(graph, stage, feed);
              if (cost.macs <= max_macs) all.push_back(cost);
            }
          }
        }
        std::set<Cost> searched;
        for (const StageChoice& choice : found[first]) {
          searched.insert({choice.bytes, choice.macs});
        }
        with_choice += searched.size() > 1 ? 1 : 0;
        ASSERT_EQ(searched, Front(all))
            << "seed " << seed << " ops [" << first << ", " << end << ")";
      }
    }
  }
  EXPECT_GT(with_choice, 20) << "too little to choose from";
}

// On networks too large for brute force, what the search says a choice costs is
// at least what it costs.
TEST(SearchStages, CountsWhatTheMemoryPlanCounts) {
  const Graph graph = BuildGraph(TinyNetwork({64, 48, 3}), RandomWeights(2));
  const auto op_count = static_cast<int32_t>(graph.ops.size());
  int checked = 0;
  for (const ImageFeed feed : {ImageFeed::kRows, ImageFeed::kWhole}) {
    for (int32_t end = 1; end <= op_count; ++end) {
      const auto found = SearchStages(
          graph, end, feed,
          {4, MacsUnder(graph, {}), std::vector<int64_t>(end, 12'000)},
          nullptr);
      for (const auto& front : found) {
        for (std::size_t i = 0; i < front.size(); i += 7) {
          const Cost cost = CostOf(graph, front[i], feed);
          ASSERT_EQ(cost.bytes, front[i].bytes);
          ASSERT_EQ(cost.macs, front[i].macs);
          ++checked;
        }
      }
    }
  }
  EXPECT_GT(checked, 100);
}

}  // namespace
}  // namespace ocellus
