// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_graph.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace ocellus {
namespace {

using format::OpKind;

class NetworkMaker {
 public:
  explicit NetworkMaker(uint32_t seed) : random_(seed) {
    graph().name = std::to_string(seed);
    graph().classes = {"one"};
    graph().input_mean.fill(128.0f);
    graph().input_std.fill(128.0f);
    graph().input = NewTensor({Of(9, 33), Of(9, 33), 3});
  }

  // Appends one op of a random kind that fits what there is.
  void AppendOp() {
    switch (static_cast<OpKind>(Of(0, format::kOpKinds - 1))) {
      case OpKind::kConv2d:
        return AppendConvolution(OpKind::kConv2d);
      case OpKind::kDepthwiseConv2d:
        return AppendConvolution(OpKind::kDepthwiseConv2d);
      case OpKind::kAdd:
        return AppendAdd();
      case OpKind::kResizeNearest:
        return AppendResize();
      case OpKind::kPool:
        return AppendPool();
      case OpKind::kMul:
        return Of(0, 1) == 0 ? AppendMul() : AppendSqueeze();
      case OpKind::kLookup:
        AppendLookup(Tail());
        return;
      case OpKind::kConcat:
        return AppendConcat();
      case OpKind::kSoftmax:
        return AppendSoftmax();
      case OpKind::kReshape:
        return AppendReshape();
    }
  }

  // Two outputs at the tail, as a detector has.
  RandomNetwork Finish() {
    const int32_t input = Tail();
    GraphLevel level;
    level.class_tensor = Convolve(OpKind::kConv2d, input, 1, 1, 1, 1, 1);
    level.box_tensor = Convolve(OpKind::kConv2d, input, 1, 1, 1, 1, 4);
    level.stride = 8;
    graph().levels = {level};
    return std::move(network_);
  }

 private:
  Graph& graph() { return network_.graph; }
  std::vector<QuantParams>& quant() { return network_.quantized.quant; }
  Shape shape(int32_t tensor) { return graph().shape(tensor); }

  int32_t Of(int32_t least, int32_t most) {
    return least + static_cast<int32_t>(random_() % (most - least + 1));
  }
  int8_t AnyInt8() { return static_cast<int8_t>(Of(-128, 127)); }

  int32_t NewTensor(Shape of_shape) {
    quant().push_back({0.01f * static_cast<float>(Of(1, 30)), Of(-128, 127)});
    return graph().AddTensor(std::to_string(graph().tensors.size()), of_shape);
  }
  int32_t NewTensor(Shape of_shape, QuantParams of_quant) {
    const int32_t tensor = NewTensor(of_shape);
    quant().back() = of_quant;
    return tensor;
  }
  // Mostly the newest tensor, now and then an older one.
  int32_t Tail() {
    const auto count = static_cast<int32_t>(graph().tensors.size());
    return Of(0, 3) == 0 ? Of(std::max(0, count - 4), count - 1) : count - 1;
  }
  // One of the tensors of this shape.
  int32_t Alike(Shape wanted) {
    std::vector<int32_t> alike;
    for (std::size_t i = 0; i < graph().tensors.size(); ++i) {
      const auto tensor = static_cast<int32_t>(i);
      if (shape(tensor) == wanted) alike.push_back(tensor);
    }
    return alike[Of(0, static_cast<int32_t>(alike.size()) - 1)];
  }

  QuantizedOp& Append(GraphOp op, bool clamps) {
    graph().ops.push_back(std::move(op));
    QuantizedOp& values = network_.quantized.ops.emplace_back();
    if (clamps) {
      const auto [low, high] = std::minmax({AnyInt8(), AnyInt8()});
      values.activation_min = low;
      values.activation_max = high;
    }
    return values;
  }

