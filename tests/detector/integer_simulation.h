// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// A quantised graph worked out the long way: 64-bit sums, the C library's
// rounding, every tensor kept apart. It shares no code with the runtime, whose
// answers it checks.
inline std::vector<std::vector<int8_t>> SimulateIntegers(
    const Graph& graph, const QuantizedGraph& quantized,
    const std::vector<int8_t>& image) {
  std::vector<std::vector<int8_t>> tensors(graph.tensors.size());
  tensors[graph.input] = image;
  for (std::size_t index = 0; index < graph.ops.size(); ++index) {
    const GraphOp& op = graph.ops[index];
    const QuantizedOp& values = quantized.ops[index];
    const Shape in = graph.shape(op.input);
    const Shape out = graph.shape(op.output);
    const std::vector<int8_t>& a = tensors[op.input];
    const QuantParams in_quant = quantized.quant[op.input];
    const QuantParams out_quant = quantized.quant[op.output];
    std::vector<int8_t>& result = tensors[op.output];
    const auto clamp = [&](int64_t value) {
      return static_cast<int8_t>(std::clamp<int64_t>(
          value, values.activation_min, values.activation_max));
    };
    for (int32_t y = 0; y < out.h; ++y) {
      for (int32_t x = 0; x < out.w; ++x) {
        for (int32_t c = 0; c < out.c; ++c) {
          if (op.kind == format::OpKind::kResizeNearest) {
            const int32_t from_y = y / (out.h / in.h);
            const int32_t from_x = x / (out.w / in.w);
            result.push_back(a[(from_y * in.w + from_x) * in.c + c]);
            continue;
          }
          if (op.kind == format::OpKind::kAdd) {
            const std::size_t i = result.size();
            const QuantParams b_quant = quantized.quant[op.input2];
            const int64_t sum =
                (int64_t{1} << (values.add_shift - 1)) +
                int64_t{a[i] - in_quant.zero_point} * values.add_multiplier +
                int64_t{tensors[op.input2][i] - b_quant.zero_point} *
                    values.add_multiplier2;
            // Floor division by a power of two.
            const auto quotient = static_cast<int64_t>(std::floor(
                std::ldexp(static_cast<double>(sum), -values.add_shift)));
            result.push_back(clamp(quotient + out_quant.zero_point));
            continue;
          }
          const bool depthwise = op.kind == format::OpKind::kDepthwiseConv2d;
          int64_t sum = values.bias[c];
          for (int32_t ky = 0; ky < op.kernel; ++ky) {
            for (int32_t kx = 0; kx < op.kernel; ++kx) {
              const int32_t in_y = y * op.stride - op.pad + ky;
              const int32_t in_x = x * op.stride - op.pad + kx;
              const bool inside =
                  in_y >= 0 && in_y < in.h && in_x >= 0 && in_x < in.w;
              const int32_t tap = ky * op.kernel + kx;
              const int32_t taps = op.kernel * op.kernel;
              const int32_t first = depthwise ? c : 0;
              const int32_t end = depthwise ? c + 1 : in.c;
              for (int32_t i = first; i < end; ++i) {
                const int32_t weight =
                    depthwise ? values.weights[tap * out.c + c]
                              : values.weights[(c * taps + tap) * in.c + i];
                const int32_t real_value =
                    inside ? a[(in_y * in.w + in_x) * in.c + i] -
                                 in_quant.zero_point
                           : 0;
                sum += int64_t{real_value} * weight;
              }
            }
          }
          const float scaled = static_cast<float>(sum) * values.requant[c];
          result.push_back(clamp(static_cast<int64_t>(
              std::nearbyint(std::clamp(scaled, -1e6f, 1e6f)) +
              static_cast<float>(out_quant.zero_point))));
        }
      }
    }
  }
  return tensors;
}

}  // namespace ocellus
