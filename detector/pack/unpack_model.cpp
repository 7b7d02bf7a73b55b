// SPDX-License-Identifier: Apache-2.0
#include "detector/pack/unpack_model.h"

#include <string>
#include <vector>

#include "detector/compile_error.h"
#include "runtime/kernels/channel_pairs.h"

namespace ocellus {

namespace {

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
  graph.input_mean = header.input_mean;
  graph.input_std = header.input_std;
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
    if (!op.is_convolution()) continue;
    if (record.kernel_h != record.kernel_w ||
        record.stride_y != record.stride_x ||
        record.pad_top != record.pad_left) {
      throw CompileError(std::string(model.name()) + ": " +
                         model.tensor_name(record.output) +
                         " has no square kernel, stride and padding");
    }
    op.kernel = record.kernel_h;
    op.stride = record.stride_y;
    op.pad = record.pad_top;
    const int32_t outputs = graph.shape(op.output).c;
    const int64_t weights = graph.MacsPerPixel(op);
    const auto* first_bias = model.Data<int32_t>(record.bias_offset);
    const auto* first_requant = model.Data<float>(record.requant_offset);
    if (record.weight_layout ==
        static_cast<uint8_t>(format::WeightLayout::kChannelPairs)) {
      values.weights.resize(static_cast<std::size_t>(weights));
      kernels::UnpairWeights(model.Data<uint16_t>(record.weights_offset),
                             static_cast<int32_t>(weights / outputs), outputs,
                             values.weights.data());
      unpacked.target = Target::kCortexM7;
    } else {
      const auto* first_weight = model.Data<int8_t>(record.weights_offset);
      values.weights.assign(first_weight, first_weight + weights);
    }
    values.bias.assign(first_bias, first_bias + outputs);
    values.requant.assign(first_requant, first_requant + outputs);
  }
  for (const format::LevelRecord& level : model.levels()) {
    graph.levels.push_back(
        {level.class_tensor, level.box_tensor, level.stride});
  }
  CheckDataflow(graph);
  return unpacked;
}

}  // namespace ocellus
