// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/planner.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "detector/plan/stage_search.h"

namespace ocellus {
namespace {

using format::OpKind;

// A stage may cost a quarter of the network's MACs more.
constexpr int64_t kMacsShare = 4;

// Of stages that end with one op. Neither the shipped network nor MobileNetV2
// takes so many; stages that run nearly all of a network with many outputs
// would take millions.
constexpr int64_t kMaxLabels = 170'000;

constexpr int32_t kMaxJoinedRows = 16;

constexpr int64_t kImpossible = std::numeric_limits<int64_t>::max();

int32_t OpCount(const Graph& graph) {
  return static_cast<int32_t>(graph.ops.size());
}

// The ways to divide a network into stages and single ops. What a part needs
// does not depend on how the rest is divided: what crosses its ends is held
// whole either way. So the best division is a shortest path from the first op
// to behind the last.
class Division {
 public:
  Division(const Graph& graph, ImageFeed feed, int32_t max_tiles,
           const Backend* backend)
      : graph_(graph),
        feed_(feed),
        max_tiles_(max_tiles),
        backend_(backend),
        op_count_(OpCount(graph)),
        alone_(LeastLiveBytes(graph, {}, backend)),
        stages_(op_count_),
        producer_(graph.tensors.size(), kNone),
        last_reader_(graph.tensors.size(), kNone) {
    for (int32_t i = 0; i < op_count_; ++i) {
      const GraphOp& op = graph.ops[i];
      producer_[op.output] = i;
      last_reader_[op.input] = i;
      if (op.input2 != kNone) last_reader_[op.input2] = i;
    }
    for (const GraphLevel& level : graph.levels) {
      last_reader_[level.class_tensor] = last_reader_[level.box_tensor] =
          op_count_;
    }
  }

  // Finds the stages in which nothing is computed twice.
  void FindStreams() {
    for (int32_t end = 1; end <= op_count_; ++end) {
      Add(SearchStages(graph_, end, feed_, {.max_tiles = max_tiles_}, backend_,
                       &effort_));
    }
  }

  // Adds stages of at most `max_tiles` a side that compute something anew, as
  // far as a plan with them may be better than those that the streams and what
  // was added before make.
  void AddStages(int32_t max_tiles, int64_t max_macs, const Division& streams) {
    const int64_t least = LowerBound();
    const int64_t most = streams.LeastPeak();
    for (int32_t end = 1; end <= op_count_; ++end) {
      StageLimits limits = {.max_tiles = max_tiles, .max_macs = max_macs};
      limits.known = Front();
      limits.max_labels = kMaxLabels;
      limits.least_bytes = least;
      limits.bytes_apart = streams.LeastPeaks(end);
      for (const int64_t peak : limits.bytes_apart) {
        // Where streams need less than any plan does, less is of no use.
        limits.max_bytes.push_back(peak <= least ? -1
                                                 : std::min(peak, most) - 1);
      }
      Add(SearchStages(graph_, end, feed_, limits, backend_, &effort_));
    }
  }

  const SearchEffort& effort() const { return effort_; }

  // What no plan needs less than: whole tensors at the ends of its parts.
  int64_t LowerBound() const {
    std::vector<int64_t> least(op_count_ + 1, kImpossible);
    least[op_count_] = 0;
    for (int32_t first = op_count_ - 1; first >= 0; --first) {
      if (MayRunAlone(first)) {
        least[first] = std::max<int64_t>(alone_[first], least[first + 1]);
      }
      for (int32_t end = first + 1;
           end <= op_count_ && CanBeStage(graph_, end - 1, end); ++end) {
        least[first] = std::min(least[first],
                                std::max(WholeBytes(first, end), least[end]));
      }
    }
    return least.front();
  }

  // By op: the least peak of any division from there to `end_op`.
  std::vector<int64_t> LeastPeaks(int32_t end_op) const {
    std::vector<int64_t> least(end_op + 1, kImpossible);
    least[end_op] = 0;
    for (int32_t first = end_op - 1; first >= 0; --first) {
      if (MayRunAlone(first)) {
        least[first] = std::max<int64_t>(alone_[first], least[first + 1]);
      }
      for (const StageChoice& choice : stages_[first]) {
        if (choice.end_op > end_op) continue;
        least[first] = std::min(least[first],
                                std::max(choice.bytes, least[choice.end_op]));
      }
    }
    return least;
  }
  int64_t LeastPeak() const { return LeastPeaks(op_count_).front(); }

