// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/quantize/calibration.h"

namespace ocellus {

// One op's integers; layouts as in model_format.h.
struct QuantizedOp {
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> requant;
  int8_t activation_min = -128;
  int8_t activation_max = 127;
  int32_t add_multiplier = 0;
  int32_t add_multiplier2 = 0;
  int32_t add_shift = 0;
};

// A graph's int8 form, parallel to its tensors and ops.
struct QuantizedGraph {
  std::vector<QuantParams> quant;  // by tensor
  std::vector<QuantizedOp> ops;
};

// Quantises to int8: activations affine per tensor, weights symmetric per
// output channel, biases int32 at scale input_scale * weight_scale and
// corrected for the mean error that rounding the weights makes. Pixels map to
// int8 exactly: the input's scale is 1 / std. What the graph prescribes is
// kept.
//
// Source: TensorFlow Lite 8-bit quantisation specification; bias correction
// from Nagel et al., "Data-Free Quantization", 2019.
QuantizedGraph Quantize(const Graph& graph, const Calibration& calibration);

// Whether the graph prescribes the quantisation of every tensor, so that there
// is nothing to calibrate.
bool IsPrescribed(const Graph& graph);

// For such a graph, in place of what Calibrate() gives.
Calibration WithoutCalibration(const Graph& graph);

// Whether an op moves or selects values without changing their quantisation.
bool KeepsQuantisation(const GraphOp& op);

// The multipliers and shift that add two tensors into an output scale, see
// runtime/kernels/add_s8.h. Scale ratios must lie in [2^-10, 2^8).
void SetAddScales(float input_scale, float input2_scale, float output_scale,
                  QuantizedOp* op);

// The int8 table of a function between two quantisations, for kLookup.
std::vector<int8_t> TabulateFunction(
    QuantParams input, QuantParams output,
    const std::function<float(float)>& function);

// The powers of e that kSoftmax wants for inputs of this scale.
std::vector<float> TabulateExp(float scale);

}  // namespace ocellus
