// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ocellus {

// Writes an ONNX model node by node. Each node's one output is named after the
// node.
class OnnxBuilder {
 public:
  explicit OnnxBuilder(int64_t opset = 13);

  // The image, [1, channels, h, w].
  std::string Image(int64_t channels, int64_t h, int64_t w);

  // Constants. Random ones are even within [-size, size], the same at each run.
  std::string Random(std::vector<int64_t> dims, float size = 0.3f);
  std::string Floats(std::vector<int64_t> dims, std::vector<float> values);
  std::string Integers(std::vector<int64_t> values);
  std::string Bytes(std::vector<int64_t> dims, std::vector<int32_t> values,
                    bool is_signed);
  std::string Int32s(std::vector<int32_t> values);

  using Attributes = std::vector<onnx::AttributeProto>;
  std::string Node(const std::string& op, std::vector<std::string> inputs,
                   Attributes attributes = {});

  // A convolution with random weights, and their attributes.
  std::string Conv(const std::string& input, int64_t inputs, int64_t outputs,
                   int64_t kernel, int64_t stride = 1, int64_t group = 1);
  // QuantizeLinear and DequantizeLinear of an activation.
  std::string Quantised(const std::string& input, float scale,
                        int32_t zero_point, bool is_signed);

  void Output(const std::string& name);
  onnx::ModelProto& model() { return model_; }
  // The file.
  std::vector<uint8_t> Finish() const;

 private:
  onnx::TensorProto& NewConstant(const std::vector<int64_t>& dims,
                                 onnx::TensorProto::DataType type);

  onnx::ModelProto model_;
  uint32_t state_ = 1;
  int names_ = 0;
};

onnx::AttributeProto IntAttribute(const char* name, int64_t value);
onnx::AttributeProto IntsAttribute(const char* name,
                                   std::vector<int64_t> values);
onnx::AttributeProto FloatAttribute(const char* name, float value);
onnx::AttributeProto TextAttribute(const char* name, const char* value);

}  // namespace ocellus
