// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus {

inline constexpr int32_t kNone = -1;

struct GraphTensor {
  std::string name;
  Shape shape;
  // Prescribed by a model that comes quantised. Else calibration chooses.
  std::optional<QuantParams> quant = {};
};

// One operator on float data, batch norm already folded.
struct GraphOp {
  format::OpKind kind = format::OpKind::kConv2d;
  int32_t input = kNone;   // tensor indices
  int32_t input2 = kNone;  // second addend, factor or part
  int32_t output = kNone;
  uint8_t variant = 0;                   // as in OpRecord
  std::function<float(float)> function;  // of kLookup
  // Convolutions and poolings only.
  int32_t kernel_h = 1;
  int32_t kernel_w = 1;
  int32_t stride_y = 1;
  int32_t stride_x = 1;
  int32_t pad_top = 0;               // the other sides are padded
  int32_t pad_left = 0;              // as the output needs it
  std::vector<float> weights;        // [O, KH, KW, I]; depthwise [KH, KW, C]
  std::vector<float> bias;           // [O]
  std::vector<float> weight_scales;  // [O] if prescribed, else empty
  // The output is clamped to these.
  float activation_min = -std::numeric_limits<float>::infinity();
  float activation_max = std::numeric_limits<float>::infinity();

  void SetSquareWindow(int32_t kernel, int32_t stride, int32_t pad) {
    kernel_h = kernel_w = kernel;
    stride_y = stride_x = stride;
    pad_top = pad_left = pad;
  }
  bool has_window() const { return format::HasWindow(kind); }
  bool is_convolution() const {
    return kind == format::OpKind::kConv2d ||
           kind == format::OpKind::kDepthwiseConv2d;
  }
};

struct GraphLevel {
  int32_t class_tensor = kNone;
  int32_t box_tensor = kNone;
  int32_t stride = 0;
  std::vector<format::AnchorRecord> anchors = {};
};

// What the outputs mean, see format::Header.
struct GraphHead {
  format::BoxEncoding encoding = format::BoxEncoding::kLtrbExp;
  format::ScoreForm scores = format::ScoreForm::kLogits;
  float center_variance = 0.0f;
  float size_variance = 0.0f;
};

// A network in order of execution: every tensor but the input is the output of
// one op, and ops read only what came before.
struct Graph {
  std::string name;
  std::vector<std::string> classes;
  std::vector<GraphTensor> tensors;
  std::vector<GraphOp> ops;
  std::vector<GraphLevel> levels;
  int32_t input = kNone;
  std::array<float, 3> input_mean = {0.0f, 0.0f, 0.0f};
  std::array<float, 3> input_std = {1.0f, 1.0f, 1.0f};
  format::ChannelOrder channel_order = format::ChannelOrder::kRgb;
  GraphHead head;
  float score_threshold = 0.0f;
  float nms_iou = 0.5f;

  int32_t AddTensor(std::string tensor_name, Shape shape) {
    tensors.push_back({std::move(tensor_name), shape, {}});
    return static_cast<int32_t>(tensors.size()) - 1;
  }
  const Shape& shape(int32_t tensor) const { return tensors[tensor].shape; }

  // Whether the op multiplies every pixel by the one pixel of its input2.
  bool ScalesChannels(const GraphOp& op) const {
    return op.kind == format::OpKind::kMul &&
           shape(op.input2) != shape(op.output);
  }

  // Multiply-accumulate operations of one op, whole or for each pixel of its
  // output; additions count none.
  int64_t MacsPerPixel(const GraphOp& op) const {
    if (!op.is_convolution()) return 0;
    const int64_t taps =
        int64_t{op.kernel_h} * op.kernel_w * shape(op.output).c;
    return op.kind == format::OpKind::kConv2d ? taps * shape(op.input).c : taps;
  }
  int64_t Macs(const GraphOp& op) const {
    return MacsPerPixel(op) * shape(op.output).h * shape(op.output).w;
  }
};

}  // namespace ocellus
