// SPDX-License-Identifier: Apache-2.0
#include "detector/plan/memory_plan.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "detector/compile_error.h"
#include "detector/plan/scratch.h"

namespace ocellus {
namespace {

using format::OpKind;

constexpr int32_t kPlacementTries = 4000;

uint32_t Aligned(int64_t bytes) {
  constexpr int64_t kMask = format::kArenaAlignment - 1;
  // So large that a few together still fit 32 bits, and far beyond any board.
  constexpr int64_t kLargest = int64_t{1} << 26;
  if (bytes > kLargest) {
    throw CompileError("a tensor of " + std::to_string(bytes) +
                       " bytes: at most " + std::to_string(kLargest) +
                       " can be planned");
  }
  return static_cast<uint32_t>((bytes + kMask) & ~kMask);
}

struct Lifetime {
  int32_t first = 0;  // op
  int32_t last = -1;  // op, inclusive; before `first`: never live
};

// Tensors (or one ring) at one offset; sizes[i] is what is live of them at op
// first + i.
struct Group {
  int32_t first = 0;
  std::vector<uint32_t> sizes;

  int32_t last() const {
    return first + static_cast<int32_t>(sizes.size()) - 1;
  }
  void Cover(Lifetime lifetime, uint32_t bytes) {
    if (sizes.empty()) first = lifetime.first;
    if (lifetime.first < first) {
      sizes.insert(sizes.begin(), first - lifetime.first, 0);
      first = lifetime.first;
    }
    sizes.resize(std::max<std::size_t>(sizes.size(), lifetime.last - first + 1),
                 0);
    for (int32_t op = lifetime.first; op <= lifetime.last; ++op) {
      sizes[op - first] = std::max(sizes[op - first], bytes);
    }
  }
};

// A graph with its stages, as the planner looks at it.
struct Schedule {
  const Graph& graph;
  const std::vector<Stage>& stages;
  std::vector<int32_t> last_reader;  // by tensor: op
  std::vector<Lifetime> lifetimes;   // by tensor
  std::vector<HeldPart> held;        // by tensor