  // Sets output size and padding for a random window; any side may need more
  // padding than the other.
  void SetWindow(GraphOp* op, int32_t channels, bool keeps_quantisation) {
    const Shape in = shape(op->input);
    Shape out = {0, 0, channels};
    const auto cut = [&](int32_t extent, int32_t kernel, int32_t stride,
                         int32_t* pad, int32_t* size) {
      *pad = Of(0, kernel - 1);
      const int32_t behind = Of(0, kernel - 1);
      *size = std::max(1, (extent + *pad + behind - kernel) / stride + 1);
      // The last window starts inside the input.
      while ((*size - 1) * stride - *pad >= extent) --*size;
    };
    cut(in.h, op->kernel_h, op->stride_y, &op->pad_top, &out.h);
    cut(in.w, op->kernel_w, op->stride_x, &op->pad_left, &out.w);
    op->output = keeps_quantisation ? NewTensor(out, quant()[op->input])
                                    : NewTensor(out);
  }

  int32_t Convolve(OpKind kind, int32_t input, int32_t kernel_h,
                   int32_t kernel_w, int32_t stride_y, int32_t stride_x,
                   int32_t channels) {
    const bool depthwise = kind == OpKind::kDepthwiseConv2d;
    GraphOp op;
    op.kind = kind;
    op.input = input;
    op.kernel_h = kernel_h;
    op.kernel_w = kernel_w;
    op.stride_y = stride_y;
    op.stride_x = stride_x;
    SetWindow(&op, channels, false);
    const int32_t output = op.output;
    const int32_t taps = kernel_h * kernel_w * (depthwise ? 1 : shape(input).c);
    QuantizedOp& values = Append(std::move(op), Of(0, 1) == 0);
    for (int32_t i = 0; i < taps * channels; ++i) {
      values.weights.push_back(AnyInt8());
    }
    for (int32_t o = 0; o < channels; ++o) {
      values.bias.push_back(Of(-3000, 3000));
      values.requant.push_back(static_cast<float>(Of(500, 2000)) * 1e-5f /
                               std::sqrt(static_cast<float>(taps)));
    }
    return output;
  }

  void AppendConvolution(OpKind kind) {
    const int32_t input = Tail();
    const int32_t channels =
        kind == OpKind::kConv2d ? Of(1, 9) : shape(input).c;
    Convolve(kind, input, Of(1, 5), Of(1, 5), Of(1, 2), Of(1, 2), channels);
  }

  void AppendAdd() {
    GraphOp op;
    op.kind = OpKind::kAdd;
    op.input = Tail();
    op.input2 = Alike(shape(op.input));
    op.output = NewTensor(shape(op.input));
    const bool subtracts = Of(0, 1) == 0;
    const float a = quant()[op.input].scale;
    const float b = quant()[op.input2].scale;
    const float out = quant()[op.output].scale;
    QuantizedOp& values = Append(std::move(op), Of(0, 1) == 0);
    SetAddScales(a, b, out, &values);
    if (subtracts) values.add_multiplier2 = -values.add_multiplier2;
  }

  void AppendResize() {
    const int32_t input = Tail();
    const Shape in = shape(input);
    if (in.h * in.w > 300) return;
    GraphOp op;
    op.kind = OpKind::kResizeNearest;
    op.input = input;
    op.output =
        NewTensor({in.h * Of(1, 3), in.w * Of(1, 2), in.c}, quant()[input]);
    Append(std::move(op), false);
  }

  void AppendPool() {
    GraphOp op;
    op.kind = OpKind::kPool;
    op.input = Tail();
    op.variant = static_cast<uint8_t>(Of(0, format::kPoolModes - 1));
    op.kernel_h = Of(1, 4);
    op.kernel_w = Of(1, 4);
    op.stride_y = Of(1, 3);
    op.stride_x = Of(1, 3);
    const bool is_mean =
        op.variant == static_cast<uint8_t>(format::PoolMode::kMean);
    SetWindow(&op, shape(op.input).c, !is_mean);
    QuantizedOp& values = Append(std::move(op), Of(0, 1) == 0);
    if (is_mean) values.requant = {0.001f * static_cast<float>(Of(50, 400))};
  }

