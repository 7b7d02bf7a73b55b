// SPDX-License-Identifier: Apache-2.0
//
// Writes small models of every kind of operator and plan (patches, strips,
// rings, rows fed) into a folder, to fuzz from.
//
//   write_staged_blobs FOLDER
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "detector/plan/planner.h"
#include "tests/support/random_graph.h"

namespace {

using namespace ocellus;

constexpr uint32_t kNetworks = 12;

void Write(const RandomNetwork& network, const std::vector<Stage>& stages,
           const std::string& path) {
  const std::vector<uint8_t> blob = PackModel(
      network.graph, network.quantized, PlanMemory(network.graph, stages));
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(blob.data()),
             static_cast<std::streamsize>(blob.size()));
}

void WriteAll(const RandomNetwork& network, const std::string& prefix) {
  const Graph& graph = network.graph;
  Write(network, {}, prefix + "_layers");
  for (const ImageFeed feed : {ImageFeed::kWhole, ImageFeed::kRows}) {
    const auto plans = FindPlans(graph, feed, 2);
    if (plans.empty()) continue;
    const std::string name =
        prefix + (feed == ImageFeed::kRows ? "_fed" : "_whole");
    Write(network, plans.front().stages, name + "_least");
    Write(network, plans.back().stages, name + "_stream");
  }
  int32_t end = 0;
  while (end < static_cast<int32_t>(graph.ops.size()) &&
         CanBeStage(graph, 0, end + 1)) {
    ++end;
  }
  if (end < 2) return;
  for (const Keep keep : {Keep::kNothing, Keep::kColumns}) {
    const Stage stage = TileByOutput(
        graph, 0, end, 3, 2, std::vector<Keep>(graph.tensors.size(), keep),
        ImageFeed::kWhole);
    if (!IsWithinRepeats(graph, stage)) continue;
    Write(network, {stage},
          prefix + (keep == Keep::kNothing ? "_patches" : "_columns"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_staged_blobs FOLDER\n");
    return 2;
  }
  for (uint32_t seed = 0; seed < kNetworks; ++seed) {
    WriteAll(MakeRandomNetwork(seed, 5),
             std::string(argv[1]) + "/" + std::to_string(seed));
  }
  return 0;
}
