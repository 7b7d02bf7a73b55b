// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "detector/graph/graph.h"
#include "detector/graph/weight_source.h"

namespace ocellus {

enum class Activation { kLinear, kRelu6 };

// Appends operators to a graph, taking weights by name and folding the batch
// norm behind each convolution into it. Each method returns the index of the
// output tensor. Weights are named as the trainer's modules: "<name>.conv" and
// "<name>.bn", or "<name>" alone where there is no batch norm.
class GraphBuilder {
 public:
  GraphBuilder(Graph* graph, const WeightSource* weights)
      : graph_(graph), weights_(weights) {}

  // kernel x kernel convolution with padding kernel / 2 to `width` channels.
  int32_t Conv(const std::string& name, int32_t input, int32_t kernel,
               int32_t stride, int32_t width, Activation activation);
  // The same, one filter per channel.
  int32_t Depthwise(const std::string& name, int32_t input, int32_t kernel,
                    int32_t stride, Activation activation);
  // 1x1 convolution with bias, neither batch norm nor activation.
  int32_t Linear(const std::string& name, int32_t input, int32_t width);
  int32_t Add(const std::string& name, int32_t input, int32_t input2);
  int32_t ResizeNearest(const std::string& name, int32_t input, int32_t factor);

  const Shape& shape(int32_t tensor) const { return graph_->shape(tensor); }

 private:
  int32_t AppendConvolution(format::OpKind kind, const std::string& name,
                            int32_t input, int32_t kernel, int32_t stride,
                            int32_t width, bool batch_norm,
                            Activation activation);

  Graph* graph_;
  const WeightSource* weights_;
};

}  // namespace ocellus
