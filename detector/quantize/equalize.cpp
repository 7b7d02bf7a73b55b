// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/equalize.h"

#include <algorithm>
#include <cmath>

#include "detector/compile_error.h"
#include "detector/quantize/float_executor.h"

namespace ocellus {
namespace {

using format::OpKind;

// Beyond this a channel is as good as dead.
constexpr float kLargestScale = 64.0f;

struct Pair {
  std::size_t first;
  std::size_t second;
};

// Pairs of operators with a tensor between them that may be scaled: a
// convolution ending in ReLU, with a clamp above or none, and a depthwise one.
std::vector<Pair> FindPairs(const Graph& graph) {
  std::vector<int32_t> readers(graph.tensors.size(), 0);
  std::vector<std::size_t> writers(graph.tensors.size(), graph.ops.size());
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const GraphOp& op = graph.ops[i];
    ++readers[op.input];
    if (op.input2 != kNone) ++readers[op.input2];
    writers[op.output] = i;
  }
  for (const GraphLevel& level : graph.levels) {
    ++readers[level.class_tensor];
    if (level.box_tensor != kNone) ++readers[level.box_tensor];
  }
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const int32_t between = graph.ops[i].input;
    if (graph.ops[i].kind != OpKind::kDepthwiseConv2d ||
        readers[between] != 1 || writers[between] == graph.ops.size()) {
      continue;
    }
    const GraphOp& first = graph.ops[writers[between]];
    if (first.is_convolution() && first.activation_min == 0.0f &&
        first.activation_max > 0.0f && !graph.tensors[between].quant) {
      pairs.push_back({writers[between], i});
    }
  }
  return pairs;
}

// Multiplies output channel c of a convolution by scales[c].
void ScaleOutputs(const std::vector<float>& scales, GraphOp* op) {
  const std::size_t count = scales.size();
  const std::size_t each = op->weights.size() / count;
  for (std::size_t i = 0; i < op->weights.size(); ++i) {
    op->weights[i] *=
        scales[op->kind == OpKind::kDepthwiseConv2d ? i % count : i / each];
  }
  for (std::size_t c = 0; c < count; ++c) op->bias[c] *= scales[c];
}

}  // namespace

void EqualizeChannels(std::span<const std::vector<uint8_t>> images,
                      const std::function<void(int, int)>& progress,
                      Graph* graph) {
  if (images.empty()) throw CompileError("no calibration images");
  const std::vector<Pair> pairs = FindPairs(*graph);
  std::vector<std::vector<float>> largest;
  for (const Pair& pair : pairs) {
    largest.emplace_back(graph->shape(graph->ops[pair.first].output).c, 0.0f);
  }
  FloatExecutor executor(*graph);
  int done = 0;
  for (const std::vector<uint8_t>& image : images) {
    executor.RunPixels(image);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      std::vector<float>& most = largest[i];
      std::size_t channel = 0;
      for (const float value :
           executor.tensor(graph->ops[pairs[i].first].output)) {
        most[channel] = std::max(most[channel], value);
        channel = channel + 1 == most.size() ? 0 : channel + 1;
      }
    }
    if (progress) progress(++done, static_cast<int>(images.size()));
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    GraphOp& first = graph->ops[pairs[i].first];
    GraphOp& second = graph->ops[pairs[i].second];
    std::vector<float> scales = largest[i];
    const float target =
        std::min(first.activation_max,
                 kHeadroom * *std::max_element(scales.begin(), scales.end()));
    if (!(target > 0.0f)) continue;
    for (float& scale : scales) {
      scale = std::clamp(target / (kHeadroom * scale), 1.0f, kLargestScale);
    }
    ScaleOutputs(scales, &first);
    for (std::size_t w = 0; w < second.weights.size(); ++w) {
      second.weights[w] /= scales[w % scales.size()];
    }
  }
}

}  // namespace ocellus
