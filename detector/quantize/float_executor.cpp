// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/float_executor.h"

#include <algorithm>

namespace ocellus {
namespace {

using format::OpKind;

// sums[c] += scale * addends[c]
void AddScaled(float scale, const float* addends, int32_t count, float* sums) {
  for (int32_t c = 0; c < count; ++c) sums[c] += scale * addends[c];
}

// Calls visit(tap, input_pixel) for the taps of output pixel (y, x) that fall
// inside the input.
template <typename Visit>
void ForEachTap(const GraphOp& op, const Shape& in, int32_t y, int32_t x,
                const Visit& visit) {
  for (int32_t ky = 0; ky < op.kernel; ++ky) {
    const int32_t in_y = y * op.stride - op.pad + ky;
    if (in_y < 0 || in_y >= in.h) continue;
    for (int32_t kx = 0; kx < op.kernel; ++kx) {
      const int32_t in_x = x * op.stride - op.pad + kx;
      if (in_x < 0 || in_x >= in.w) continue;
      visit(ky * op.kernel + kx, in_y * in.w + in_x);
    }
  }
}

void Clamp(const GraphOp& op, std::vector<float>* values) {
  for (float& value : *values) {
    value = std::clamp(value, op.activation_min, op.activation_max);
  }
}

}  // namespace

FloatExecutor::FloatExecutor(const Graph& graph) : graph_(graph) {
  for (const GraphTensor& tensor : graph.tensors) {
    values_.emplace_back(tensor.shape.elements());
  }
  for (const GraphOp& op : graph.ops) {
    std::vector<float>& weights = weights_by_output_.emplace_back();
    if (op.kind != OpKind::kConv2d) continue;
    const int32_t outputs = graph.shape(op.output).c;
    const auto inputs = static_cast<int32_t>(op.weights.size()) / outputs;
    weights.resize(op.weights.size());
    for (int32_t o = 0; o < outputs; ++o) {
      for (int32_t i = 0; i < inputs; ++i) {
        weights[i * outputs + o] = op.weights[o * inputs + i];
      }
    }
  }
}

void FloatExecutor::RunConv(const GraphOp& op,
                            const std::vector<float>& weights) {
  const Shape in = graph_.shape(op.input);
  const Shape out = graph_.shape(op.output);
  const float* input = values_[op.input].data();
  float* sums = values_[op.output].data();
  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; ++x, sums += out.c) {
      std::copy(op.bias.begin(), op.bias.end(), sums);
      ForEachTap(op, in, y, x, [&](int32_t tap, int32_t pixel) {
        for (int32_t i = 0; i < in.c; ++i) {
          AddScaled(input[pixel * in.c + i], &weights[(tap * in.c + i) * out.c],
                    out.c, sums);
        }
      });
    }
  }
}

void FloatExecutor::RunDepthwise(const GraphOp& op) {
  const Shape in = graph_.shape(op.input);
  const Shape out = graph_.shape(op.output);
  const float* input = values_[op.input].data();
  float* sums = values_[op.output].data();
  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; ++x, sums += out.c) {
      std::copy(op.bias.begin(), op.bias.end(), sums);
      ForEachTap(op, in, y, x, [&](int32_t tap, int32_t pixel) {
        const float* weight = &op.weights[tap * out.c];
        const float* value = &input[pixel * out.c];
        for (int32_t c = 0; c < out.c; ++c) sums[c] += value[c] * weight[c];
      });
    }
  }
}

void FloatExecutor::Run(std::span<const float> image) {
  std::copy(image.begin(), image.end(), values_[graph_.input].begin());
  for (std::size_t i = 0; i < graph_.ops.size(); ++i) {
    const GraphOp& op = graph_.ops[i];
    const std::vector<float>& input = values_[op.input];
    std::vector<float>& output = values_[op.output];
    switch (op.kind) {
      case OpKind::kConv2d:
        RunConv(op, weights_by_output_[i]);
        break;
      case OpKind::kDepthwiseConv2d:
        RunDepthwise(op);
        break;
      case OpKind::kAdd:
        std::transform(input.begin(), input.end(), values_[op.input2].begin(),
                       output.begin(), std::plus<>());
        break;
      case OpKind::kResizeNearest: {
        const Shape in = graph_.shape(op.input);
        const Shape out = graph_.shape(op.output);
        for (int32_t y = 0; y < out.h; ++y) {
          for (int32_t x = 0; x < out.w; ++x) {
            const int32_t from = y * in.h / out.h * in.w + x * in.w / out.w;
            std::copy_n(&input[from * in.c], in.c,
                        &output[(y * out.w + x) * out.c]);
          }
        }
        break;
      }
    }
    Clamp(op, &output);
  }
}

}  // namespace ocellus
