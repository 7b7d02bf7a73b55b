// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/planner.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace ocellus {
namespace {

using format::OpKind;

constexpr uint32_t kImpossible = std::numeric_limits<uint32_t>::max();

int32_t OpCount(const Graph& graph) {
  return static_cast<int32_t>(graph.ops.size());
}

uint32_t PeakOfOps(const std::vector<uint32_t>& live, int32_t first_op,
                   int32_t end_op) {
  return *std::max_element(live.begin() + first_op, live.begin() + end_op);
}

// The ways to divide a network into row streams and single ops, and what each
// part needs. A part's need does not depend on how the rest is divided: what
// crosses its ends is held whole either way.
class StreamDivision {
 public:
  StreamDivision(const Graph& graph, ImageFeed feed)
      : graph_(graph), feed_(feed), op_count_(OpCount(graph)) {
    const std::vector<uint32_t> alone = LeastLiveBytes(graph, {});
    need_.assign(op_count_, std::vector<uint32_t>(op_count_ + 1, kImpossible));
    for (int32_t first = 0; first < op_count_; ++first) {
      const bool fed = first == 0 && feed == ImageFeed::kRows;
      if (!fed) need_[first][first + 1] = alone[first];
      // Streaming one op alone saves nothing, unless it reads fed rows.
      for (int32_t end = fed ? first + 1 : first + 2;
           end <= op_count_ && CanBeStage(graph, first, end); ++end) {
        need_[first][end] =
            PeakOfOps(LeastLiveBytes(graph, {Stream(first, end)}), first, end);
      }
    }
    least_from_.assign(op_count_ + 1, 0);
    for (int32_t first = op_count_ - 1; first >= 0; --first) {
      least_from_[first] = kImpossible;
      for (int32_t end = first + 1; end <= op_count_; ++end) {
        least_from_[first] = std::min(
            least_from_[first], std::max(need_[first][end], least_from_[end]));
      }
    }
  }

  // The least peak of ops [first_op, end).
  uint32_t LeastFrom(int32_t first_op) const { return least_from_[first_op]; }

  // Stages over ops [first_op, end) that need at most `peak` bytes, with as few
  // ops in stages as can be: an op outside runs fastest.
  std::vector<Stage> Divide(int32_t first_op, uint32_t peak) const {
    std::vector<int32_t> staged(op_count_ + 1, 0);
    std::vector<int32_t> next(op_count_ + 1, op_count_);
    for (int32_t first = op_count_ - 1; first >= first_op; --first) {
      staged[first] = std::numeric_limits<int32_t>::max() / 2;
      for (int32_t end = first + 1; end <= op_count_; ++end) {
        if (need_[first][end] > peak) continue;
        const int32_t cost = (end == first + 1 ? 0 : end - first) + staged[end];
        if (cost < staged[first]) {
          staged[first] = cost;
          next[first] = end;
        }
      }
    }
    std::vector<Stage> stages;
    for (int32_t first = first_op; first < op_count_; first = next[first]) {
      const bool fed = first == 0 && feed_ == ImageFeed::kRows;
      if (fed || next[first] > first + 1) {
        stages.push_back(Stream(first, next[first]));
      }
    }
    return stages;
  }

 private:
  Stage Stream(int32_t first, int32_t end) const {
    return StreamRows(graph_, first, end,
                      first == 0 ? feed_ : ImageFeed::kWhole);
  }

