// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "detector/quantize/calibration.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// A compiled network and the stages it came from.
struct CompiledModel {
  QuantizedGraph quantized;
  MemoryPlan plan;
  std::vector<uint8_t> blob;  // the bytes of model.ocellus
};

// Quantises, plans layer by layer and packs a float graph. Arguments and
// errors as for Calibrate().
inline CompiledModel Compile(const Graph& graph,
                             std::span<const std::vector<uint8_t>> images,
                             const std::function<void(int, int)>& progress) {
  CompiledModel compiled;
  compiled.quantized = Quantize(graph, Calibrate(graph, images, progress));
  compiled.plan = PlanMemory(graph);
  compiled.blob = PackModel(graph, compiled.quantized, compiled.plan);
  return compiled;
}

}  // namespace ocellus
