// SPDX-License-Identifier: Apache-2.0
#include "tests/detector/import/onnx/onnx_builder.h"

namespace ocellus {

using onnx::AttributeProto;
using onnx::TensorProto;

OnnxBuilder::OnnxBuilder(int64_t opset) {
  model_.set_ir_version(8);
  model_.add_opset_import()->set_version(opset);
  model_.mutable_graph()->set_name("test");
}

std::string OnnxBuilder::Image(int64_t channels, int64_t h, int64_t w) {
  auto* input = model_.mutable_graph()->add_input();
  input->set_name("image");
  auto* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(TensorProto::FLOAT);
  for (const int64_t dim : {int64_t{1}, channels, h, w}) {
    type->mutable_shape()->add_dim()->set_dim_value(dim);
  }
  return "image";
}

TensorProto& OnnxBuilder::NewConstant(const std::vector<int64_t>& dims,
                                      TensorProto::DataType type) {
  TensorProto* tensor = model_.mutable_graph()->add_initializer();
  tensor->set_name("constant" + std::to_string(names_++));
  tensor->set_data_type(type);
  for (const int64_t dim : dims) tensor->add_dims(dim);
  return *tensor;
}

std::string OnnxBuilder::Random(std::vector<int64_t> dims, float size) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    state_ = state_ * 1664525u + 1013904223u;
    const float unit = static_cast<float>(state_ >> 8) * 0x1p-24f;
    values.push_back(size * (2.0f * unit - 1.0f));
  }
  return Floats(std::move(dims), std::move(values));
}

std::string OnnxBuilder::Floats(std::vector<int64_t> dims,
                                std::vector<float> values) {
  TensorProto& tensor = NewConstant(dims, TensorProto::FLOAT);
  tensor.mutable_float_data()->Add(values.begin(), values.end());
  return tensor.name();
}

std::string OnnxBuilder::Integers(std::vector<int64_t> values) {
  TensorProto& tensor =
      NewConstant({static_cast<int64_t>(values.size())}, TensorProto::INT64);
  tensor.mutable_int64_data()->Add(values.begin(), values.end());
  return tensor.name();
}

std::string OnnxBuilder::Bytes(std::vector<int64_t> dims,
                               std::vector<int32_t> values, bool is_signed) {
  TensorProto& tensor =
      NewConstant(dims, is_signed ? TensorProto::INT8 : TensorProto::UINT8);
  tensor.mutable_int32_data()->Add(values.begin(), values.end());
  return tensor.name();
}

std::string OnnxBuilder::Int32s(std::vector<int32_t> values) {
  TensorProto& tensor =
      NewConstant({static_cast<int64_t>(values.size())}, TensorProto::INT32);
  tensor.mutable_int32_data()->Add(values.begin(), values.end());
  return tensor.name();
}

std::string OnnxBuilder::Node(const std::string& op,
                              std::vector<std::string> inputs,
                              Attributes attributes) {
  auto* node = model_.mutable_graph()->add_node();
  node->set_op_type(op);
  node->set_name(op + std::to_string(names_++));
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(node->name());
  for (const AttributeProto& attribute : attributes) {
    *node->add_attribute() = attribute;
  }
  return node->name();
}

std::string OnnxBuilder::Conv(const std::string& input, int64_t inputs,
                              int64_t outputs, int64_t kernel, int64_t stride,
                              int64_t group) {
  const int64_t pad = kernel / 2;
  return Node("Conv",
              {input, Random({outputs, inputs / group, kernel, kernel}),
               Random({outputs})},
              {IntsAttribute("kernel_shape", {kernel, kernel}),
               IntsAttribute("strides", {stride, stride}),
               IntsAttribute("pads", {pad, pad, pad, pad}),
               IntAttribute("group", group)});
}

std::string OnnxBuilder::Quantised(const std::string& input, float scale,
                                   int32_t zero_point, bool is_signed) {
  const std::string step = Floats({}, {scale});
  const std::string zero = Bytes({}, {zero_point}, is_signed);
  const std::string bytes = Node("QuantizeLinear", {input, step, zero});
  return Node("DequantizeLinear", {bytes, step, zero});
}

void OnnxBuilder::Output(const std::string& name) {
  auto* output = model_.mutable_graph()->add_output();
  output->set_name(name);
  auto* type = output->mutable_type()->mutable_tensor_type();
  type->set_elem_type(TensorProto::FLOAT);
  type->mutable_shape();  // OpenCV wants one, of any dimensions
}

std::vector<uint8_t> OnnxBuilder::Finish() const {
  const std::string bytes = model_.SerializeAsString();
  return {bytes.begin(), bytes.end()};
}

AttributeProto IntAttribute(const char* name, int64_t value) {
  AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(AttributeProto::INT);
  attribute.set_i(value);
  return attribute;
}

AttributeProto IntsAttribute(const char* name, std::vector<int64_t> values) {
  AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(AttributeProto::INTS);
  attribute.mutable_ints()->Add(values.begin(), values.end());
  return attribute;
}

AttributeProto FloatAttribute(const char* name, float value) {
  AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(AttributeProto::FLOAT);
  attribute.set_f(value);
  return attribute;
}

AttributeProto TextAttribute(const char* name, const char* value) {
  AttributeProto attribute;
  attribute.set_name(name);
  attribute.set_type(AttributeProto::STRING);
  attribute.set_s(value);
  return attribute;
}

}  // namespace ocellus
