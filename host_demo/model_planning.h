// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "detector/graph/graph.h"
#include "detector/plan/planner.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// What the planner may choose from.
struct PlanOptions {
  std::string budget;  // "256kB", "512KiB" or bytes; empty: none
  bool rows_fed = false;
  bool layer_by_layer = false;
};

void AddPlanOptions(CLI::App& command, PlanOptions& options);

// "256kB" is 256,000 bytes, "256KiB" 262,144. Throws Failure for other text.
uint32_t ParseBytes(const std::string& text);

// Throws Failure if no plan fits the budget, saying what would.
PlanCandidate FindPlan(const Graph& graph, const PlanOptions& options);

// Packs a model under a plan, writes it and prints what it needs.
void WriteModel(const std::string& path, const Graph& graph,
                const QuantizedGraph& quantized, const PlanCandidate& plan);

}  // namespace ocellus
