// SPDX-License-Identifier: Apache-2.0
#include "detector/pack/unpack_model.h"

#include <algorithm>
#include <string>
#include <vector>

#include "detector/compile_error.h"
#include "runtime/kernels/channel_pairs.h"

namespace ocellus {
namespace {

using format::OpKind;

// A blob may run its ops over memory in ways that no network does. Planning
// needs one: ops read what earlier ones wrote, and write each tensor once.
void CheckDataflow(const Graph& graph) {
  const auto fail = [&](const std::string& what) {
    throw CompileError(graph.name + ": not a network: " + what);
  };
  if (graph.ops.empty()) fail("no operators");
  std::vector<bool> is_there(graph.tensors.size(), false);
  is_there[graph.input] = true;
  for (const GraphOp& op : graph.ops) {
    for (const int32_t input : {op.input, op.input2}) {
      if (input == kNone) continue;
      if (!is_there[input] || input >= op.output) {
        fail(graph.tensors[input].name + " is read before it is written");
      }
    }
    if (is_there[op.output]) {
      fail(graph.tensors[op.output].name + " is written twice");
    }
    is_there[op.output] = true;
  }
  for (std::size_t i = 0; i < is_there.size(); ++i) {
    if (!is_there[i]) fail(graph.tensors[i].name + " is never written");
  }
}

// How many values of each kind an op has in the blob.
struct DataCounts {
  int64_t weights = 0;
  int64_t biases = 0;
  int64_t requants = 0;
};

DataCounts DataOf(const Graph& graph, const GraphOp& op) {
  const int64_t outputs = graph.shape(op.output).c;
  switch (op.kind) {
    case OpKind::kConv2d:
    case OpKind::kDepthwiseConv2d:
      return {graph.MacsPerPixel(op), outputs, outputs};
    case OpKind::kPool:
      return {0, 0,
              op.variant == static_cast<uint8_t>(format::PoolMode::kMean)};
    case OpKind::kMul:
      return {0, 0, 1};
    case OpKind::kLookup:
      return {256, 0, 0};
    case OpKind::kSoftmax:
      return {0, 0, 256};
    default:
      return {};
  }
}

void CopyData(const Model& model, const format::OpRecord& record,
              DataCounts counts, QuantizedOp* values) {
  const auto* biases = model.Data<int32_t>(record.bias_offset);
  const auto* requants = model.Data<float>(record.requant_offset);
  if (counts.biases > 0 &&
      record.weight_layout ==
          static_cast<uint8_t>(format::WeightLayout::kChannelPairs)) {
    const auto outputs = static_cast<int32_t>(counts.biases);
    values->weights.resize(static_cast<std::size_t>(counts.weights));
    kernels::UnpairWeights(model.Data<uint16_t>(record.weights_offset),
                           static_cast<int32_t>(counts.weights / outputs),
                           outputs, values->weights.data());
  } else {
    const auto* weights = model.Data<int8_t>(record.weights_offset);
    values->weights.assign(weights, weights + counts.weights);
  }
  values->bias.assign(biases, biases + counts.biases);
  values->requant.assign(requants, requants + counts.requants);
}

}  // namespace

UnpackedModel UnpackModel(const Model& model) {
  UnpackedModel unpacked;
  Graph& graph = unpacked.graph;
  const format::Header& header = model.header();
  graph.name = model.name();
  for (int32_t i = 0; i < model.class_count(); ++i) {
    graph.classes.emplace_back(model.class_name(i));
  }
  graph.input = header.input;
  std::copy_n(header.input_mean, 3, graph.input_mean.begin());
  std::copy_n(header.input_std, 3, graph.input_std.begin());
  graph.channel_order = static_cast<format::ChannelOrder>(header.channel_order);
  graph.head = {
      .encoding = static_cast<format::BoxEncoding>(header.encoding),
      .scores = static_cast<format::ScoreForm>(header.scores),
      .center_variance = header.center_variance,
      .size_variance = header.size_variance,
  };
  graph.score_threshold = header.score_threshold;
  graph.nms_iou = header.nms_iou;
  for (int32_t i = 0; i < static_cast<int32_t>(model.tensors().size()); ++i) {
    graph.AddTensor(model.tensor_name(i), model.shape(i));
    unpacked.quantized.quant.push_back(model.quant(i));
  }
  for (const format::OpRecord& record : model.ops()) {
    GraphOp& op = graph.ops.emplace_back();
    QuantizedOp& values = unpacked.quantized.ops.emplace_back();
    op.kind = static_cast<format::OpKind>(record.kind);
    op.input = record.input;
    if (record.input2 != format::kNoTensor) op.input2 = record.input2;
    op.output = record.output;
    values.activation_min = record.activation_min;
    values.activation_max = record.activation_max;
    values.add_multiplier = record.add_multiplier;
    values.add_multiplier2 = record.add_multiplier2;
    values.add_shift = record.add_shift;
    op.variant = record.variant;
    if (op.has_window()) {
      op.kernel_h = record.kernel_h;
      op.kernel_w = record.kernel_w;
      op.stride_y = record.stride_y;
      op.stride_x = record.stride_x;
      op.pad_top = record.pad_top;
      op.pad_left = record.pad_left;
    }
    if (op.is_convolution() &&
        record.weight_layout ==
            static_cast<uint8_t>(format::WeightLayout::kChannelPairs)) {
      unpacked.target = Target::kCortexM7;
    }
    CopyData(model, record, DataOf(graph, op), &values);
  }
  for (const format::LevelRecord& level : model.levels()) {
    const auto anchors =
        model.anchors().subspan(level.first_anchor, level.anchor_count);
    graph.levels.push_back({level.class_tensor,
                            level.box_tensor,
                            level.stride,
                            {anchors.begin(), anchors.end()}});
  }
  CheckDataflow(graph);
  return unpacked;
}

}  // namespace ocellus
