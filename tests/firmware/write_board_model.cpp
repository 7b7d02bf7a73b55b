// SPDX-License-Identifier: Apache-2.0

// Writes a small model with random weights, planned to be fed by rows, for the
// firmware that runs in the emulated board. Many of its random scores pass its
// threshold, so that its answers depend on every pixel.
#include <cstdio>
#include <fstream>
#include <optional>

#include "detector/graph/build_graph.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/planner.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/quantize.h"
#include "tests/detector/tiny_network.h"

int main(int argc, char** argv) {
  using namespace ocellus;
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_board_model FILE\n");
    return 1;
  }
  const NetworkDescription network = TinyNetwork({48, 64, 3});
  const Graph graph = BuildGraph(network, RandomWeights(7));
  const QuantizedGraph quantized = Quantize(
      graph,
      Calibrate(graph, RandomImages(network.input, 4, 1), [](int, int) {}));
  const std::optional<PlanCandidate> plan =
      ChoosePlan(FindPlans(graph, ImageFeed::kRows), 0);
  if (!plan) return 1;
  const std::vector<uint8_t> blob =
      PackModel(graph, quantized, PlanMemory(graph, plan->stages));
  std::ofstream file(argv[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(blob.data()),
             static_cast<std::streamsize>(blob.size()));
  return file.flush() ? 0 : 1;
}
