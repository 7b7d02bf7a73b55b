// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

using format::OpKind;

constexpr float kWeightMax = 127.0f;
// Far below int32's end, so that bias and sums together stay in range.
constexpr float kLargestBias = 1 << 30;

QuantParams ParamsForRange(Range range) {
  const float scale = (range.max - range.min) / 255.0f;
  const float zero_point = std::nearbyint(-128.0f - range.min / scale);
  return {scale, static_cast<int32_t>(std::clamp(zero_point, -128.0f, 127.0f))};
}

int8_t QuantizeBound(float bound, QuantParams quant) {
  const float value =
      std::clamp(bound / quant.scale + static_cast<float>(quant.zero_point),
                 -128.0f, 127.0f);
  return static_cast<int8_t>(std::nearbyint(value));
}

// Index of the weight of output o, tap, input i; see GraphOp::weights.
struct WeightLayout {
  int32_t taps;
  int32_t inputs;  // per filter: 1 if depthwise
  int32_t outputs;
  bool depthwise;

  int32_t operator()(int32_t o, int32_t tap, int32_t i) const {
    return depthwise ? tap * outputs + o : (o * taps + tap) * inputs + i;
  }
};

void QuantizeConvolution(const GraphOp& op, const WeightLayout& layout,
                         QuantParams input, QuantParams output,
                         const std::vector<float>& input_means,
                         QuantizedOp* quantized) {
  quantized->weights.resize(op.weights.size());
  for (int32_t o = 0; o < layout.outputs; ++o) {
    float largest = 0.0f;
    for (int32_t tap = 0; tap < layout.taps; ++tap) {
      for (int32_t i = 0; i < layout.inputs; ++i) {
        largest = std::max(largest, std::abs(op.weights[layout(o, tap, i)]));
      }
    }
    // A channel of tiny weights still needs a scale at which its bias fits.
    float scale = std::max(largest / kWeightMax,
                           std::abs(op.bias[o]) / input.scale / kLargestBias);
    if (!(scale >= std::numeric_limits<float>::min())) scale = 1.0f;
    const bool is_prescribed = !op.weight_scales.empty();
    if (is_prescribed) scale = op.weight_scales[o];
    const float lowest = is_prescribed ? -128.0f : -kWeightMax;

    double mean_error = 0.0;
    for (int32_t tap = 0; tap < layout.taps; ++tap) {
      for (int32_t i = 0; i < layout.inputs; ++i) {
        const int32_t index = layout(o, tap, i);
        const float rounded = std::clamp(
            std::nearbyint(op.weights[index] / scale), lowest, kWeightMax);
        quantized->weights[index] = static_cast<int8_t>(rounded);
        mean_error += (double{rounded} * scale - op.weights[index]) *
                      input_means[layout.depthwise ? o : i];
      }
    }
    if (is_prescribed) mean_error = 0.0;
    const double bias_scale = double{input.scale} * scale;
    const double bias = (op.bias[o] - mean_error) / bias_scale;
    if (!(std::abs(bias) < 2.0 * kLargestBias)) {
      throw CompileError("a bias of " + std::to_string(op.bias[o]) +
                         " is too large for the scales prescribed");
    }
    quantized->bias.push_back(static_cast<int32_t>(std::nearbyint(bias)));
    // In float32 and in this order, as TensorFlow Lite computes it.
    quantized->requant.push_back(input.scale * scale / output.scale);
  }
}

// q = pixel - 128 where all channels are alike and the mean is a whole number
// near the middle. Else whatever covers 0 to 255 in every channel.
QuantParams ImageQuant(const Graph& graph) {
  const float mean = graph.input_mean[0];
  const float std = graph.input_std[0];
  const auto all_are = [](const std::array<float, 3>& values, float value) {
    return std::count(values.begin(), values.end(), value) == 3;
  };
  if (all_are(graph.input_mean, mean) && all_are(graph.input_std, std)) {
    const float zero_point = std::nearbyint(mean) - 128.0f;
    return {1.0f / std,
            static_cast<int32_t>(std::clamp(zero_point, -128.0f, 127.0f))};
  }
  Range range = {0.0f, 0.0f};
  for (int i = 0; i < 3; ++i) {
    range.min = std::min(range.min, -graph.input_mean[i] / graph.input_std[i]);
    range.max = std::max(range.max,
                         (255.0f - graph.input_mean[i]) / graph.input_std[i]);
  }
  return ParamsForRange(range);
}

