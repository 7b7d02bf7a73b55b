// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include "detector/pack/unpack_model.h"
#include "host_demo/commands.h"
#include "host_demo/model_file.h"
#include "host_demo/model_report.h"
#include "host_demo/plan_report.h"
#include "host_demo/plot.h"

namespace ocellus {
namespace {

struct InspectOptions {
  std::string model;
  std::string plot;
  bool plan = false;
};

// One number where the channels are alike, else all three.
std::string ChannelsText(const float (&values)[3]) {
  char text[96];
  const auto value = [&](int i) { return static_cast<double>(values[i]); };
  if (values[0] == values[1] && values[1] == values[2]) {
    std::snprintf(text, sizeof text, "%g", value(0));
  } else {
    std::snprintf(text, sizeof text, "(%g, %g, %g)", value(0), value(1),
                  value(2));
  }
  return text;
}

void PrintHeader(const ModelFile& file) {
  const Model& model = file.model();
  const format::Header& header = model.header();
  const QuantParams quant = model.quant(header.input);
  std::printf("model     %s (%s), format %u, crc32 %08x\n", model.name(),
              file.path().c_str(), header.version, header.crc32);
  const bool is_bgr =
      header.channel_order == static_cast<uint16_t>(format::ChannelOrder::kBgr);
  std::printf("input     %s %s, (pixel - %s) / %s, scale %g, zero point %d\n",
              ShapeText(model.shape(header.input)).c_str(),
              is_bgr ? "BGR" : "RGB", ChannelsText(header.input_mean).c_str(),
              ChannelsText(header.input_std).c_str(),
              static_cast<double>(quant.scale), quant.zero_point);
  std::printf("head      %d classes; strides", model.class_count());
  for (const format::LevelRecord& level : model.levels()) {
    std::printf(" %d", level.stride);
  }
  std::printf("; score threshold %g, NMS IoU %g\n",
              static_cast<double>(header.score_threshold),
              static_cast<double>(header.nms_iou));
  std::string classes;
  for (const std::string& name : file.class_names()) {
    // Wrapped at 80 columns, under the first.
    const std::size_t line_begin = classes.rfind('\n') + 1;
    if (!classes.empty()) {
      classes +=
          classes.size() - line_begin + name.size() > 66 ? "\n          " : " ";
    }
    classes += name;
  }
  std::printf("classes   %s\n\n", classes.c_str());
}

void PrintOps(const ModelReport& report) {
  std::size_t name_width = 6;
  for (const OpReport& op : report.ops) {
    name_width = std::max(name_width, op.name.size());
  }
  for (const StageReport& stage : report.stages) {
    std::printf(
        "patches   operators %d to %d, %d x %d tiles (rows x columns)\n",
        stage.first_op, stage.end_op - 1, stage.tile_rows, stage.tile_columns);
  }
  if (!report.stages.empty()) std::printf("\n");
  std::printf("%4s  %-10s  %-12s %-12s %-7s %12s %9s %9s %9s  %-*s  %s\n", "op",
              "kind", "input", "output", "kernel", "MACs", "weights", "live",
              "reach", static_cast<int>(name_width), "name", "in place");
  for (std::size_t i = 0; i < report.ops.size(); ++i) {
    const OpReport& op = report.ops[i];
    std::string kernel;
    if (op.kernel_h != 0) {
      kernel = std::to_string(op.kernel_h) + "x" + std::to_string(op.kernel_w);
      if (op.stride_y != 1 || op.stride_x != 1) {
        kernel += "/" + std::to_string(op.stride_y);
        if (op.stride_x != op.stride_y) {
          kernel += "x" + std::to_string(op.stride_x);
        }
      }
    }
    std::string in_place = op.in_place ? "yes" : "";
    if (op.ring_bytes != 0) {
      in_place += ", ring " + GroupedText(op.ring_bytes);
    }
    std::printf(
        "%4zu  %-10s  %-12s %-12s %-7s %12s %9s %9s %9s  %-*s  %s\n", i,
        op.kind.c_str(), ShapeText(op.input).c_str(),
        ShapeText(op.output).c_str(), kernel.c_str(),
        GroupedText(op.macs).c_str(), GroupedText(op.weight_bytes).c_str(),
        GroupedText(op.live_bytes).c_str(),
        GroupedText(op.high_water_bytes).c_str(), static_cast<int>(name_width),
        op.name.c_str(), in_place.c_str());
  }
}

void PrintTotals(const ModelReport& report) {
  const auto line = [](const char* what, int64_t value,
                       const std::string& note) {
    std::printf("%-26s %12s  %s\n", what, GroupedText(value).c_str(),
                note.c_str());
  };
  std::printf(
      "\nweights, live and reach in bytes. live: arena bytes that hold "
      "something needed\nwhile the operator runs; reach: the first free byte "
      "behind them.\n\n");
  line("MACs", report.macs,
       report.macs == report.macs_untiled
           ? ""
           : "of which patches compute again " +
                 GroupedText(report.macs - report.macs_untiled));
  line("weights (int8)", report.weight_bytes, "bytes");
  line("biases and scales", report.parameter_bytes, "bytes");
  line("blob (flash)", report.blob_bytes, "bytes");
  line("peak SRAM, planned arena", report.arena_bytes, "bytes");
  line("  lower bound", report.peak_live_bytes,
       "bytes, live at op " + std::to_string(report.peak_op) +
           "; no plan of this order needs less");
  line("  without image and rings", report.peak_live_bytes_paper,
       "bytes, op " + std::to_string(report.peak_op_paper) +
           "; --plan also gives the MCUNetV2 paper's count");
}

void InspectPlans(const Graph& graph, const std::string& plot) {
  const PlanReport report = ReportPlans(graph);
  PrintPlanReport(graph, report);
  if (plot.empty()) return;
  PlotPng(PlanPlotScript(graph, report), 1400, 620, plot);
  std::printf("\nwrote %s\n", plot.c_str());
}

void Inspect(const InspectOptions& options) {
  const ModelFile file(FindModel(options.model));
  if (options.plan) {
    InspectPlans(UnpackModel(file.model()).graph, options.plot);
    return;
  }
  const ModelReport report = ReportModel(file.model());
  PrintHeader(file);
  PrintOps(report);
  PrintTotals(report);
  if (options.plot.empty()) return;
  PlotPng(MemoryPlotScript(file.model().name(), report), 1400, 620,
          options.plot);
  std::printf("\nwrote %s\n", options.plot.c_str());
}

}  // namespace

void AddInspectCommand(CLI::App& app) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Show a model's operators, memory and cost");
  command->add_option("MODEL", options->model,
                      "Compiled model (default: the shipped one)");
  command->add_option("--plot", options->plot,
                      "Write a PNG of live bytes per operator");
  command->add_flag("--plan", options->plan,
                    "Compare plans instead: layer by layer, the paper's "
                    "patches, streams; and the front of memory against MACs");
  command->callback([options] { Inspect(*options); });
}

}  // namespace ocellus