  Schedule(const Graph& g, const std::vector<Stage>& s);
  const Stage* StageOf(int32_t op_index) const {
    for (const Stage& stage : stages) {
      if (stage.first_op <= op_index && op_index < stage.end_op) return &stage;
    }
    return nullptr;
  }
  uint32_t Bytes(int32_t tensor) const {
    const Shape shape = graph.shape(tensor);
    const HeldPart part = held[tensor];
    return part.ring_rows == 0
               ? Aligned(shape.elements())
               : Aligned(int64_t{part.ring_rows} * part.columns * shape.c);
  }
};

Schedule::Schedule(const Graph& g, const std::vector<Stage>& s)
    : graph(g),
      stages(s),
      last_reader(g.tensors.size(), -1),
      lifetimes(g.tensors.size()),
      held(g.tensors.size()) {
  const auto last_op = static_cast<int32_t>(graph.ops.size()) - 1;
  lifetimes[graph.input] = {0, 0};
  for (int32_t i = 0; i <= last_op; ++i) {
    const GraphOp& op = graph.ops[i];
    lifetimes[op.output] = {i, i};
    last_reader[op.input] = i;
    if (op.input2 != kNone) last_reader[op.input2] = i;
  }
  for (const GraphLevel& level : graph.levels) {
    last_reader[level.class_tensor] = last_reader[level.box_tensor] =
        last_op + 1;
  }
  for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
    lifetimes[t].last =
        std::max(lifetimes[t].last, std::min(last_reader[t], last_op));
  }
  for (const Stage& stage : stages) {
    for (const TensorTiling& tiling : stage.tilings) {
      Lifetime& lifetime = lifetimes[tiling.tensor];
      if (tiling.is_kept) {
        lifetime.first = std::min(lifetime.first, stage.first_op);
        lifetime.last = std::max(lifetime.last, stage.end_op - 1);
      }
      if (!tiling.is_whole) {
        held[tiling.tensor] = {tiling.ring_rows, tiling.held_columns};
      }
    }
  }
}

// Whether an op writes each element where it last reads it, so that its output
// may take an input's place.
bool IsElementwise(const GraphOp& op) {
  return op.kind == OpKind::kAdd || op.kind == OpKind::kMul ||
         op.kind == OpKind::kLookup;
}

// Whether the output of such an op in a stage can take the place of `addend`:
// nobody else reads it, and every tile writes the same part of both, in the
// same place.
bool CanWriteOver(const Schedule& schedule, const Stage& stage,
                  int32_t op_index, int32_t addend) {
  const int32_t output = schedule.graph.ops[op_index].output;
  const TensorTiling& from = *stage.Find(addend);
  const TensorTiling& to = *stage.Find(output);
  const int32_t width = schedule.graph.shape(output).w;
  const auto writes_alike = [](const TileRange& a, const TileRange& b) {
    return a.begin == a.compute && a.compute == b.compute && a.end == b.end;
  };
  return schedule.last_reader[addend] == op_index && !from.is_kept &&
         from.held_columns == width && to.held_columns == width &&
         std::equal(from.rows.begin(), from.rows.end(), to.rows.begin(),
                    writes_alike) &&
         std::equal(from.columns.begin(), from.columns.end(),
                    to.columns.begin(), writes_alike);
}

// Whether a depthwise convolution may write over its input: the conditions of
// Model::Parse().
bool CanOverwriteInput(const Graph& graph, const GraphOp& op) {
  if (op.kind != OpKind::kDepthwiseConv2d) return false;
  return graph.shape(op.output).w <= graph.shape(op.input).w * op.stride_y &&
         op.pad_top + op.stride_y <= op.kernel_h;
}

int64_t RingBytes(const Graph& graph, const GraphOp& op) {
  const Shape in = graph.shape(op.input);
  return int64_t{in.w} * in.c * op.kernel_h;
}

struct Groups {
  std::vector<Group> groups;
  std::vector<int32_t> of_tensor;
  std::vector<int32_t> of_ring;  // by op, kNone where there is none
  std::vector<int32_t> of_scratch;
};

// What the kernel of an op takes for its largest run.
int64_t OpScratchBytes(const Schedule& schedule, int32_t op_index,
                       bool overwrites_input, const Backend* backend) {
  const Graph& graph = schedule.graph;
  const GraphOp& op = graph.ops[op_index];
  if (const Stage* stage = schedule.StageOf(op_index); stage != nullptr) {
    return ScratchInStage(graph, op, *stage, backend);
  }
  const Shape out = graph.shape(op.output);
  return ScratchBytes(graph, op, overwrites_input ? 1 : out.h, out.w, backend);
}

// Gives elementwise ops their place over an input: this may enlarge the input's
// ring to that of the output, hence `schedule` changes.
Groups BuildGroups(const std::set<int32_t>& in_place_ops,
                   const Backend* backend, Schedule* schedule) {
  const Graph& graph = schedule->graph;
  const std::vector<Lifetime>& lifetimes = schedule->lifetimes;
  Groups result;
  result.of_tensor.assign(graph.tensors.size(), kNone);
  result.of_ring.assign(graph.ops.size(), kNone);
  result.of_scratch.assign(graph.ops.size(), kNone);
  const auto add_group = [&] {
    result.groups.emplace_back();
    return static_cast<int32_t>(result.groups.size()) - 1;
  };
  const auto join = [&](int32_t tensor, int32_t group) {
    result.of_tensor[tensor] = group;
    result.groups[group].Cover(lifetimes[tensor], schedule->Bytes(tensor));
  };
  // What each elementwise op writes over, kNone if nothing.
  const auto input_to_replace = [&](int32_t op_index) {
    const GraphOp& op = graph.ops[op_index];
    const Stage* stage = schedule->StageOf(op_index);
    for (const int32_t addend : {op.input, op.input2}) {
      if (addend == kNone) continue;
      // A reshape has its input's bytes; other ops have its shape too.
      if (op.kind != OpKind::kReshape &&
          graph.shape(addend) != graph.shape(op.output)) {
        continue;
      }
      if (stage == nullptr
              ? schedule->last_reader[addend] == op_index &&
                    lifetimes[addend].last == op_index
              : CanWriteOver(*schedule, *stage, op_index, addend)) {
        return addend;
      }
    }
    return kNone;
  };
  std::vector<int32_t> replaces(graph.ops.size(), kNone);
  for (auto i = static_cast<int32_t>(graph.ops.size()) - 1; i >= 0; --i) {
    const bool is_reshape = graph.ops[i].kind == OpKind::kReshape;
    if (!IsElementwise(graph.ops[i]) && !is_reshape) continue;
    replaces[i] = input_to_replace(i);
    if (replaces[i] != kNone && !is_reshape) {
      schedule->held[replaces[i]] = schedule->held[graph.ops[i].output];
    }
  }

  join(graph.input, add_group());
  for (int32_t i = 0; i < static_cast<int32_t>(graph.ops.size()); ++i) {
    const GraphOp& op = graph.ops[i];
    int32_t over = kNone;  // the input that the output takes the place of
    if (replaces[i] != kNone) {
      over = replaces[i];
    } else if (in_place_ops.contains(i)) {
      over = op.input;
      result.of_ring[i] = add_group();
      result.groups.back().Cover({i, i}, Aligned(RingBytes(graph, op)));
    }
    join(op.output, over == kNone ? add_group() : result.of_tensor[over]);
    const int64_t scratch =
        OpScratchBytes(*schedule, i, in_place_ops.contains(i), backend);
    if (scratch == 0) continue;
    result.of_scratch[i] = add_group();
    result.groups.back().Cover({i, i}, Aligned(scratch));
  }
  return result;
}

std::vector<uint32_t> LiveBytes(const Groups& groups, std::size_t op_count) {
  std::vector<uint64_t> sums(op_count, 0);
  for (const Group& group : groups.groups) {
    for (int32_t op = group.first; op <= group.last(); ++op) {
      sums[op] += group.sizes[op - group.first];
    }
  }
  std::vector<uint32_t> live;
  for (const uint64_t sum : sums) {
    if (sum > format::kMaxArenaBytes) {
      throw CompileError("tensors of " + std::to_string(sum) +
                         " bytes are live at once");
    }
    live.push_back(static_cast<uint32_t>(sum));
  }
  return live;
}

// Whether two groups at these offsets never overlap while both are live.
bool Apart(const Group& a, uint32_t a_offset, const Group& b,
           uint32_t b_offset) {
  const int32_t begin = std::max(a.first, b.first);
  const int32_t end = std::min(a.last(), b.last());
  for (int32_t op = begin; op <= end; ++op) {
    if (a_offset < b_offset + b.sizes[op - b.first] &&
        b_offset < a_offset + a.sizes[op - a.first]) {
      return false;
    }
  }
  return true;
}

// Places groups in `order`, each at the lowest offset that fits those before.
// Returns the arena's size.
uint32_t Place(const std::vector<Group>& groups,
               const std::vector<int32_t>& order,
               std::vector<uint32_t>* offsets) {
  uint32_t arena = 0;
  std::vector<uint32_t> candidates;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Group& group = groups[order[i]];
    candidates.assign(1, 0);
    for (std::size_t j = 0; j < i; ++j) {
      const Group& placed = groups[order[j]];
      const int32_t begin = std::max(group.first, placed.first);
      const int32_t end = std::min(group.last(), placed.last());
      for (int32_t op = begin; op <= end; ++op) {
        candidates.push_back((*offsets)[order[j]] +
                             placed.sizes[op - placed.first]);
      }
    }
    std::sort(candidates.begin(), candidates.end());
    const auto fits = [&](uint32_t offset) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!Apart(group, offset, groups[order[j]], (*offsets)[order[j]])) {
          return false;
        }
      }
      return true;
    };
    // The highest candidate lies above everything, so one always fits.
    (*offsets)[order[i]] =
        *std::find_if(candidates.begin(), candidates.end(), fits);
    const uint32_t largest =
        *std::max_element(group.sizes.begin(), group.sizes.end());
    arena = std::max(arena, (*offsets)[order[i]] + largest);
  }
  return arena;
}

