// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ocellus {

// A constant of an ONNX file: numbers that the file holds, or that follow from
// such.
struct OnnxConstant {
  std::vector<int64_t> dims;
  int32_t type = onnx::TensorProto::FLOAT;  // onnx::TensorProto::DataType
  std::vector<float> floats;                // of type FLOAT
  std::vector<int64_t> integers;            // of any other
  // Behind a DequantizeLinear: one scale, or one for each index of dimension
  // `axis`. Empty elsewhere, or if a zero point is not in the middle.
  std::vector<float> scales = {};
  int64_t axis = 0;

  bool is_float() const { return type == onnx::TensorProto::FLOAT; }
  int64_t elements() const;
};

// Nothing but the reason if the tensor is of an unknown type, has more than
// 2^26 elements, or has another number of values than its dimensions say.
std::optional<OnnxConstant> ReadConstant(const onnx::TensorProto& tensor,
                                         std::string* reason);

}  // namespace ocellus