  const Graph& graph_;
  ImageFeed feed_;
  int32_t op_count_;
  std::vector<std::vector<uint32_t>> need_;  // [first][end]
  std::vector<uint32_t> least_from_;
};

// Tensors written in ops [0, end_op) of which neighbouring tiles share pixels:
// a kernel larger than its stride reads them. In order of ops.
std::vector<int32_t> SharedTensors(const Graph& graph, int32_t end_op) {
  std::set<int32_t> shared;
  for (int32_t i = 0; i < end_op; ++i) {
    const GraphOp& op = graph.ops[i];
    if (op.has_window() &&
        (op.kernel_h > op.stride_y || op.kernel_w > op.stride_x)) {
      shared.insert(op.input);
    }
  }
  return {shared.begin(), shared.end()};
}

// The fronts's entries among `plans`.
std::vector<PlanCandidate> KeepFront(std::vector<PlanCandidate> plans) {
  std::stable_sort(plans.begin(), plans.end(),
                   [](const PlanCandidate& a, const PlanCandidate& b) {
                     return a.peak_bytes != b.peak_bytes
                                ? a.peak_bytes < b.peak_bytes
                                : a.macs < b.macs;
                   });
  std::vector<PlanCandidate> front;
  for (PlanCandidate& plan : plans) {
    if (front.empty() || plan.macs < front.back().macs) {
      front.push_back(std::move(plan));
    }
  }
  return front;
}

std::string Describe(const Graph& graph, const std::vector<Stage>& stages,
                     bool first_is_tiled) {
  if (stages.empty()) return "layer by layer";
  std::string text;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    if (!text.empty()) text += ", ";
    text += i == 0 && first_is_tiled
                ? std::to_string(stage.tile_rows()) + "x" +
                      std::to_string(stage.tile_columns()) + " tiles "
                : "stream ";
    text += graph.tensors[graph.ops[stage.first_op].output].name + " to " +
            graph.tensors[graph.ops[stage.end_op - 1].output].name;
  }
  return text;
}

}  // namespace

int64_t MacsUnder(const Graph& graph, const std::vector<Stage>& stages) {
  int64_t macs = 0;
  for (const GraphOp& op : graph.ops) macs += graph.Macs(op);
  for (const Stage& stage : stages) {
    for (int32_t i = stage.first_op; i < stage.end_op; ++i) {
      macs += MacsInStage(graph, stage, i) - graph.Macs(graph.ops[i]);
    }
  }
  return macs;
}

PlanCandidate LayerByLayer(const Graph& graph) {
  const std::vector<uint32_t> live = LeastLiveBytes(graph, {});
  return {{},
          Describe(graph, {}, false),
          *std::max_element(live.begin(), live.end()),
          MacsUnder(graph, {})};
}

std::vector<PlanCandidate> FindPlans(const Graph& graph, ImageFeed feed,
                                     int32_t max_tiles) {
  std::vector<PlanCandidate> plans;
  if (feed == ImageFeed::kWhole) plans.push_back(LayerByLayer(graph));
  const StreamDivision division(graph, feed);
  const uint32_t least_streamed = division.LeastFrom(0);
  const auto add = [&](std::vector<Stage> stages, uint32_t peak,
                       bool first_is_tiled) {
    PlanCandidate plan;
    plan.description = Describe(graph, stages, first_is_tiled);
    plan.macs = MacsUnder(graph, stages);
    plan.peak_bytes = peak;
    plan.stages = std::move(stages);
    plans.push_back(std::move(plan));
  };
  if (least_streamed != kImpossible) {
    add(division.Divide(0, least_streamed), least_streamed, false);
  }

  // Patches are worth their MACs only below what streaming needs.
  for (int32_t end = 1; end <= OpCount(graph) && CanBeStage(graph, 0, end);
       ++end) {
    const uint32_t behind = division.LeastFrom(end);
    if (behind >= least_streamed) continue;
    const std::vector<int32_t> shared = SharedTensors(graph, end);
    const Shape out = graph.shape(graph.ops[end - 1].output);
    for (int32_t rows = 1; rows <= std::min(max_tiles, out.h); ++rows) {
      for (int32_t columns = 1; columns <= std::min(max_tiles, out.w);
           ++columns) {
        for (const Keep early : {Keep::kNothing, Keep::kColumns}) {
          for (std::size_t from = 0; from <= shared.size(); ++from) {
            std::vector<Keep> keep(graph.tensors.size(), Keep::kAll);
            for (std::size_t i = 0; i < from; ++i) keep[shared[i]] = early;
            std::vector<Stage> stages = {
                TileByOutput(graph, 0, end, rows, columns, keep, feed)};
            const uint32_t peak =
                PeakOfOps(LeastLiveBytes(graph, stages), 0, end);
            if (std::max(peak, behind) >= least_streamed) continue;
            const uint32_t whole_peak = std::max(peak, behind);
            for (Stage& stage : division.Divide(end, whole_peak)) {
              stages.push_back(std::move(stage));
            }
            add(std::move(stages), whole_peak, true);
          }
        }
      }
    }
    plans = KeepFront(std::move(plans));
  }
  return KeepFront(std::move(plans));
}