uint32_t PlaceWell(const std::vector<Group>& groups, uint32_t lower_bound,
                   std::vector<uint32_t>* offsets) {
  std::vector<int32_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  const auto largest = [&](int32_t group) {
    return *std::max_element(groups[group].sizes.begin(),
                             groups[group].sizes.end());
  };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return largest(a) > largest(b);
  });
  offsets->assign(groups.size(), 0);
  uint32_t best = Place(groups, order, offsets);

  std::minstd_rand random(1);
  std::vector<uint32_t> trial_offsets(groups.size());
  for (int32_t i = 0; i < kPlacementTries && best > lower_bound; ++i) {
    std::vector<int32_t> trial = order;
    const std::size_t to = random() % trial.size();
    if (i % 2 == 0) {
      std::swap(trial[random() % trial.size()], trial[to]);
    } else {
      // One that reaches the arena's end goes to an earlier place.
      const auto top =
          std::find_if(trial.begin(), trial.end(), [&](int32_t group) {
            return (*offsets)[group] + largest(group) == best;
          });
      const int32_t group = *top;
      const auto at = static_cast<std::size_t>(top - trial.begin());
      trial.erase(top);
      trial.insert(trial.begin() + std::min(at, to), group);
    }
    const uint32_t arena = Place(groups, trial, &trial_offsets);
    if (arena > best) continue;
    best = arena;
    order = std::move(trial);
    *offsets = trial_offsets;
  }
  return best;
}

