// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocellus {

// A small ONNX model of one image [1, 3, H, W] and one output.
struct OnnxCase {
  std::string name;
  std::vector<uint8_t> file;
  // Where OpenCV 4.6 does not read it, or not rightly: a case that it reads and
  // that must have the same answers.
  std::string same_as = "";
};

// One of every operator that the importer takes, in float, and what exporters
// make of such operators together.
std::vector<OnnxCase> OnnxCases();

// A network between QuantizeLinear and DequantizeLinear throughout: uint8 and
// int8, scales for each tensor and for each channel.
OnnxCase QuantisedOnnxCase();

}  // namespace ocellus
