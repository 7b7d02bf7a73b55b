// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/stage_search.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>

#include "detector/compile_error.h"
#include "detector/plan/scratch.h"

namespace ocellus {
namespace {

using format::OpKind;

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

// No grid takes more than its share of StageLimits::max_labels.
constexpr int64_t kGridsAtLeast = 5;

int64_t Aligned(int64_t bytes) {
  constexpr int64_t kMask = format::kArenaAlignment - 1;
  return (bytes + kMask) & ~kMask;
}

// What tiles need of tensors, and the ranges that follow, along one axis: each
// is worked out once and known by a number. Needs of no tile are number 0.
class AxisMemo {
 public:
  struct Summary {
    int64_t computed = 0;  // pixels, over all tiles
    int32_t held = 0;      // of the largest tile
    int32_t largest_computed = 0;
    bool keeps = false;
  };

  AxisMemo(const Graph& graph, AxisTiles tiles)
      : graph_(graph), tiles_(std::move(tiles)) {
    needs_.emplace_back();
    needs_by_hash_[Hash(needs_.back())].push_back(0);
  }

  int32_t AddNeed(int32_t need, int32_t op, int32_t tensor, int32_t ranges) {
    const auto [entry, is_new] =
        added_.try_emplace(std::tuple(need, op, tensor, ranges), 0);
    if (!is_new) return entry->second;
    std::vector<Interval> sum = needs_[need];
    tiles_.AddNeed(graph_, graph_.ops[op], tensor, ranges_[ranges], &sum);
    std::vector<int32_t>& alike = needs_by_hash_[Hash(sum)];
    const auto same =
        std::find_if(alike.begin(), alike.end(),
                     [&](int32_t other) { return needs_[other] == sum; });
    if (same != alike.end()) return entry->second = *same;
    entry->second = static_cast<int32_t>(needs_.size());
    alike.push_back(entry->second);
    needs_.push_back(std::move(sum));
    return entry->second;
  }

  int32_t RangesOf(int32_t tensor, Storage storage, int32_t need) {
    const auto [entry, is_new] =
        tiled_.try_emplace(std::tuple(tensor, storage, need), 0);
    if (!is_new) return entry->second;
    entry->second = static_cast<int32_t>(ranges_.size());
    ranges_.push_back(tiles_.RangesOf(graph_, tensor, storage, needs_[need]));
    Summary summary;
    for (const TileRange& range : ranges_.back()) {
      summary.computed += range.end - range.compute;
      summary.held = std::max(summary.held, range.end - range.begin);
      summary.largest_computed =
          std::max(summary.largest_computed, range.end - range.compute);
      summary.keeps |= range.begin < range.compute;
    }
    summaries_.push_back(summary);
    return entry->second;
  }

  const Summary& summary(int32_t ranges) const { return summaries_[ranges]; }
  bool SameRanges(int32_t a, int32_t b) const {
    return a == b || ranges_[a] == ranges_[b];
  }
  // Whether tiles hold only what they compute of `a`, and that is what they
  // compute of `b`.
  bool WritesAlike(int32_t a, int32_t b) const {
    return std::equal(ranges_[a].begin(), ranges_[a].end(), ranges_[b].begin(),
                      [](const TileRange& x, const TileRange& y) {
                        return x.begin == x.compute && x.compute == y.compute &&
                               x.end == y.end;
                      });
  }

 private:
  static uint64_t Hash(const std::vector<Interval>& intervals) {
    uint64_t hash = 1;
    for (const Interval& interval : intervals) {
      constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
      hash = (hash ^ static_cast<uint32_t>(interval.begin)) * kOdd;
      hash = (hash ^ static_cast<uint32_t>(interval.end)) * kOdd;
      hash ^= hash >> 32;
    }
    return hash;
  }

  const Graph& graph_;
  AxisTiles tiles_;
  std::vector<std::vector<Interval>> needs_;
  std::unordered_map<uint64_t, std::vector<int32_t>> needs_by_hash_;
  std::vector<std::vector<TileRange>> ranges_;
  std::vector<Summary> summaries_;
  std::map<std::tuple<int32_t, int32_t, int32_t, int32_t>, int32_t> added_;
  std::map<std::tuple<int32_t, Storage, int32_t>, int32_t> tiled_;
};

// What the graph says, apart from tiles, of stages that end with one op.
struct StageFacts {
  std::vector<int32_t> producer;     // by tensor: op, kNone if none
  std::vector<int32_t> last_reader;  // by tensor: op, or the op count
  std::vector<int64_t> boundary;     // by op: bytes live before it, whole
  std::vector<int32_t> slot;         // by tensor: bit while it is undecided
  int32_t begin_op = 0;              // the first that can start a stage

