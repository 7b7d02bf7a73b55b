// SPDX-License-Identifier: Apache-2.0
#include "host_demo/plan_report.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "host_demo/model_report.h"
#include "host_demo/plot.h"

namespace ocellus {
namespace {

constexpr int32_t kPaperPatches = 4;  // a side
constexpr int32_t kPaperStride = 8;   // where the paper's patch stage ends

PlanColumn MakeColumn(const Graph& graph, std::string title,
                      PlanCandidate plan) {
  PlanColumn column;
  column.title = std::move(title);
  column.live_bytes = LeastLiveBytes(graph, plan.stages, &CortexM7Backend());
  column.paper_peak_bytes = PaperPeakBytes(graph, plan.stages);
  column.plan = std::move(plan);
  return column;
}

std::vector<int32_t> PatchHalos(const Graph& graph, const Stage& stage) {
  std::vector<int32_t> halos(graph.ops.size(), kNone);
  for (int32_t i = 0; i < stage.end_op; ++i) {
    const std::vector<TileRange>& rows = stage.Find(graph.ops[i].output)->rows;
    halos[i] = 0;
    for (std::size_t tile = 1; tile < rows.size(); ++tile) {
      halos[i] = std::max(halos[i], rows[tile - 1].end - rows[tile].compute);
    }
  }
  return halos;
}

// Steps of a front that save at least this much of the memory before.
constexpr double kStepWorthPrinting = 0.02;

// The entries of a front worth reading: its ends, and what saves enough.
std::vector<PlanCandidate> Thinned(const std::vector<PlanCandidate>& front) {
  std::vector<PlanCandidate> thinned;
  for (auto plan = front.rbegin(); plan != front.rend(); ++plan) {
    if (thinned.empty() || plan + 1 == front.rend() ||
        plan->peak_bytes <=
            (1.0 - kStepWorthPrinting) * thinned.back().peak_bytes) {
      thinned.push_back(*plan);
    }
  }
  std::reverse(thinned.begin(), thinned.end());
  return thinned;
}

void PrintFront(const char* title, const std::vector<PlanCandidate>& front,
                const PlanCandidate& layers) {
  std::printf("\n%s\n", title);
  std::printf("%12s  %9s  %9s  %s\n", "peak bytes", "less", "MACs", "plan");
  const std::vector<PlanCandidate> thinned = Thinned(front);
  for (const PlanCandidate& plan : thinned) {
    std::printf("%12s  %8.1fx  %+7.2f %%  %s\n",
                GroupedText(plan.peak_bytes).c_str(),
                static_cast<double>(layers.peak_bytes) / plan.peak_bytes,
                100.0 * static_cast<double>(plan.macs - layers.macs) /
                    static_cast<double>(layers.macs),
                plan.description.c_str());
  }
  if (thinned.size() < front.size()) {
    std::printf("%zu smaller steps between are left out\n",
                front.size() - thinned.size());
  }
}

}  // namespace

PlanReport ReportPlans(const Graph& graph) {
  PlanReport report;
  report.receptive_fields = ReceptiveFields(graph);
  report.patch_halos.assign(graph.ops.size(), kNone);
  report.patch_overheads.assign(graph.ops.size(), 0.0);
  report.columns.push_back(MakeColumn(graph, "layer by layer",
                                      LayerByLayer(graph, &CortexM7Backend())));
  report.patch_stage_end = PatchStageEnd(graph, kPaperStride);
  if (report.patch_stage_end > 0) {
    const std::vector<Keep> keep(graph.tensors.size(), Keep::kNothing);
    PlanCandidate patches;
    patches.stages = {TileByOutput(graph, 0, report.patch_stage_end,
                                   kPaperPatches, kPaperPatches, keep,
                                   ImageFeed::kWhole)};
    report.patch_halos = PatchHalos(graph, patches.stages[0]);
    for (int32_t i = 0; i < report.patch_stage_end; ++i) {
      const int64_t macs = graph.Macs(graph.ops[i]);
      if (macs == 0) continue;
      report.patch_overheads[i] =
          static_cast<double>(MacsInStage(graph, patches.stages[0], i)) /
              static_cast<double>(macs) -
          1.0;
    }
    patches.macs = MacsUnder(graph, patches.stages);
    const auto live = LeastLiveBytes(graph, patches.stages, &CortexM7Backend());
    patches.peak_bytes = *std::max_element(live.begin(), live.end());
    report.columns.push_back(
        MakeColumn(graph, "4x4 patches", std::move(patches)));
    report.paper_patches =
        CountPaperPatches(graph, report.patch_stage_end, kPaperPatches);
  }
  const auto find = [&](ImageFeed feed) {
    SearchEffort effort;
    std::vector<PlanCandidate> front =
        FindPlans(graph, feed, kPaperPatches, &CortexM7Backend(), &effort);
    report.effort.labels += effort.labels;
    report.effort.grids_given_up += effort.grids_given_up;
    return front;
  };
  report.front_whole = find(ImageFeed::kWhole);
  report.front_rows = find(ImageFeed::kRows);
  if (!report.front_whole.empty()) {
    report.columns.push_back(
        MakeColumn(graph, "stream, whole image", report.front_whole.back()));
  }
  if (!report.front_rows.empty()) {
    report.columns.push_back(
        MakeColumn(graph, "stream, rows fed", report.front_rows.back()));
  }
  return report;
}

void PrintPlanReport(const Graph& graph, const PlanReport& report) {
  std::printf("%4s  %-26s %6s %5s %7s", "op", "name", "field", "halo", "anew");
  for (const PlanColumn& column : report.columns) {
    std::printf("  %20s", column.title.c_str());
  }
  std::printf("\n");
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const std::string halo = report.patch_halos[i] == kNone
                                 ? "-"
                                 : std::to_string(report.patch_halos[i]);
    std::printf("%4zu  %-26s %6lld %5s %+6.1f%%", i,
                graph.tensors[graph.ops[i].output].name.c_str(),
                static_cast<long long>(report.receptive_fields[i]),
                halo.c_str(), 100.0 * report.patch_overheads[i]);
    for (const PlanColumn& column : report.columns) {
      std::printf("  %20s", GroupedText(column.live_bytes[i]).c_str());
    }
    std::printf("\n");
  }
  const PlanCandidate& layers = report.columns.front().plan;
  const auto row = [&](const char* title, const auto& text) {
    std::printf("%-44s", title);
    for (const PlanColumn& column : report.columns) {
      std::printf("  %20s", text(column).c_str());
    }
    std::printf("\n");
  };
  std::printf("\n");
  row("peak, everything (bytes)", [](const PlanColumn& column) {
    return GroupedText(column.plan.peak_bytes);
  });
  row("peak, as MCUNetV2 counts (bytes)", [](const PlanColumn& column) {
    return GroupedText(column.paper_peak_bytes);
  });
  row("MACs more than layer by layer", [&](const PlanColumn& column) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%",
                  100.0 * static_cast<double>(column.plan.macs - layers.macs) /
                      static_cast<double>(layers.macs));
    return std::string(text);
  });
  if (report.patch_stage_end > 0) {
    const PaperPatches& paper = report.paper_patches;
    std::printf(
        "\n4x4 patches as the paper counts (every patch of interior size): "
        "side %d pixels,\nstage %.1f M MACs (%+.1f %%), network %.1f M "
        "(%+.1f %%)\n",
        paper.patch_side, static_cast<double>(paper.stage_macs) / 1e6,
        100.0 * paper.stage_overhead,
        static_cast<double>(paper.whole_macs) / 1e6,
        100.0 * paper.whole_overhead);
  }
  std::printf(
      "\nfield: image pixels that one output pixel sees; halo: rows that "
      "neighbouring 4x4\npatches both compute; anew: MACs that they add. SRAM "
      "counts the image, rings "
      "and the Cortex-M7 kernels'\n"
      "scratch; MCUNetV2 counts activations alone.\n");
  PrintFront("front of plans, whole image in the arena:", report.front_whole,
             layers);
  PrintFront("front of plans, image fed by rows:", report.front_rows, layers);
  if (report.effort.grids_given_up > 0) {
    std::printf(
        "\n%d grids of tiles had too many choices and were not searched to "
        "the end: a\nsmaller plan may exist\n",
        report.effort.grids_given_up);
  }
}

