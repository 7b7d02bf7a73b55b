// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/build_graph.h"

#include "detector/backbone/backbone.h"
#include "detector/graph/graph_builder.h"
#include "detector/head/yolo_head.h"

namespace ocellus {

Graph BuildGraph(const NetworkDescription& network,
                 const WeightSource& weights) {
  Graph graph;
  graph.name = network.name;
  graph.classes = network.classes;
  graph.input_mean.fill(network.input_mean);
  graph.input_std.fill(network.input_std);
  graph.score_threshold = network.head.score_threshold;
  graph.nms_iou = network.head.nms_iou;
  graph.input = graph.AddTensor("image", network.input);
  GraphBuilder builder(&graph, &weights);
  const auto backbone = BuildBackbone(network, graph.input, &builder);
  BuildYoloHead(network, backbone, &builder, &graph);
  return graph;
}

}  // namespace ocellus