  StageFacts(const Graph& graph, int32_t end_op)
      : producer(graph.tensors.size(), kNone),
        last_reader(graph.tensors.size(), kNone),
        boundary(end_op, 0),
        slot(graph.tensors.size(), kNone),
        begin_op(end_op) {
    const auto op_count = static_cast<int32_t>(graph.ops.size());
    for (int32_t i = 0; i < op_count; ++i) {
      const GraphOp& op = graph.ops[i];
      producer[op.output] = i;
      last_reader[op.input] = i;
      if (op.input2 != kNone) last_reader[op.input2] = i;
    }
    for (const GraphLevel& level : graph.levels) {
      last_reader[level.class_tensor] = last_reader[level.box_tensor] =
          op_count;
    }
    for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
      const int32_t last = std::min(last_reader[t], end_op - 1);
      for (int32_t i = producer[t] + 1; i <= last; ++i) {
        boundary[i] += Aligned(graph.shape(static_cast<int32_t>(t)).elements());
      }
    }
    while (begin_op > 0 && CanBeStage(graph, begin_op - 1, end_op)) --begin_op;
    AssignSlots(graph, end_op);
  }

  void AssignSlots(const Graph& graph, int32_t end_op) {
    uint64_t used = 0;
    const auto take = [&](int32_t tensor) {
      if (tensor == kNone || slot[tensor] != kNone) return;
      int32_t bit = 0;
      while (bit < 64 && (used >> bit & 1) != 0) ++bit;
      if (bit == 64) {
        throw CompileError(graph.name + ": over 64 tensors live at once");
      }
      slot[tensor] = bit;
      used |= uint64_t{1} << bit;
    };
    for (int32_t i = end_op - 1; i >= begin_op; --i) {
      const GraphOp& op = graph.ops[i];
      if (slot[op.output] != kNone) used &= ~(uint64_t{1} << slot[op.output]);
      take(op.input);
      take(op.input2);
    }
  }
};

// What is live for a time at some op, besides undecided tensors.
struct Moment {
  uint64_t undecided = 0;  // slots of the tensors live there as well
  int64_t bytes = 0;
  // An addition that may yet share its output's place with an addend: its op,
  // and its output's bytes and ranges. kNone: no such.
  int32_t addition = kNone;
  // Whether the place is taken for the whole stage: then the addend costs
  // nothing at any moment.
  bool addition_is_kept = false;
  int64_t addition_bytes = 0;  // counted in `bytes`
  int32_t addition_rows = 0;
  int32_t addition_columns = 0;

  bool SameButForBytes(const Moment& other) const {
    return undecided == other.undecided && SameAddition(other);
  }
  bool SameAddition(const Moment& other) const {
    return addition == other.addition &&
           addition_is_kept == other.addition_is_kept &&
           addition_bytes == other.addition_bytes &&
           addition_rows == other.addition_rows &&
           addition_columns == other.addition_columns;
  }
  void ForgetAddition() {
    addition = kNone;
    addition_is_kept = false;
    addition_bytes = 0;
    addition_rows = addition_columns = 0;
  }
};

// What is decided of a stage's last ops.
struct Label {
  int64_t kept = 0;  // bytes that are taken for the whole stage
  int64_t macs = 0;  // more than without a stage
  std::vector<Moment> moments;
  int32_t decisions = kNone;

  int64_t Bytes() const {
    int64_t most = 0;
    for (const Moment& moment : moments) most = std::max(most, moment.bytes);
    return kept + most;
  }