std::optional<PlanCandidate> ChoosePlan(const std::vector<PlanCandidate>& plans,
                                        uint32_t budget_bytes) {
  // MACs fall along the front, so the last one that fits has the fewest.
  for (auto plan = plans.rbegin(); plan != plans.rend(); ++plan) {
    if (budget_bytes == 0 || plan->peak_bytes <= budget_bytes) return *plan;
  }
  return std::nullopt;
}

uint32_t PaperPeakBytes(const Graph& graph, const std::vector<Stage>& stages) {
  std::vector<uint32_t> live;
  if (!stages.empty()) live = LeastLiveBytes(graph, stages);
  uint32_t peak = 0;
  for (int32_t i = 0; i < OpCount(graph); ++i) {
    const GraphOp& op = graph.ops[i];
    const Stage* in_stage = nullptr;
    for (const Stage& stage : stages) {
      if (stage.first_op <= i && i < stage.end_op) in_stage = &stage;
    }
    int64_t bytes = 0;
    if (in_stage != nullptr) {
      const TensorTiling* image = in_stage->Find(graph.input);
      const Shape shape = graph.shape(graph.input);
      bytes = live[i];
      if (image != nullptr) {
        bytes -= int64_t{image->ring_rows} * image->held_columns * shape.c;
      }
    } else {
      const auto counted = [&](int32_t tensor) {
        return tensor == graph.input ? 0 : graph.shape(tensor).elements();
      };
      bytes = op.kind == OpKind::kDepthwiseConv2d
                  ? counted(op.input)
                  : counted(op.input) + counted(op.output);
    }
    peak = std::max(peak, static_cast<uint32_t>(bytes));
  }
  return peak;
}

PaperPatches CountPaperPatches(const Graph& graph, int32_t end_op,
                               int32_t patches) {
  PaperPatches count;
  // The side of what one patch needs of each tensor, from the back.
  std::map<int32_t, int32_t> side;
  const int32_t last = graph.ops[end_op - 1].output;
  side[last] = (graph.shape(last).h + patches - 1) / patches;
  int64_t stage_plain = 0;
  for (int32_t i = end_op - 1; i >= 0; --i) {
    const GraphOp& op = graph.ops[i];
    const int32_t out_side = side[op.output];
    const int32_t in_side =
        op.has_window() ? (out_side - 1) * op.stride_y + op.kernel_h : out_side;
    side[op.input] = std::max(side[op.input], in_side);
    if (op.input2 != kNone) {
      side[op.input2] = std::max(side[op.input2], in_side);
    }
    count.stage_macs +=
        graph.MacsPerPixel(op) * out_side * out_side * patches * patches;
    stage_plain += graph.Macs(op);
  }
  const int64_t whole_plain = MacsUnder(graph, {});
  count.patch_side = side[graph.input];
  count.whole_macs = whole_plain - stage_plain + count.stage_macs;
  count.stage_overhead =
      static_cast<double>(count.stage_macs) / static_cast<double>(stage_plain) -
      1.0;
  count.whole_overhead =
      static_cast<double>(count.whole_macs) / static_cast<double>(whole_plain) -
      1.0;
  return count;
}

std::vector<int64_t> ReceptiveFields(const Graph& graph) {
  // By tensor: field and distance of neighbouring pixels, in image pixels.
  std::vector<int64_t> field(graph.tensors.size(), 1);
  std::vector<int64_t> step(graph.tensors.size(), 1);
  std::vector<int64_t> fields;
  for (const GraphOp& op : graph.ops) {
    if (op.has_window()) {
      field[op.output] = field[op.input] + (op.kernel_h - 1) * step[op.input];
      step[op.output] = step[op.input] * op.stride_y;
    } else if (op.input2 != kNone) {
      field[op.output] = std::max(field[op.input], field[op.input2]);
      step[op.output] = step[op.input];
    } else {
      field[op.output] = field[op.input];
      step[op.output] = std::max<int64_t>(
          step[op.input] * graph.shape(op.input).h / graph.shape(op.output).h,
          1);
    }
    fields.push_back(field[op.output]);
  }
  return fields;
}

}  // namespace ocellus