// By tensor: which ones the ops tie together that keep the quantisation. Tied
// tensors have one number.
std::vector<int32_t> TiedTensors(const Graph& graph) {
  std::vector<int32_t> group(graph.tensors.size());
  std::iota(group.begin(), group.end(), 0);
  const auto tie = [&](int32_t a, int32_t b) {
    const int32_t from = group[a];
    const int32_t to = group[b];
    std::replace(group.begin(), group.end(), from, to);
  };
  for (const GraphOp& op : graph.ops) {
    if (!KeepsQuantisation(op)) continue;
    tie(op.input, op.output);
    if (op.input2 != kNone) tie(op.input2, op.output);
  }
  return group;
}

// By group: what the graph prescribes, and what a softmax writes, which is as
// TensorFlow Lite prescribes.
std::map<int32_t, QuantParams> Prescribed(const Graph& graph,
                                          const std::vector<int32_t>& group) {
  std::map<int32_t, QuantParams> prescribed;
  for (std::size_t t = 0; t < group.size(); ++t) {
    const std::optional<QuantParams>& quant = graph.tensors[t].quant;
    if (quant) prescribed[group[t]] = *quant;
  }
  for (const GraphOp& op : graph.ops) {
    if (op.kind == OpKind::kSoftmax) {
      prescribed[group[op.output]] = {1.0f / 256.0f, -128};
    }
  }
  return prescribed;
}

// Gives all tensors that are tied together one quantisation: a prescribed one,
// that of the image if it is among them, else one that covers them all.
void ShareQuantisation(const Graph& graph, const Calibration& calibration,
                       std::vector<QuantParams>* quant) {
  const std::vector<int32_t> group = TiedTensors(graph);
  std::map<int32_t, QuantParams> fixed = Prescribed(graph, group);
  fixed.try_emplace(group[graph.input], (*quant)[graph.input]);
  std::map<int32_t, Range> ranges;
  for (std::size_t t = 0; t < group.size(); ++t) {
    const Range range = calibration.ranges[t];
    const auto [it, is_first] = ranges.try_emplace(group[t], range);
    it->second = {std::min(it->second.min, range.min),
                  std::max(it->second.max, range.max)};
  }
  for (std::size_t t = 0; t < group.size(); ++t) {
    const auto it = fixed.find(group[t]);
    (*quant)[t] =
        it != fixed.end() ? it->second : ParamsForRange(ranges.at(group[t]));
  }
}

}  // namespace

bool KeepsQuantisation(const GraphOp& op) {
  return op.kind == OpKind::kResizeNearest || op.kind == OpKind::kReshape ||
         op.kind == OpKind::kConcat ||
         (op.kind == OpKind::kPool &&
          op.variant != static_cast<uint8_t>(format::PoolMode::kMean));
}

bool IsPrescribed(const Graph& graph) {
  const std::vector<int32_t> group = TiedTensors(graph);
  const std::map<int32_t, QuantParams> prescribed = Prescribed(graph, group);
  return std::all_of(group.begin(), group.end(), [&](int32_t number) {
    return prescribed.contains(number);
  });
}

Calibration WithoutCalibration(const Graph& graph) {
  Calibration calibration;
  calibration.ranges.assign(graph.tensors.size(), {0.0f, 1.0f});
  for (const GraphTensor& tensor : graph.tensors) {
    calibration.channel_means.emplace_back(tensor.shape.c, 0.0f);
  }
  return calibration;
}