  // Whether it is as good as `other` however both go on.
  bool Dominates(const Label& other) const {
    if (kept > other.kept || macs > other.macs) return false;
    for (const Moment& theirs : other.moments) {
      if (theirs.addition_is_kept &&
          std::none_of(moments.begin(), moments.end(), [&](const Moment& mine) {
            return mine.SameAddition(theirs);
          })) {
        return false;
      }
    }
    return std::all_of(moments.begin(), moments.end(), [&](const Moment& mine) {
      return std::any_of(
          other.moments.begin(), other.moments.end(),
          [&](const Moment& theirs) {
            const bool lasts = theirs.addition == kNone
                                   ? (mine.undecided & ~theirs.undecided) == 0
                                   : mine.SameButForBytes(theirs);
            return lasts && kept + mine.bytes <= other.kept + theirs.bytes;
          });
    });
  }
};

// Needs of an undecided tensor.
struct OpenTensor {
  int32_t tensor;
  int32_t rows;  // numbers in the memos
  int32_t columns;

  friend auto operator<=>(const OpenTensor&, const OpenTensor&) = default;
};

using State = std::vector<OpenTensor>;  // sorted

class GridSearch {
 public:
  GridSearch(const Graph& graph, const StageFacts& facts, int32_t end_op,
             ImageFeed feed, const StageLimits& limits, const Backend* backend,
             int64_t max_labels, AxisMemo* rows, AxisMemo* columns)
      : graph_(graph),
        facts_(facts),
        end_op_(end_op),
        feed_(feed),
        limits_(limits),
        backend_(backend),
        max_labels_(max_labels),
        rows_(*rows),
        columns_(*columns),
        max_label_bytes_(end_op, kNoLimit),
        least_inputs_(end_op, 0) {
    // Both hold wherever the stage may yet begin. How much of a fed image is
    // held is not known yet.
    int64_t most = -1;
    int64_t least = kNoLimit;
    for (int32_t first = facts.begin_op; first < end_op; ++first) {
      const bool is_fed = first == 0 && feed == ImageFeed::kRows;
      const int64_t inputs = is_fed ? 0 : facts.boundary[first];
      if (limits.max_bytes.empty()) {
        least = std::min(least, inputs);
      } else if (limits.max_bytes[first] >= inputs) {
        least = std::min(least, inputs);
        most = std::max(most, limits.max_bytes[first] - inputs);
      }
      if (!limits.max_bytes.empty()) max_label_bytes_[first] = most;
      least_inputs_[first] = least;
    }
  }

  int64_t labels() const { return labels_; }
  bool gave_up() const { return labels_ > max_labels_; }

  // Calls found(first_op, bytes, macs, keep) for all that is left to choose.
  template <typename Found>
  void Run(const Found& found) {
    std::map<State, std::vector<Label>> states;
    states[{}].emplace_back();
    for (int32_t op = end_op_ - 1; op >= facts_.begin_op && !states.empty();
         --op) {
      std::map<State, std::vector<Label>> next;
      for (const auto& [state, labels] : states) {
        Decide(op, state, labels, &next);
        if (labels_ > max_labels_) return;
      }
      states = std::move(next);
      for (const auto& [state, labels] : states) {
        for (const Label& label : labels) {
          const int64_t bytes = label.Bytes() + InputBytes(op, state);
          if (!limits_.max_bytes.empty() && bytes > limits_.max_bytes[op]) {
            continue;
          }
          found(op, bytes, label.macs, [&] { return KeepOf(label, op); });
        }
      }
      if (!limits_.bytes_apart.empty()) DropWhatEndsSooner(op, &states);
    }
  }

 private:
  struct Decision {
    int32_t later;
    Keep keep;
  };

  std::vector<Keep> KeepOf(const Label& label, int32_t first_op) const {
    std::vector<Keep> keep;
    for (int32_t i = label.decisions; i != kNone; i = decisions_[i].later) {
      keep.push_back(decisions_[i].keep);
    }
    keep.resize(end_op_ - first_op, Keep::kAll);
    return keep;
  }

  // Drops labels of stages that had better end before `op`.
  void DropWhatEndsSooner(int32_t op,
                          std::map<State, std::vector<Label>>* states) const {
    if (op == facts_.begin_op) return;
    if (max_label_bytes_[op - 1] < 0) return states->clear();
    for (auto& [state, labels] : *states) {
      std::erase_if(labels, [&](const Label& label) {
        const int64_t least = std::max(limits_.least_bytes,
                                       label.Bytes() + least_inputs_[op - 1]);
        return label.kept >= facts_.boundary[op] &&
               limits_.bytes_apart[op] <= least;
      });
    }
    std::erase_if(*states,
                  [](const auto& entry) { return entry.second.empty(); });
  }

