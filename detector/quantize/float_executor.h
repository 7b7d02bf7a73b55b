// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "detector/graph/graph.h"

namespace ocellus {

// Runs a float graph, keeping every tensor: what calibration observes and what
// int8 is compared with.
class FloatExecutor {
 public:
  // `graph` must outlive the executor.
  explicit FloatExecutor(const Graph& graph);

  // `image`: real input [H, W, 3], e.g. (pixel - mean) / std.
  void Run(std::span<const float> image);

  // `pixels`: 0..255, [H, W, 3] in the graph's order of channels.
  void RunPixels(std::span<const uint8_t> pixels);

  // [H, W, C] of the latest run.
  std::span<const float> tensor(int32_t index) const { return values_[index]; }

 private:
  // Biases, and for every tap inside the input add_tap(tap, pixel, sums).
  template <typename AddTap>
  void SumWindows(const GraphOp& op, const AddTap& add_tap);
  void RunConv(const GraphOp& op, const std::vector<float>& weights);
  void RunDepthwise(const GraphOp& op);
  void RunResize(const GraphOp& op);
  void RunPool(const GraphOp& op);
  void RunMul(const GraphOp& op);
  void RunConcat(const GraphOp& op);
  void RunSoftmax(const GraphOp& op);

  const Graph& graph_;
  std::vector<float> real_;  // the image of RunPixels()
  std::vector<std::vector<float>> values_;
  // Per op [K, K, I, O], so that the innermost loop runs over outputs.
  std::vector<std::vector<float>> weights_by_output_;
};

}  // namespace ocellus