  // What the divisions cost of which none other needs as little of both.
  std::vector<PlanCost> Front() const {
    std::vector<PlanCost> front;
    int64_t peak = kImpossible;
    while (const auto parts = FewestMacsWithin(peak)) {
      PlanCost cost = {PeakOf(*parts), 0};
      for (const Part& part : *parts) {
        if (part.stage != nullptr) cost.macs += part.stage->macs;
      }
      peak = cost.bytes - 1;
      front.push_back(cost);
    }
    std::reverse(front.begin(), front.end());
    return front;
  }

  // The division with the fewest MACs that needs at most `peak` bytes, and
  // among those one with as few ops in stages as can be: an op outside runs
  // fastest. Nothing if none does.
  std::optional<PlanCandidate> FewestMacs(int64_t peak) const {
    const auto parts = FewestMacsWithin(peak);
    if (!parts.has_value()) return std::nullopt;
    PlanCandidate plan;
    for (const Part& part : *parts) {
      if (part.stage == nullptr) continue;
      plan.stages.push_back(BuildStage(graph_, *part.stage, feed_));
      if (!plan.description.empty()) plan.description += ", ";
      plan.description += Describe(*part.stage, plan.stages.back());
    }
    if (plan.description.empty()) plan.description = "layer by layer";
    plan.peak_bytes = static_cast<uint32_t>(PeakOf(*parts));
    plan.macs = MacsUnder(graph_, plan.stages);
    return plan;
  }

 private:
  struct Part {
    int32_t first_op = 0;
    const StageChoice* stage = nullptr;  // null: the op runs alone
  };

  std::optional<std::vector<Part>> FewestMacsWithin(int64_t peak) const {
    struct Way {
      int64_t macs = 0;
      int64_t staged = 0;
      const StageChoice* stage = nullptr;
      bool exists = false;
    };
    std::vector<Way> ways(op_count_ + 1);
    ways[op_count_].exists = true;
    for (int32_t first = op_count_ - 1; first >= 0; --first) {
      Way& best = ways[first];
      const auto consider = [&](int64_t bytes, int64_t macs, int64_t staged,
                                int32_t end, const StageChoice* stage) {
        if (bytes > peak || !ways[end].exists) return;
        const Way way = {macs + ways[end].macs, staged + ways[end].staged,
                         stage, true};
        if (!best.exists || std::pair(way.macs, way.staged) <
                                std::pair(best.macs, best.staged)) {
          best = way;
        }
      };
      if (MayRunAlone(first)) consider(alone_[first], 0, 0, first + 1, nullptr);
      for (const StageChoice& choice : stages_[first]) {
        consider(choice.bytes, choice.macs, choice.end_op - first,
                 choice.end_op, &choice);
      }
    }
    if (!ways[0].exists) return std::nullopt;
    std::vector<Part> parts;
    for (int32_t first = 0; first < op_count_;) {
      parts.push_back({first, ways[first].stage});
      first = parts.back().stage == nullptr ? first + 1
                                            : parts.back().stage->end_op;
    }
    return parts;
  }

  int64_t PeakOf(const std::vector<Part>& parts) const {
    int64_t peak = 0;
    for (const Part& part : parts) {
      peak =
          std::max(peak, part.stage == nullptr ? int64_t{alone_[part.first_op]}
                                               : part.stage->bytes);
    }
    return peak;
  }

  // Bytes of the whole tensors that a stage of ops [first_op, end_op) has at
  // its ends, or that outlive it. A fed image is none of them.
  int64_t WholeBytes(int32_t first_op, int32_t end_op) const {
    int64_t bytes = 0;
    for (std::size_t t = 0; t < graph_.tensors.size(); ++t) {
      const auto tensor = static_cast<int32_t>(t);
      if (tensor == graph_.input && feed_ == ImageFeed::kRows) continue;
      const bool is_input =
          producer_[t] < first_op && last_reader_[t] >= first_op;
      const bool is_output = producer_[t] >= first_op &&
                             producer_[t] < end_op && last_reader_[t] >= end_op;
      if (is_input || is_output) bytes += graph_.shape(tensor).elements();
    }
    return bytes;
  }

  void Add(const std::vector<std::vector<StageChoice>>& found) {
    for (std::size_t first = 0; first < found.size(); ++first) {
      for (const StageChoice& choice : found[first]) {
        // Streaming one op alone saves nothing, unless it reads fed rows.
        if (choice.end_op == choice.first_op + 1 &&
            MayRunAlone(choice.first_op)) {
          continue;
        }
        stages_[first].push_back(choice);
      }
    }
  }

  bool MayRunAlone(int32_t op) const {
    return op > 0 || feed_ == ImageFeed::kWhole;
  }

