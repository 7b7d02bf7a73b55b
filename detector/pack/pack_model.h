// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/memory_plan.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// Whom the weights are laid out for. Every processor runs a model for any
// target; others than the target rearrange the weights in their arena first,
// and the Cortex-M7 runs convolutions for kAny more slowly.
enum class Target : uint8_t { kAny, kCortexM7 };

// The bytes of a model.ocellus file (see runtime/model_format.h) for a
// quantised and planned graph. Throws CompileError if a limit of the format is
// exceeded or if the result does not pass Model::Parse().
std::vector<uint8_t> PackModel(const Graph& graph,
                               const QuantizedGraph& quantized,
                               const MemoryPlan& plan,
                               Target target = Target::kAny);

}  // namespace ocellus
