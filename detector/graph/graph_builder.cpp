// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/graph_builder.h"

#include <algorithm>
#include <cmath>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

using format::OpKind;

// PyTorch's default, which the trainer uses.
constexpr double kBatchNormEpsilon = 1e-5;

}  // namespace

int32_t GraphBuilder::AppendConvolution(OpKind kind, const std::string& name,
                                        int32_t input, int32_t kernel,
                                        int32_t stride, int32_t width,
                                        bool batch_norm,
                                        Activation activation) {
  const bool depthwise = kind == OpKind::kDepthwiseConv2d;
  const Shape in = shape(input);
  const int32_t inputs_per_filter = depthwise ? 1 : in.c;
  const std::string conv = batch_norm ? name + ".conv" : name;
  const std::vector<float> stored = weights_->Get(
      conv + ".weight", {width, inputs_per_filter, kernel, kernel});

  GraphOp op;
  op.kind = kind;
  op.input = input;
  op.SetSquareWindow(kernel, stride, kernel / 2);
  op.bias.assign(width, 0.0f);
  std::vector<double> channel_scale(width, 1.0);
  if (batch_norm) {
    const std::string bn = name + ".bn";
    const auto gamma = weights_->Get(bn + ".weight", {width});
    const auto beta = weights_->Get(bn + ".bias", {width});
    const auto mean = weights_->Get(bn + ".running_mean", {width});
    const auto variance = weights_->Get(bn + ".running_var", {width});
    for (int32_t o = 0; o < width; ++o) {
      channel_scale[o] =
          gamma[o] / std::sqrt(double{variance[o]} + kBatchNormEpsilon);
      op.bias[o] = static_cast<float>(beta[o] - mean[o] * channel_scale[o]);
    }
  } else {
    op.bias = weights_->Get(name + ".bias", {width});
  }

  // [O, I, K, K] as stored, to [O, K, K, I], or [K, K, C] if depthwise.
  op.weights.resize(stored.size());
  const int32_t taps = kernel * kernel;
  for (int32_t o = 0; o < width; ++o) {
    for (int32_t i = 0; i < inputs_per_filter; ++i) {
      for (int32_t tap = 0; tap < taps; ++tap) {
        const std::size_t from =
            (std::size_t{static_cast<uint32_t>(o)} * inputs_per_filter + i) *
                taps +
            tap;
        const std::size_t to =
            depthwise ? std::size_t{static_cast<uint32_t>(tap)} * width + o
                      : (std::size_t{static_cast<uint32_t>(o)} * taps + tap) *
                                inputs_per_filter +
                            i;
        op.weights[to] = static_cast<float>(stored[from] * channel_scale[o]);
      }
    }
  }
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(op.weights.begin(), op.weights.end(), is_finite) ||
      !std::all_of(op.bias.begin(), op.bias.end(), is_finite)) {
    throw CompileError(name + ": weights that are not finite");
  }
  if (activation == Activation::kRelu6) {
    op.activation_min = 0.0f;
    op.activation_max = 6.0f;
  }
  const auto out = [&](int32_t size) {
    return (size + 2 * op.pad_top - kernel) / stride + 1;
  };
  op.output = graph_->AddTensor(name, {out(in.h), out(in.w), width});
  graph_->ops.push_back(std::move(op));
  return graph_->ops.back().output;
}

int32_t GraphBuilder::Conv(const std::string& name, int32_t input,
                           int32_t kernel, int32_t stride, int32_t width,
                           Activation activation) {
  return AppendConvolution(OpKind::kConv2d, name, input, kernel, stride, width,
                           true, activation);
}

int32_t GraphBuilder::Depthwise(const std::string& name, int32_t input,
                                int32_t kernel, int32_t stride,
                                Activation activation) {
  return AppendConvolution(OpKind::kDepthwiseConv2d, name, input, kernel,
                           stride, shape(input).c, true, activation);
}

int32_t GraphBuilder::Linear(const std::string& name, int32_t input,
                             int32_t width) {
  return AppendConvolution(OpKind::kConv2d, name, input, 1, 1, width, false,
                           Activation::kLinear);
}

int32_t GraphBuilder::Add(const std::string& name, int32_t input,
                          int32_t input2) {
  if (shape(input) != shape(input2)) {
    throw CompileError(name + ": adds tensors of unequal shapes");
  }
  GraphOp op;
  op.kind = OpKind::kAdd;
  op.input = input;
  op.input2 = input2;
  op.output = graph_->AddTensor(name, shape(input));
  graph_->ops.push_back(op);
  return op.output;
}

int32_t GraphBuilder::ResizeNearest(const std::string& name, int32_t input,
                                    int32_t factor) {
  const Shape in = shape(input);
  GraphOp op;
  op.kind = OpKind::kResizeNearest;
  op.input = input;
  op.output = graph_->AddTensor(name, {in.h * factor, in.w * factor, in.c});
  graph_->ops.push_back(op);
  return op.output;
}

}  // namespace ocellus
