// SPDX-License-Identifier: Apache-2.0
#include "detector/head/yolo_head.h"

#include <algorithm>
#include <string>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

bool GivesOutputs(const HeadDescription& head, int32_t stride) {
  return head.outputs.empty() ||
         std::find(head.outputs.begin(), head.outputs.end(), stride) !=
             head.outputs.end();
}

}  // namespace

void BuildYoloHead(const NetworkDescription& network,
                   const std::map<int32_t, int32_t>& backbone,
                   GraphBuilder* builder, Graph* graph) {
  const HeadDescription& head = network.head;
  const auto level_count = static_cast<int32_t>(head.strides.size());
  const auto separable = [&](const std::string& name, int32_t input) {
    const int32_t x = builder->Depthwise(name + ".depthwise", input,
                                         head.kernel, 1, Activation::kRelu6);
    return builder->Conv(name + ".pointwise", x, 1, 1, graph->shape(input).c,
                         Activation::kRelu6);
  };

  const auto tower = [&](const std::string& name, int32_t x, int32_t first,
                         int32_t count) {
    for (int32_t layer = first; layer < first + count; ++layer) {
      x = separable(name + "." + std::to_string(layer), x);
    }
    return x;
  };

  int32_t coarser = kNone;
  for (int32_t level = level_count - 1; level >= 0; --level) {
    const std::string index = std::to_string(level);
    const int32_t stride = head.strides[level];
    const int32_t width = head.widths[level];
    const auto feature = backbone.find(stride);
    if (feature == backbone.end()) {
      throw CompileError(network.name + ": head.strides has " +
                         std::to_string(stride) +
                         ", but no block of the backbone ends at that stride");
    }
    int32_t x = builder->Conv("head.lateral." + index, feature->second, 1, 1,
                              width, Activation::kLinear);
    if (coarser != kNone) {
      if (graph->shape(coarser).c != width) {
        coarser = builder->Linear("head.reduce." + index, coarser, width);
      }
      const int32_t enlarged =
          builder->ResizeNearest("head.resize." + index, coarser, 2);
      x = builder->Add("head.add." + index, x, enlarged);
      x = separable("head.fuse." + index, x);
    }
    coarser = x;
    if (!GivesOutputs(head, stride)) continue;
    const int32_t separate = head.separate.empty() ? 0 : head.separate[level];
    const int32_t shared = head.tower_depth - separate;
    x = tower("head.tower." + index, x, 0, shared);
    const int32_t boxes = tower("head.box_tower." + index, x, 0, separate);
    x = tower("head.tower." + index, x, shared, separate);
    graph->levels.insert(
        graph->levels.begin(),
        {
            .class_tensor =
                builder->Linear("head.cls." + index, x,
                                static_cast<int32_t>(network.classes.size())),
            .box_tensor = builder->Linear("head.box." + index, boxes, 4),
            .stride = stride,
        });
  }
}

}  // namespace ocellus