  std::string Describe(const StageChoice& choice, const Stage& stage) const {
    std::string text = "stream";
    if (choice.tile_rows != 0) {
      text = std::to_string(choice.tile_rows);
      text += "x";
      text += std::to_string(choice.tile_columns);
      text += " tiles";
    } else if (choice.tile_columns > 1) {
      text += " in ";
      text += std::to_string(choice.tile_columns);
      text += " columns";
    }
    text += " ";
    text += graph_.tensors[graph_.ops[choice.first_op].output].name;
    text += " to ";
    text += graph_.tensors[graph_.ops[choice.end_op - 1].output].name;
    int anew = 0;
    for (int32_t i = choice.first_op; i < choice.end_op; ++i) {
      const GraphOp& op = graph_.ops[i];
      anew += MacsInStage(graph_, stage, i) > graph_.Macs(op) ? 1 : 0;
    }
    if (anew > 0) {
      text += " (";
      text += std::to_string(anew);
      text += " anew)";
    }
    return text;
  }

  const Graph& graph_;
  ImageFeed feed_;
  int32_t max_tiles_;
  const Backend* backend_;
  int32_t op_count_;
  std::vector<uint32_t> alone_;                   // by op: bytes
  std::vector<std::vector<StageChoice>> stages_;  // by first op
  std::vector<int32_t> producer_;                 // by tensor: op
  std::vector<int32_t> last_reader_;              // by tensor: op
  SearchEffort effort_;
};

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

uint32_t PeakLive(const Graph& graph, const std::vector<Stage>& stages,
                  const Backend* backend) {
  const std::vector<uint32_t> live = LeastLiveBytes(graph, stages, backend);
  return *std::max_element(live.begin(), live.end());
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

PlanCandidate LayerByLayer(const Graph& graph, const Backend* backend) {
  return {
      {}, "layer by layer", PeakLive(graph, {}, backend), MacsUnder(graph, {})};
}

std::vector<PlanCandidate> FindPlans(const Graph& graph, ImageFeed feed,
                                     int32_t max_tiles, const Backend* backend,
                                     SearchEffort* effort) {
  std::vector<PlanCandidate> plans;
  Division division(graph, feed, max_tiles, backend);
  division.FindStreams();
  if (division.LeastPeak() == kImpossible) return plans;

  // Whole rows first: what they give spares most of the search of tiles.
  const Division streams = division;
  const int64_t max_macs = MacsUnder(graph, {}) / kMacsShare;
  division.AddStages(1, max_macs, streams);
  if (max_tiles > 1) division.AddStages(max_tiles, max_macs, streams);
  int64_t peak = streams.LeastPeak();
  while (auto plan = division.FewestMacs(peak)) {
    peak = int64_t{plan->peak_bytes} - 1;
    plans.push_back(std::move(*plan));
  }
  if (effort != nullptr) *effort = division.effort();
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

PlanCandidate JoinTileRows(const Graph& graph, const PlanCandidate& plan,
                           uint32_t budget_bytes, const Backend* backend) {
  PlanCandidate best = plan;
  std::vector<std::string> counts;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    // What is live bounds the arena from below, and is known much sooner.
    std::vector<std::vector<Stage>> ways;
    for (int32_t count = 2; count <= kMaxJoinedRows; ++count) {
      const auto stage = JoinTileRows(plan.stages[i], count);
      if (!stage) break;
      std::vector<Stage> stages = best.stages;
      stages[i] = *stage;
      if (PeakLive(graph, stages, backend) > budget_bytes) break;
      ways.push_back(std::move(stages));
    }
    while (!ways.empty() &&
           PlanMemory(graph, ways.back(), backend).arena_bytes > budget_bytes) {
      ways.pop_back();
    }
    counts.push_back(std::to_string(ways.size() + 1));
    if (!ways.empty()) best.stages = std::move(ways.back());
  }
  best.peak_bytes = PeakLive(graph, best.stages, backend);
  best.macs = MacsUnder(graph, best.stages);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    best.description += (i == 0 ? "; tile rows joined by " : ", ") + counts[i];
  }
  return best;
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

int32_t PatchStageEnd(const Graph& graph, int32_t stride) {
  const int32_t height = graph.shape(graph.input).h / stride;
  for (int32_t i = 0; i < OpCount(graph); ++i) {
    const GraphOp& op = graph.ops[i];
    if (graph.shape(op.output).h <= height && op.kind == OpKind::kConv2d) {
      return CanBeStage(graph, 0, i + 1) ? i + 1 : 0;
    }
  }
  return 0;
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