std::string PlanPlotScript(const Graph& graph, const PlanReport& report) {
  std::ostringstream script;
  script << "$live << END_OF_DATA\n";
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    script << i;
    for (const PlanColumn& column : report.columns) {
      script << " " << static_cast<double>(column.live_bytes[i]) / 1024.0;
    }
    script << "\n";
  }
  script << "END_OF_DATA\n";
  script << "set title "
         << PlotString(graph.name +
                       ": SRAM that is live while each operator "
                       "runs, by plan")
         << " font ',13'\n"
         << "set xlabel 'operator, in order of execution'\n"
         << "set ylabel 'KiB of SRAM, everything'\n"
         << "set grid ytics lc rgb '#dddddd'\nset border 3\n"
         << "set tics nomirror out\nset key top right\n"
         << "set xrange [-1:" << graph.ops.size() << "]\nset yrange [0:*]\n";
  constexpr const char* kColours[] = {"#888888", "#d6872a", "#4878a8",
                                      "#2f8f5b"};
  script << "plot";
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    const PlanColumn& column = report.columns[i];
    script << (i == 0 ? " " : ", ") << "$live using 1:" << i + 2
           << " with steps lw 2.5 lc rgb '" << kColours[i % 4] << "' title "
           << PlotString(column.title + ": peak " +
                         GroupedText(column.plan.peak_bytes) + " bytes");
  }
  script << "\n";
  return script.str();
}

}  // namespace ocellus
