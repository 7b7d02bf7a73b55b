// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "detector/graph/graph.h"

namespace ocellus {

// Reads an ONNX model as PyTorch exports convolutional detectors and
// classifiers: float, one image [1, C, H, W] in, every shape fixed.
//
// Batch norms, biases and constant factors go into the convolution before them,
// ReLU and Clip into its activation, other functions of one value into tables.
// Reshape and Transpose move nothing: where the next operator does not find its
// input in order, the model is refused. At the end they are left out, and so is
// a Concat of what they made: outputs are maps [H, W, C], one level each, in
// the order in which the file joins them.
//
// QuantizeLinear and DequantizeLinear, with int8 or uint8 between, prescribe
// the quantisation of tensors and weights: GraphTensor::quant and
// GraphOp::weight_scales.
//
//   path  of the file, for messages; its stem names the network
//   file  not trusted. Constants are copied at most 2^26 values in all, beyond
//         what the file holds
//
// Throws CompileError naming the first operator, by its index, kind and name,
// that is not supported, and what is.
Graph ReadOnnx(const std::string& path, std::span<const uint8_t> file);

}  // namespace ocellus
