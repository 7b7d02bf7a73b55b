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
          const auto index_in = [](const Shape& s, int32_t py, int32_t px,
                                   int32_t pc) {
            return (py * s.w + px) * s.c + pc;
          };
          const auto round_to = [&](double value) {
            return clamp(static_cast<int64_t>(
                             std::nearbyint(std::clamp(value, -1e6, 1e6))) +
                         out_quant.zero_point);
          };
          if (op.kind == format::OpKind::kLookup) {
            result.push_back(values.weights[a[result.size()] + 128]);
            continue;
          }
          if (op.kind == format::OpKind::kReshape) {
            result.push_back(a[result.size()]);
            continue;
          }
          if (op.kind == format::OpKind::kMul) {
            const Shape in2 = graph.shape(op.input2);
            const int64_t product =
                int64_t{a[result.size()] - in_quant.zero_point} *
                (tensors[op.input2][index_in(in2, in2.h == 1 ? 0 : y,
                                             in2.w == 1 ? 0 : x, c)] -
                 quantized.quant[op.input2].zero_point);
            result.push_back(round_to(
                double{static_cast<float>(product) * values.requant[0]}));
            continue;
          }
          if (op.kind == format::OpKind::kConcat) {
            const bool second = y >= in.h || x >= in.w || c >= in.c;
            const Shape in2 = graph.shape(op.input2);
            result.push_back(
                second ? tensors[op.input2][index_in(in2, y - (out.h - in2.h),
                                                     x - (out.w - in2.w),
                                                     c - (out.c - in2.c))]
                       : a[index_in(in, y, x, c)]);
            continue;
          }
          if (op.kind == format::OpKind::kSoftmax) {
            const int8_t* pixel = &a[index_in(in, y, x, 0)];
            const int32_t largest = *std::max_element(pixel, pixel + in.c);
            float sum = 0.0f;
            for (int32_t i = 0; i < in.c; ++i) {
              sum += values.requant[255 - (largest - pixel[i])];
            }
            const float share = values.requant[255 - (largest - pixel[c])] *
                                (1.0f / (sum * out_quant.scale));
            result.push_back(clamp(static_cast<int64_t>(share + 0.5f) +
                                   out_quant.zero_point));
            continue;
          }
          if (op.kind == format::OpKind::kPool) {
            std::vector<int64_t> window;
            for (int32_t ky = 0; ky < op.kernel_h; ++ky) {
              for (int32_t kx = 0; kx < op.kernel_w; ++kx) {
                const int32_t in_y = y * op.stride_y - op.pad_top + ky;
                const int32_t in_x = x * op.stride_x - op.pad_left + kx;
                if (in_y >= 0 && in_y < in.h && in_x >= 0 && in_x < in.w) {
                  window.push_back(a[index_in(in, in_y, in_x, c)]);
                }
              }
            }
            const auto count = static_cast<int64_t>(window.size());
            int64_t sum = 0;
            for (const int64_t value : window) sum += value;
            switch (static_cast<format::PoolMode>(op.variant)) {
              case format::PoolMode::kMax:
                result.push_back(
                    clamp(*std::max_element(window.begin(), window.end())));
                break;
              case format::PoolMode::kAverage:
                result.push_back(clamp(std::llround(
                    static_cast<double>(sum) / static_cast<double>(count))));
                break;
              case format::PoolMode::kMean:
                result.push_back(round_to(double{
                    static_cast<float>(sum - count * in_quant.zero_point) *
                    values.requant[0]}));
                break;
            }
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
          for (int32_t ky = 0; ky < op.kernel_h; ++ky) {
            for (int32_t kx = 0; kx < op.kernel_w; ++kx) {
              const int32_t in_y = y * op.stride_y - op.pad_top + ky;
              const int32_t in_x = x * op.stride_x - op.pad_left + kx;
              const bool inside =
                  in_y >= 0 && in_y < in.h && in_x >= 0 && in_x < in.w;
              const int32_t tap = ky * op.kernel_w + kx;
              const int32_t taps = op.kernel_h * op.kernel_w;
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
