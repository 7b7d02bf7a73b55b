// SPDX-License-Identifier: Apache-2.0
#include "host_demo/model_planning.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <vector>

#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "host_demo/emit_sources.h"
#include "host_demo/failure.h"
#include "host_demo/model_report.h"
#include "host_demo/output_file.h"

namespace ocellus {

void AddPlanOptions(CLI::App& command, PlanOptions& options) {
  CLI::Option* budget = command.add_option(
      "--budget", options.budget,
      "Arena to fit, e.g. 256kB: the plan with the fewest MACs that does, "
      "run in as large tiles as fit "
      "(default: the smallest arena at no extra MACs)");
  CLI::Option* rows_fed = command.add_flag(
      "--rows-fed", options.rows_fed,
      "The image comes row by row and is never whole in the arena");
  command
      .add_flag("--layer-by-layer", options.layer_by_layer,
                "No patches: every operator over whole tensors")
      ->excludes(budget)
      ->excludes(rows_fed);
  command
      .add_option("--target", options.target,
                  "Whom weights are laid out for, cortex-m7 or any: every "
                  "processor runs both, the Cortex-M7 its own faster")
      ->capture_default_str();
}

Target FindTarget(const std::string& name) {
  if (name == "cortex-m7") return Target::kCortexM7;
  if (name == "any") return Target::kAny;
  throw Failure("unknown target " + name + ", expected cortex-m7 or any");
}

uint32_t ParseBytes(const std::string& text) {
  char* unit_begin = nullptr;
  const double value = std::strtod(text.c_str(), &unit_begin);
  const std::string unit = unit_begin;
  double factor = 0.0;
  if (unit.empty() || unit == "B") factor = 1.0;
  if (unit == "kB") factor = 1e3;
  if (unit == "MB") factor = 1e6;
  if (unit == "KiB") factor = 1024.0;
  if (unit == "MiB") factor = 1024.0 * 1024.0;
  const double bytes = std::floor(value * factor);
  if (unit_begin == text.c_str() || !(bytes >= 1.0) ||
      !(bytes <= static_cast<double>(std::numeric_limits<uint32_t>::max()))) {
    throw Failure("budget " + text +
                  ": expected a size such as 256kB, 512KiB or 262144");
  }
  return static_cast<uint32_t>(bytes);
}

namespace {

// A budget may be met with tiles as well, up to this many a side.
constexpr int32_t kBudgetTiles = 4;

// Plans have room for the scratch of the board's kernels. The host's take
// theirs beside the arena.
const Backend& PlannedBackend() { return CortexM7Backend(); }

uint32_t ArenaBytes(const Graph& graph, const PlanCandidate& plan) {
  return PlanMemory(graph, plan.stages, &PlannedBackend()).arena_bytes;
}

// Why no plan fits, by how much, and what would.
Failure NoPlanFits(const Graph& graph, const PlanOptions& options,
                   uint32_t budget, const PlanCandidate& smallest) {
  const uint32_t least = ArenaBytes(graph, smallest);
  std::string text = "no plan of " + graph.name + " fits " +
                     GroupedText(budget) + " bytes: the smallest takes " +
                     GroupedText(least) + ", " + GroupedText(least - budget) +
                     " more";
  if (options.rows_fed) return Failure(text);
  const auto fed =
      FindPlans(graph, ImageFeed::kRows, kBudgetTiles, &PlannedBackend());
  if (!fed.empty()) {
    text += "; with --rows-fed it takes " +
            GroupedText(ArenaBytes(graph, fed.front()));
  }
  return Failure(text);
}

}  // namespace

PlanCandidate FindPlan(const Graph& graph, const PlanOptions& options) {
  const uint32_t budget =
      options.budget.empty() ? 0 : ParseBytes(options.budget);
  if (options.layer_by_layer) return LayerByLayer(graph, &PlannedBackend());
  const ImageFeed feed =
      options.rows_fed ? ImageFeed::kRows : ImageFeed::kWhole;
  const auto find = [&](int32_t tiles) {
    std::vector<PlanCandidate> plans =
        FindPlans(graph, feed, tiles, &PlannedBackend());
    if (plans.empty()) {
      throw Failure(graph.name + ": no plan found for this network");
    }
    return plans;
  };
  // The last plan of a front has no MACs too many. Where whole rows fit the
  // budget so, the long search of tiles could not do better.
  std::vector<PlanCandidate> plans = find(kDefaultTiles);
  if (budget == 0) return plans.back();
  // Memory to spare saves time.
  const auto fill = [&](const PlanCandidate& plan) {
    return JoinTileRows(graph, plan, budget, &PlannedBackend());
  };
  if (ArenaBytes(graph, plans.back()) <= budget) return fill(plans.back());
  plans = find(kBudgetTiles);
  // MACs fall along the front. What is live may fit where its placement does
  // not, so the placement decides.
  for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) {
    if (plan->peak_bytes <= budget && ArenaBytes(graph, *plan) <= budget) {
      return fill(*plan);
    }
  }
  throw NoPlanFits(graph, options, budget, plans.front());
}

void WriteModel(const std::string& path, const std::string& source_folder,
                const Graph& graph, const QuantizedGraph& quantized,
                const PlanCandidate& plan, Target target) {
  const MemoryPlan memory = PlanMemory(graph, plan.stages, &PlannedBackend());
  const std::vector<uint8_t> blob = PackModel(graph, quantized, memory, target);
  if (!path.empty()) {
    WriteFile(path, {reinterpret_cast<const char*>(blob.data()), blob.size()});
    std::printf("%s\n", path.c_str());
  }
  if (!source_folder.empty()) EmitSources(source_folder, blob);
  const int64_t plain_macs = LayerByLayer(graph).macs;
  std::printf("plan      %s\n", plan.description.c_str());
  std::printf("MACs      %s (%+.2f %%)\n", GroupedText(plan.macs).c_str(),
              100.0 * static_cast<double>(plan.macs - plain_macs) /
                  static_cast<double>(plain_macs));
  std::printf(
      "arena     %s bytes, %s above the lower bound\n",
      GroupedText(memory.arena_bytes).c_str(),
      GroupedText(memory.arena_bytes - memory.lower_bound_bytes).c_str());
  std::printf("blob      %s bytes\n",
              GroupedText(static_cast<int64_t>(blob.size())).c_str());
}

}  // namespace ocellus