  void AppendMul() {
    GraphOp op;
    op.kind = OpKind::kMul;
    op.input = Tail();
    op.input2 = Alike(shape(op.input));
    op.output = NewTensor(shape(op.input));
    Append(std::move(op), Of(0, 1) == 0).requant = {0.013f};
  }

  // Squeeze and excite: a global mean, a function, and a factor per channel.
  void AppendSqueeze() {
    const int32_t input = Tail();
    const Shape in = shape(input);
    GraphOp mean;
    mean.kind = OpKind::kPool;
    mean.variant = static_cast<uint8_t>(format::PoolMode::kMean);
    mean.input = input;
    mean.kernel_h = in.h;
    mean.kernel_w = in.w;
    mean.output = NewTensor({1, 1, in.c});
    const int32_t mean_output = mean.output;
    Append(std::move(mean), false).requant = {1.7f /
                                              static_cast<float>(in.h * in.w)};
    const int32_t factors = AppendLookup(mean_output);
    GraphOp op;
    op.kind = OpKind::kMul;
    op.input = input;
    op.input2 = factors;
    op.output = NewTensor(in);
    Append(std::move(op), false).requant = {0.011f};
  }

  int32_t AppendLookup(int32_t input) {
    GraphOp op;
    op.kind = OpKind::kLookup;
    op.input = input;
    op.output = NewTensor(shape(input));
    const int32_t output = op.output;
    QuantizedOp& values = Append(std::move(op), false);
    for (int32_t i = 0; i < 256; ++i) values.weights.push_back(AnyInt8());
    return output;
  }

  void AppendConcat() {
    const int32_t input = Tail();
    const Shape in = shape(input);
    GraphOp other;
    other.kind = OpKind::kLookup;
    other.input = Alike(in);
    other.output = NewTensor(in, quant()[input]);
    GraphOp op;
    op.kind = OpKind::kConcat;
    op.variant = static_cast<uint8_t>(Of(0, format::kConcatAxes - 1));
    if (in.h * in.w > 300 || Of(0, 1) == 0) {
      op.variant = static_cast<uint8_t>(format::ConcatAxis::kChannels);
    }
    op.input = input;
    op.input2 = other.output;
    QuantizedOp& values = Append(std::move(other), false);
    for (int32_t i = 0; i < 256; ++i) values.weights.push_back(AnyInt8());
    Shape out = in;
    switch (static_cast<format::ConcatAxis>(op.variant)) {
      case format::ConcatAxis::kRows:
        out.h *= 2;
        break;
      case format::ConcatAxis::kColumns:
        out.w *= 2;
        break;
      case format::ConcatAxis::kChannels:
        out.c *= 2;
        break;
    }
    op.output = NewTensor(out, quant()[input]);
    Append(std::move(op), false);
  }

  void AppendSoftmax() {
    GraphOp op;
    op.kind = OpKind::kSoftmax;
    op.input = Tail();
    op.output = NewTensor(shape(op.input), {1.0f / 256.0f, -128});
    const float scale = quant()[op.input].scale;
    Append(std::move(op), false).requant = TabulateExp(scale);
  }

  void AppendReshape() {
    const int32_t input = Tail();
    const Shape in = shape(input);
    GraphOp op;
    op.kind = OpKind::kReshape;
    op.input = input;
    op.output = NewTensor({in.w, in.h, in.c}, quant()[input]);
    Append(std::move(op), false);
  }

  std::mt19937 random_;
  RandomNetwork network_;
};

}  // namespace

RandomNetwork MakeRandomNetwork(uint32_t seed, int32_t op_count) {
  NetworkMaker maker(seed);
  for (int32_t i = 0; i < op_count; ++i) maker.AppendOp();
  return maker.Finish();
}

}  // namespace ocellus
