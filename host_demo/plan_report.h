// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/plan/planner.h"

namespace ocellus {

// One way to run a network, with what every op then has live.
struct PlanColumn {
  std::string title;
  PlanCandidate plan;
  std::vector<uint32_t> live_bytes;  // by op
  uint32_t paper_peak_bytes = 0;     // see PaperPeakBytes()
};

// How a network's memory falls with the plan.
struct PlanReport {
  // Layer by layer; the paper's 4x4 patches up to stride 8; the front's plan
  // without extra MACs for a whole image, and for one fed by rows.
  std::vector<PlanColumn> columns;
  std::vector<PlanCandidate> front_whole;
  std::vector<PlanCandidate> front_rows;
  SearchEffort effort;                    // that both fronts took
  std::vector<int64_t> receptive_fields;  // by op, see ReceptiveFields()
  // Pixels that neighbouring 4x4 patches share of each op's output, kNone
  // behind their stage.
  std::vector<int32_t> patch_halos;
  // What the patches add to the MACs of each op: 0.42: 42 % more.
  std::vector<double> patch_overheads;
  PaperPatches paper_patches;
  int32_t patch_stage_end = 0;
};

// Plans a graph in all these ways; takes seconds.
PlanReport ReportPlans(const Graph& graph);

void PrintPlanReport(const Graph& graph, const PlanReport& report);

// Lines of live bytes by op, one for each column.
std::string PlanPlotScript(const Graph& graph, const PlanReport& report);

}  // namespace ocellus
