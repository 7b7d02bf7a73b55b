// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "detector/graph/graph.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/planner.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// What the planner may choose from.
struct PlanOptions {
  std::string budget;  // "256kB", "512KiB" or bytes; empty: none
  bool rows_fed = false;
  bool layer_by_layer = false;
  std::string target = "cortex-m7";
};

void AddPlanOptions(CLI::App& command, PlanOptions& options);

// "256kB" is 256,000 bytes, "256KiB" 262,144. Throws Failure for other text.
uint32_t ParseBytes(const std::string& text);

// "cortex-m7" or "any". Throws Failure for other names.
Target FindTarget(const std::string& name);

// Throws Failure if no plan fits the budget, saying what would.
PlanCandidate FindPlan(const Graph& graph, const PlanOptions& options);

// Packs a model under a plan and prints what it needs. Writes it to a file, and
// as sources to a folder (see emit_sources.h), each where it is not empty.
void WriteModel(const std::string& path, const std::string& source_folder,
                const Graph& graph, const QuantizedGraph& quantized,
                const PlanCandidate& plan, Target target);

}  // namespace ocellus