  // Whether a plan with a stage of this cost may be better than those known.
  bool MayBeBetter(int64_t bytes, int64_t macs) const {
    for (const PlanCost& plan : limits_.known) {
      if (plan.bytes > bytes) break;
      if (plan.macs <= macs) return false;
    }
    return true;
  }

  // What is there before the stage and during all of it.
  int64_t InputBytes(int32_t first_op, const State& state) const {
    const int64_t whole = facts_.boundary[first_op];
    const int32_t image = graph_.input;
    if (first_op > 0 || feed_ == ImageFeed::kWhole ||
        facts_.last_reader[image] >= end_op_) {
      return whole;
    }
    const Shape shape = graph_.shape(image);
    for (const OpenTensor& open : state) {
      if (open.tensor != image) continue;
      const int32_t ranges = rows_.RangesOf(image, Storage::kFed, open.rows);
      const int64_t held = std::max(rows_.summary(ranges).held, 1);
      return whole - Aligned(shape.elements()) +
             Aligned(held * shape.w * shape.c);
    }
    return whole;
  }

  void Decide(int32_t op_index, const State& state,
              const std::vector<Label>& labels,
              std::map<State, std::vector<Label>>* next) {
    const int32_t tensor = graph_.ops[op_index].output;
    OpenTensor open = {tensor, 0, 0};
    State rest;
    for (const OpenTensor& other : state) {
      (other.tensor == tensor ? open : rest.emplace_back()) = other;
    }
    const bool is_whole =
        op_index == end_op_ - 1 || facts_.last_reader[tensor] >= end_op_;
    if (is_whole) {
      Choose(op_index, open, rest, labels, Storage::kWritten, Storage::kWritten,
             Keep::kAll, next);
      return;
    }
    const int32_t kept_rows = rows_.RangesOf(tensor, Storage::kKept, open.rows);
    const int32_t kept_columns =
        columns_.RangesOf(tensor, Storage::kKept, open.columns);
    Choose(op_index, open, rest, labels, Storage::kKept, Storage::kKept,
           Keep::kAll, next);
    if (limits_.max_macs <= 0) return;
    const bool anew_rows_differ = !rows_.SameRanges(
        kept_rows, rows_.RangesOf(tensor, Storage::kAnew, open.rows));
    const bool anew_columns_differ = !columns_.SameRanges(
        kept_columns, columns_.RangesOf(tensor, Storage::kAnew, open.columns));
    if (anew_rows_differ) {
      Choose(op_index, open, rest, labels, Storage::kAnew, Storage::kKept,
             Keep::kColumns, next);
    }
    if (anew_columns_differ) {
      Choose(op_index, open, rest, labels, Storage::kAnew, Storage::kAnew,
             Keep::kNothing, next);
    }
  }