// A schedule's groups, with depthwise convolutions over their inputs wherever
// that lowers the peak.
struct Layout {
  Schedule schedule;
  Groups groups;
  std::vector<uint32_t> live_bytes;
  uint32_t peak_bytes = 0;

  Layout(const Graph& graph, const std::vector<Stage>& stages,
         bool overwrite_everywhere, const Backend* backend)
      : schedule(graph, stages) {
    std::set<int32_t> in_place_ops;
    // Overwriting inputs costs time: it is done where the peak is, until that
    // no longer helps.
    for (bool changed = true; changed;) {
      changed = false;
      groups = BuildGroups(in_place_ops, backend, &schedule);
      live_bytes = LiveBytes(groups, graph.ops.size());
      peak_bytes = *std::max_element(live_bytes.begin(), live_bytes.end());
      for (int32_t i = 0; i < static_cast<int32_t>(graph.ops.size()); ++i) {
        const GraphOp& op = graph.ops[i];
        const bool saves =
            (overwrite_everywhere || live_bytes[i] == peak_bytes) &&
            schedule.StageOf(i) == nullptr && CanOverwriteInput(graph, op) &&
            schedule.last_reader[op.input] == i &&
            schedule.lifetimes[op.input].last == i &&
            RingBytes(graph, op) < graph.shape(op.output).elements();
        if (saves && in_place_ops.insert(i).second) changed = true;
      }
    }
  }
};

}  // namespace

std::vector<uint32_t> LeastLiveBytes(const Graph& graph,
                                     const std::vector<Stage>& stages,
                                     const Backend* backend) {
  return Layout(graph, stages, true, backend).live_bytes;
}

MemoryPlan PlanMemory(const Graph& graph, std::vector<Stage> stages,
                      const Backend* backend) {
  const Layout layout(graph, stages, false, backend);
  const Groups& groups = layout.groups;
  MemoryPlan plan;
  plan.held = layout.schedule.held;
  plan.live_bytes = layout.live_bytes;
  plan.lower_bound_bytes = layout.peak_bytes;
  std::vector<uint32_t> offsets;
  plan.arena_bytes = PlaceWell(groups.groups, plan.lower_bound_bytes, &offsets);
  for (const int32_t group : groups.of_tensor) {
    plan.tensor_offsets.push_back(offsets[group]);
  }
  const auto memory_of = [&](int32_t group) {
    return group == kNone
               ? OpMemory()
               : OpMemory{offsets[group], groups.groups[group].sizes.front()};
  };
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    plan.rings.push_back(memory_of(groups.of_ring[i]));
    if (plan.rings.back().bytes != 0) {
      plan.rings.back().bytes =
          static_cast<uint32_t>(RingBytes(graph, graph.ops[i]));
    }
    plan.scratch.push_back(memory_of(groups.of_scratch[i]));
  }
  plan.stages = std::move(stages);
  return plan;
}

}  // namespace ocellus