std::vector<int8_t> TabulateFunction(
    QuantParams input, QuantParams output,
    const std::function<float(float)>& function) {
  std::vector<int8_t> table;
  for (int32_t q = -128; q <= 127; ++q) {
    const float real =
        function(input.scale * static_cast<float>(q - input.zero_point));
    const float value = real / output.scale;
    const float bounded = std::clamp(value, -1024.0f, 1024.0f);
    table.push_back(static_cast<int8_t>(std::clamp(
        static_cast<int32_t>(std::nearbyint(bounded)) + output.zero_point, -128,
        127)));
  }
  return table;
}

std::vector<float> TabulateExp(float scale) {
  std::vector<float> table(256);
  for (int32_t i = 0; i < 256; ++i) {
    table[255 - i] = std::exp(-scale * static_cast<float>(i));
  }
  return table;
}

void SetAddScales(float input_scale, float input2_scale, float output_scale,
                  QuantizedOp* op) {
  const float ratio = input_scale / output_scale;
  const float ratio2 = input2_scale / output_scale;
  const float larger = std::max(ratio, ratio2);
  if (!(std::min(ratio, ratio2) >= 0x1p-10f) || !(larger < 0x1p8f)) {
    throw CompileError("addition with a scale ratio outside [2^-10, 2^8): " +
                       std::to_string(ratio) + " and " +
                       std::to_string(ratio2));
  }
  op->add_shift = 20 - std::ilogb(larger);
  op->add_multiplier =
      static_cast<int32_t>(std::lrint(std::ldexp(ratio, op->add_shift)));
  op->add_multiplier2 =
      static_cast<int32_t>(std::lrint(std::ldexp(ratio2, op->add_shift)));
  // Rounding up to a power of two would leave the multiplier's range.
  constexpr int32_t kLargest = (1 << 21) - 1;
  op->add_multiplier = std::min(op->add_multiplier, kLargest);
  op->add_multiplier2 = std::min(op->add_multiplier2, kLargest);
}

QuantizedGraph Quantize(const Graph& graph, const Calibration& calibration) {
  QuantizedGraph quantized;
  for (const Range& range : calibration.ranges) {
    quantized.quant.push_back(ParamsForRange(range));
  }
  quantized.quant[graph.input] = ImageQuant(graph);
  ShareQuantisation(graph, calibration, &quantized.quant);

  for (const GraphOp& op : graph.ops) {
    QuantizedOp& to = quantized.ops.emplace_back();
    const QuantParams input = quantized.quant[op.input];
    const QuantParams output = quantized.quant[op.output];
    to.activation_min = QuantizeBound(op.activation_min, output);
    to.activation_max = QuantizeBound(op.activation_max, output);
    if (op.is_convolution()) {
      const bool depthwise = op.kind == OpKind::kDepthwiseConv2d;
      const WeightLayout layout = {
          .taps = op.kernel_h * op.kernel_w,
          .inputs = depthwise ? 1 : graph.shape(op.input).c,
          .outputs = graph.shape(op.output).c,
          .depthwise = depthwise,
      };
      QuantizeConvolution(op, layout, input, output,
                          calibration.channel_means[op.input], &to);
    } else if (op.kind == OpKind::kAdd) {
      SetAddScales(input.scale, quantized.quant[op.input2].scale, output.scale,
                   &to);
    } else if (op.kind == OpKind::kMul) {
      to.requant = {input.scale * quantized.quant[op.input2].scale /
                    output.scale};
    } else if (op.kind == OpKind::kLookup) {
      to.weights = TabulateFunction(input, output, op.function);
    } else if (op.kind == OpKind::kSoftmax) {
      to.requant = TabulateExp(input.scale);
    } else if (op.kind == OpKind::kPool &&
               op.variant == static_cast<uint8_t>(format::PoolMode::kMean)) {
      to.requant = {
          input.scale /
          (output.scale * static_cast<float>(op.kernel_h * op.kernel_w))};
    }
  }
  return quantized;
}

}  // namespace ocellus