  void Choose(int32_t op_index, const OpenTensor& open, State state,
              const std::vector<Label>& labels, Storage row_storage,
              Storage column_storage, Keep keep,
              std::map<State, std::vector<Label>>* next) {
    const GraphOp& op = graph_.ops[op_index];
    const Shape shape = graph_.shape(op.output);
    const int32_t row_ranges =
        rows_.RangesOf(op.output, row_storage, open.rows);
    const int32_t column_ranges =
        columns_.RangesOf(op.output, column_storage, open.columns);
    const AxisMemo::Summary rows = rows_.summary(row_ranges);
    const AxisMemo::Summary columns = columns_.summary(column_ranges);
    if (rows.computed > format::kMaxRepeats * shape.h ||
        columns.computed > format::kMaxRepeats * shape.w) {
      return;
    }
    const int64_t macs =
        graph_.MacsPerPixel(op) * rows.computed * columns.computed -
        graph_.Macs(op);
    const bool is_whole = row_storage == Storage::kWritten;
    const bool is_kept = is_whole || rows.keeps || columns.keeps;
    const int64_t held_rows = is_whole ? shape.h : std::max(rows.held, 1);
    const int64_t held_columns =
        is_whole || rows.keeps ? shape.w : std::max(columns.held, 1);
    const int64_t bytes = Aligned(held_rows * held_columns * shape.c);

    for (const int32_t input : {op.input, op.input2}) {
      if (input == kNone) continue;
      auto place = std::find_if(
          state.begin(), state.end(),
          [&](const OpenTensor& other) { return other.tensor >= input; });
      if (place == state.end() || place->tensor != input) {
        place = state.insert(place, {input, 0, 0});
      }
      place->rows = rows_.AddNeed(place->rows, op_index, input, row_ranges);
      place->columns =
          columns_.AddNeed(place->columns, op_index, input, column_ranges);
    }
    Moment now;
    for (const OpenTensor& other : state) {
      now.undecided |= uint64_t{1} << facts_.slot[other.tensor];
    }
    now.bytes = Aligned(ScratchBytes(graph_, op, rows.largest_computed,
                                     columns.largest_computed, backend_));
    const bool fills_rows = held_columns == shape.w;
    if (op.kind == OpKind::kAdd && fills_rows) {
      now.addition = op_index;
      now.addition_rows = row_ranges;
      now.addition_columns = column_ranges;
    }

    std::vector<Label>& into = (*next)[state];
    for (const Label& later : labels) {
      Label label;
      label.macs = later.macs + macs;
      label.kept = later.kept + (is_kept ? bytes : 0);
      if (label.macs > limits_.max_macs) continue;
      label.moments = later.moments;
      const bool may_share = !is_kept && fills_rows;
      const bool has_place =
          may_share && SharePlace(op.output, bytes, row_ranges, column_ranges,
                                  &label.moments);
      const int64_t passing_bytes = is_kept || has_place ? 0 : bytes;
      for (Moment& moment : label.moments) {
        Settle(op.output, passing_bytes, &moment);
      }
      Moment here = now;
      here.bytes += passing_bytes;
      if (here.addition != kNone) {
        here.addition_is_kept = is_kept || has_place;
        here.addition_bytes = passing_bytes;
      }
      label.moments.push_back(here);
      MergeAlike(&label.moments);
      const int64_t label_bytes = label.Bytes();
      ++labels_;
      if (label_bytes > max_label_bytes_[op_index] ||
          !MayBeBetter(label_bytes + least_inputs_[op_index], label.macs)) {
        continue;
      }
      const auto dominates = [&](const Label& other) {
        return other.Dominates(label);
      };
      if (std::any_of(into.begin(), into.end(), dominates)) continue;
      std::erase_if(into,
                    [&](const Label& other) { return label.Dominates(other); });
      decisions_.push_back({later.decisions, keep});
      label.decisions = static_cast<int32_t>(decisions_.size()) - 1;
      into.push_back(std::move(label));
    }
    if (into.empty()) next->erase(state);
  }

  // Gives an addend, now decided, the place of the sum if it can have it.
  // Returns whether it then costs nothing.
  bool SharePlace(int32_t tensor, int64_t bytes, int32_t rows, int32_t columns,
                  std::vector<Moment>* moments) const {
    for (Moment& moment : *moments) {
      if (moment.addition == kNone ||
          facts_.last_reader[tensor] != moment.addition ||
          !rows_.WritesAlike(rows, moment.addition_rows) ||
          !columns_.WritesAlike(columns, moment.addition_columns)) {
        continue;
      }
      const bool is_kept = moment.addition_is_kept;
      // Settle() will add all of the tensor.
      if (!is_kept) moment.bytes -= std::min(bytes, moment.addition_bytes);
      moment.ForgetAddition();
      return is_kept;
    }
    return false;
  }

  // Adds a tensor, now decided, to a moment if it is live then.
  void Settle(int32_t tensor, int64_t bytes, Moment* moment) const {
    if (facts_.slot[tensor] == kNone) return;
    const uint64_t bit = uint64_t{1} << facts_.slot[tensor];
    if ((moment->undecided & bit) == 0) return;
    moment->undecided &= ~bit;
    moment->bytes += bytes;
    if (moment->addition != kNone &&
        (moment->undecided & SlotsOf(graph_.ops[moment->addition])) == 0) {
      moment->ForgetAddition();
    }
  }

  uint64_t SlotsOf(const GraphOp& op) const {
    uint64_t slots = 0;
    for (const int32_t input : {op.input, op.input2}) {
      if (input != kNone) slots |= uint64_t{1} << facts_.slot[input];
    }
    return slots;
  }

