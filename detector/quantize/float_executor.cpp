// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/float_executor.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

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
  for (int32_t ky = 0; ky < op.kernel_h; ++ky) {
    const int32_t in_y = y * op.stride_y - op.pad_top + ky;
    if (in_y < 0 || in_y >= in.h) continue;
    for (int32_t kx = 0; kx < op.kernel_w; ++kx) {
      const int32_t in_x = x * op.stride_x - op.pad_left + kx;
      if (in_x < 0 || in_x >= in.w) continue;
      visit(ky * op.kernel_w + kx, in_y * in.w + in_x);
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

template <typename AddTap>
void FloatExecutor::SumWindows(const GraphOp& op, const AddTap& add_tap) {
  const Shape in = graph_.shape(op.input);
  const Shape out = graph_.shape(op.output);
  const float* input = values_[op.input].data();
  float* sums = values_[op.output].data();
  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; ++x, sums += out.c) {
      std::copy(op.bias.begin(), op.bias.end(), sums);
      ForEachTap(op, in, y, x, [&](int32_t tap, int32_t pixel) {
        add_tap(tap, &input[pixel * in.c], sums);
      });
    }
  }
}

void FloatExecutor::RunConv(const GraphOp& op,
                            const std::vector<float>& weights) {
  const int32_t inputs = graph_.shape(op.input).c;
  const int32_t outputs = graph_.shape(op.output).c;
  SumWindows(op, [&](int32_t tap, const float* values, float* sums) {
    for (int32_t i = 0; i < inputs; ++i) {
      AddScaled(values[i], &weights[(tap * inputs + i) * outputs], outputs,
                sums);
    }
  });
}

void FloatExecutor::RunDepthwise(const GraphOp& op) {
  const int32_t channels = graph_.shape(op.output).c;
  SumWindows(op, [&](int32_t tap, const float* values, float* sums) {
    const float* weight = &op.weights[tap * channels];
    for (int32_t c = 0; c < channels; ++c) sums[c] += values[c] * weight[c];
  });
}

void FloatExecutor::RunResize(const GraphOp& op) {
  const Shape in = graph_.shape(op.input);
  const Shape out = graph_.shape(op.output);
  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; ++x) {
      const int32_t from = y * in.h / out.h * in.w + x * in.w / out.w;
      std::copy_n(&values_[op.input][from * in.c], in.c,
                  &values_[op.output][(y * out.w + x) * out.c]);
    }
  }
}

void FloatExecutor::RunPool(const GraphOp& op) {
  const Shape in = graph_.shape(op.input);
  const Shape out = graph_.shape(op.output);
  const bool is_max =
      op.variant == static_cast<uint8_t>(format::PoolMode::kMax);
  const float* input = values_[op.input].data();
  float* to = values_[op.output].data();
  for (int32_t y = 0; y < out.h; ++y) {
    for (int32_t x = 0; x < out.w; ++x, to += out.c) {
      std::fill_n(to, out.c,
                  is_max ? -std::numeric_limits<float>::infinity() : 0.0f);
      int32_t count = 0;
      ForEachTap(op, in, y, x, [&](int32_t, int32_t pixel) {
        ++count;
        for (int32_t c = 0; c < out.c; ++c) {
          const float value = input[pixel * in.c + c];
          to[c] = is_max ? std::max(to[c], value) : to[c] + value;
        }
      });
      if (is_max) continue;
      for (int32_t c = 0; c < out.c; ++c) to[c] /= static_cast<float>(count);
    }
  }
}

void FloatExecutor::RunMul(const GraphOp& op) {
  const std::vector<float>& factors = values_[op.input2];
  for (std::size_t i = 0; i < values_[op.output].size(); ++i) {
    values_[op.output][i] = values_[op.input][i] * factors[i % factors.size()];
  }
}

void FloatExecutor::RunConcat(const GraphOp& op) {
  // Of `inner` values each: a pixel's channels, a row's pixels, or all rows.
  const Shape shape = graph_.shape(op.input);
  const Shape shape2 = graph_.shape(op.input2);
  const auto inner = [&](const Shape& s) {
    switch (static_cast<format::ConcatAxis>(op.variant)) {
      case format::ConcatAxis::kRows:
        return s.h * s.w * s.c;
      case format::ConcatAxis::kColumns:
        return s.w * s.c;
      case format::ConcatAxis::kChannels:
        break;
    }
    return s.c;
  };
  const float* a = values_[op.input].data();
  const float* b = values_[op.input2].data();
  float* to = values_[op.output].data();
  const float* end = to + values_[op.output].size();
  while (to != end) {
    to = std::copy_n(a, inner(shape), to);
    to = std::copy_n(b, inner(shape2), to);
    a += inner(shape);
    b += inner(shape2);
  }
}

void FloatExecutor::RunSoftmax(const GraphOp& op) {
  const int32_t channels = graph_.shape(op.output).c;
  const std::vector<float>& input = values_[op.input];
  for (std::size_t i = 0; i < input.size(); i += channels) {
    const float* in = &input[i];
    float* out = &values_[op.output][i];
    const float largest = *std::max_element(in, in + channels);
    float sum = 0.0f;
    for (int32_t c = 0; c < channels; ++c) {
      out[c] = std::exp(in[c] - largest);
      sum += out[c];
    }
    for (int32_t c = 0; c < channels; ++c) out[c] /= sum;
  }
}

void FloatExecutor::RunPixels(std::span<const uint8_t> pixels) {
  real_.resize(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    real_[i] = (static_cast<float>(pixels[i]) - graph_.input_mean[i % 3]) /
               graph_.input_std[i % 3];
  }
  Run(real_);
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
      case OpKind::kResizeNearest:
        RunResize(op);
        break;
      case OpKind::kPool:
        RunPool(op);
        break;
      case OpKind::kMul:
        RunMul(op);
        break;
      case OpKind::kLookup:
        std::transform(input.begin(), input.end(), output.begin(), op.function);
        break;
      case OpKind::kConcat:
        RunConcat(op);
        break;
      case OpKind::kSoftmax:
        RunSoftmax(op);
        break;
      case OpKind::kReshape:
        output = input;
        break;
    }
    Clamp(op, &output);
  }
}

}  // namespace ocellus
