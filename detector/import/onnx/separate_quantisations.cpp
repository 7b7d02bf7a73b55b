// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/separate_quantisations.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "detector/quantize/quantize.h"

namespace ocellus {
namespace {

using Prescribed = std::optional<QuantParams>;

// Gives `tensor`, which the op at `index` reads, a quantisation: its own if it
// has none, else that of a copy made before the op. Returns the tensor to read.
int32_t Requantised(Graph* graph, std::size_t* index, int32_t tensor,
                    const QuantParams& quant) {
  Prescribed& own = graph->tensors[tensor].quant;
  if (!own && tensor != graph->input) own = quant;
  if (own == quant) return tensor;
  GraphOp op;
  op.kind = format::OpKind::kLookup;
  op.input = tensor;
  op.function = [](float x) { return x; };
  op.output = graph->AddTensor(graph->tensors[tensor].name + "/requantised",
                               graph->shape(tensor));
  graph->tensors[op.output].quant = quant;
  const int32_t output = op.output;
  graph->ops.insert(graph->ops.begin() + static_cast<std::ptrdiff_t>(*index),
                    std::move(op));
  ++*index;
  return output;
}

}  // namespace

void SeparateQuantisations(Graph* graph) {
  // Backwards from what is prescribed: whoever has none takes its reader's.
  // Each round gives a tensor one or ends, so there are not many.
  bool changes = true;
  while (changes) {
    changes = false;
    for (std::size_t i = 0; i < graph->ops.size(); ++i) {
      if (!KeepsQuantisation(graph->ops[i])) continue;
      const GraphOp op = graph->ops[i];
      Prescribed wanted = graph->tensors[op.output].quant;
      if (!wanted) wanted = graph->tensors[op.input].quant;
      if (!wanted && op.input2 != kNone) {
        wanted = graph->tensors[op.input2].quant;
      }
      if (!wanted) continue;
      changes = changes || !graph->tensors[op.output].quant;
      graph->tensors[op.output].quant = wanted;
      const auto take = [&](int32_t tensor) {
        changes = changes || !graph->tensors[tensor].quant;
        return Requantised(graph, &i, tensor, *wanted);
      };
      const int32_t input = take(op.input);
      const int32_t input2 = op.input2 == kNone      ? kNone
                             : op.input2 == op.input ? input
                                                     : take(op.input2);
      graph->ops[i].input = input;
      graph->ops[i].input2 = input2;
    }
  }
}

}  // namespace ocellus