  // Of moments that differ in bytes alone, the fullest counts.
  static void MergeAlike(std::vector<Moment>* moments) {
    std::vector<Moment> merged;
    for (const Moment& moment : *moments) {
      const auto same = std::find_if(
          merged.begin(), merged.end(),
          [&](const Moment& other) { return other.SameButForBytes(moment); });
      if (same == merged.end()) {
        merged.push_back(moment);
      } else {
        same->bytes = std::max(same->bytes, moment.bytes);
      }
    }
    *moments = std::move(merged);
  }

  const Graph& graph_;
  const StageFacts& facts_;
  const int32_t end_op_;
  const ImageFeed feed_;
  const StageLimits& limits_;
  const Backend* backend_;
  const int64_t max_labels_;
  AxisMemo& rows_;
  AxisMemo& columns_;
  // By op that a label has reached: what it may need without its inputs, and
  // the least that these take.
  std::vector<int64_t> max_label_bytes_;
  std::vector<int64_t> least_inputs_;
  int64_t labels_ = 0;
  std::deque<Decision> decisions_;
};

}  // namespace

Stage BuildStage(const Graph& graph, const StageChoice& choice,
                 ImageFeed feed) {
  std::vector<Keep> keep(graph.tensors.size(), Keep::kAll);
  for (int32_t i = choice.first_op; i < choice.end_op; ++i) {
    keep[graph.ops[i].output] = choice.keep[i - choice.first_op];
  }
  const ImageFeed stage_feed = choice.first_op == 0 ? feed : ImageFeed::kWhole;
  if (choice.tile_rows == 0) {
    return StreamRows(graph, choice.first_op, choice.end_op, stage_feed,
                      choice.tile_columns, keep);
  }
  return TileByOutput(graph, choice.first_op, choice.end_op, choice.tile_rows,
                      choice.tile_columns, keep, stage_feed);
}

std::vector<std::vector<StageChoice>> SearchStages(
    const Graph& graph, int32_t end_op, ImageFeed feed,
    const StageLimits& limits, const Backend* backend, SearchEffort* effort) {
  std::vector<std::vector<StageChoice>> fronts(end_op);
  const StageFacts facts(graph, end_op);
  if (facts.begin_op == end_op) return fronts;
  const Shape out = graph.shape(graph.ops[end_op - 1].output);
  // Without anything computed anew, larger tiles than rows hold more.
  const int32_t most_rows =
      limits.max_macs > 0 ? std::min(limits.max_tiles, out.h) : 0;
  const int32_t most_columns = std::min(limits.max_tiles, out.w);

  SearchEffort spent;
  std::vector<std::unique_ptr<AxisMemo>> column_memos;
  for (int32_t columns = 1; columns <= most_columns; ++columns) {
    column_memos.push_back(std::make_unique<AxisMemo>(
        graph, AxisTiles::EvenShares(Axis::kColumns, columns)));
  }
  for (int32_t rows = 0; rows <= most_rows; ++rows) {
    AxisMemo row_memo(
        graph, rows == 0 ? AxisTiles::RowByRow(graph, facts.begin_op, end_op)
                         : AxisTiles::EvenShares(Axis::kRows, rows));
    for (int32_t columns = 1; columns <= most_columns; ++columns) {
      if (rows == 1 && columns == 1) continue;  // no tiles
      GridSearch search(graph, facts, end_op, feed, limits, backend,
                        std::min(limits.max_labels / kGridsAtLeast,
                                 limits.max_labels - spent.labels),
                        &row_memo, column_memos[columns - 1].get());
      search.Run([&](int32_t first_op, int64_t bytes, int64_t macs,
                     const auto& keep_of) {
        std::vector<StageChoice>& front = fronts[first_op];
        for (const StageChoice& other : front) {
          if (other.bytes <= bytes && other.macs <= macs) return;
        }
        std::erase_if(front, [&](const StageChoice& other) {
          return bytes <= other.bytes && macs <= other.macs;
        });
        front.push_back(
            {first_op, end_op, rows, columns, keep_of(), bytes, macs});
      });
      spent.labels += search.labels();
      if (search.gave_up()) ++spent.grids_given_up;
    }
  }
  if (effort != nullptr) {
    effort->labels += spent.labels;
    effort->grids_given_up += spent.grids_given_up;
  }
  for (std::vector<StageChoice>& front : fronts) {
    std::sort(front.begin(), front.end(),
              [](const StageChoice& a, const StageChoice& b) {
                return a.bytes < b.bytes;
              });
  }
  return fronts;
}

}  // namespace ocellus
