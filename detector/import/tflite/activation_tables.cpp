// SPDX-License-Identifier: Apache-2.0
#include "detector/import/tflite/activation_tables.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace ocellus {
namespace {

std::vector<int8_t> Tabulate(const std::function<int64_t(int32_t)>& answer) {
  std::vector<int8_t> table;
  for (int32_t q = -128; q <= 127; ++q) {
    table.push_back(
        static_cast<int8_t>(std::clamp<int64_t>(answer(q), -128, 127)));
  }
  return table;
}

// A positive factor as mantissa * 2^(exponent - 31), 2^30 <= mantissa < 2^31.
struct FixedPoint {
  int32_t mantissa = 0;
  int32_t exponent = 0;
};

FixedPoint ToFixedPoint(double factor) {
  FixedPoint fixed;
  const double fraction = std::frexp(factor, &fixed.exponent);
  int64_t mantissa = std::llround(fraction * 0x1p31);
  if (mantissa == int64_t{1} << 31) {
    mantissa /= 2;
    ++fixed.exponent;
  }
  if (fixed.exponent < -31) return {};
  fixed.mantissa = static_cast<int32_t>(mantissa);
  return fixed;
}

// value / 2^exponent, rounded to the nearest, halves away from zero.
int64_t RoundingShift(int64_t value, int32_t exponent) {
  if (exponent == 0) return value;
  const int64_t half = int64_t{1} << (exponent - 1);
  return value >= 0 ? (value + half) >> exponent
                    : -((-value + half) >> exponent);
}

// TensorFlow Lite's product with two roundings.
int64_t Multiply(int64_t value, FixedPoint factor) {
  const int32_t left = std::max(factor.exponent, 0);
  const int32_t right = std::max(-factor.exponent, 0);
  // gemmlowp rounds the first half up, also below zero.
  const int64_t product = (value << left) * factor.mantissa;
  const int64_t nudge =
      product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
  const int64_t high = (product + nudge) / (int64_t{1} << 31);
  return RoundingShift(high, right);
}

int16_t SaturateInt16(int64_t value) {
  return static_cast<int16_t>(
      std::clamp<int64_t>(value, std::numeric_limits<int16_t>::min(),
                          std::numeric_limits<int16_t>::max()));
}

// The upper half of 2ab, rounded and saturated; `Rounds` false cuts off.
int16_t RoundingDoublingHigh(int16_t a, int16_t b) {
  if (a == b && a == std::numeric_limits<int16_t>::min()) {
    return std::numeric_limits<int16_t>::max();
  }
  const int32_t product = int32_t{a} * b;
  const int32_t nudge = product >= 0 ? 1 << 14 : 1 - (1 << 14);
  return static_cast<int16_t>((product + nudge) / (1 << 15));
}

int16_t DoublingHigh(int16_t a, int16_t b) {
  if (a == b && a == std::numeric_limits<int16_t>::min()) {
    return std::numeric_limits<int16_t>::max();
  }
  return static_cast<int16_t>(int32_t{a} * b / (1 << 15));
}

// A 32-bit mantissa's upper 16 bits, rounded.
int16_t UpperHalf(int32_t mantissa) {
  if (mantissa >= std::numeric_limits<int32_t>::max() - (1 << 15)) {
    return std::numeric_limits<int16_t>::max();
  }
  return static_cast<int16_t>((int64_t{mantissa} + (1 << 15)) >> 16);
}

// The input in the output's quantisation, as TensorFlow Lite's own kernels move
// it there.
std::vector<int8_t> RequantizeTable(QuantParams input, QuantParams output) {
  const FixedPoint factor =
      ToFixedPoint(double{input.scale} / double{output.scale});
  return Tabulate([&](int32_t q) {
    return Multiply(q - input.zero_point, factor) + output.zero_point;
  });
}

}  // namespace

std::vector<int8_t> LogisticTable(QuantParams input, QuantParams output) {
  return Tabulate([&](int32_t q) {
    const float x = input.scale * static_cast<float>(q - input.zero_point);
    const float probability = x < 0.0f ? 1.0f - 1.0f / (1.0f + std::exp(x))
                                       : 1.0f / (1.0f + std::exp(-x));
    return static_cast<int64_t>(std::nearbyint(probability / output.scale)) +
           output.zero_point;
  });
}

// Source: TensorFlow Lite's HARD_SWISH: 16-bit fixed point throughout, with 7
// more bits than the input has.
std::vector<int8_t> HardSwishTable(QuantParams input, QuantParams output) {
  const float fine_scale = input.scale / 128.0f;
  const FixedPoint to_output =
      ToFixedPoint(double{fine_scale} / double{output.scale});
  // (x + 3) / 6 in 15 bits behind the point.
  const FixedPoint to_gate =
      ToFixedPoint(double{fine_scale} / double{3.0f / 32768.0f});
  const int16_t output_factor = UpperHalf(to_output.mantissa);
  const int16_t gate_factor = UpperHalf(to_gate.mantissa);
  return Tabulate([&](int32_t q) {
    const auto fine = static_cast<int16_t>((q - input.zero_point) * 128);
    const int16_t value = RoundingDoublingHigh(fine, output_factor);
    int16_t gate = fine;
    if (to_gate.exponent > 0) {
      gate = SaturateInt16(int64_t{gate} << (to_gate.exponent - 1));
    }
    gate = RoundingDoublingHigh(gate, gate_factor);
    if (to_gate.exponent > 0) gate = SaturateInt16(int64_t{gate} * 2);
    if (to_gate.exponent < 0) {
      gate = static_cast<int16_t>(RoundingShift(gate, -to_gate.exponent));
    }
    gate = static_cast<int16_t>((int32_t{gate} + (1 << 15)) >> 1);
    const int16_t product = DoublingHigh(gate, value);
    return RoundingShift(product, std::max(-to_output.exponent, 0)) +
           output.zero_point;
  });
}

// Source: XNNPACK's conversion between int8 quantisations, with 8 bits behind
// the point.
std::vector<int8_t> QuantizeTable(QuantParams input, QuantParams output) {
  const float ratio = input.scale / output.scale;
  if (ratio < 0x1p-8f || ratio > 0x1p7f) {
    return RequantizeTable(input, output);  // beyond what XNNPACK takes
  }
  const auto factor = static_cast<int32_t>(std::nearbyint(256.0f * ratio));
  return Tabulate([&](int32_t q) {
    return output.zero_point + (((q - input.zero_point) * factor + 128) >> 8);
  });
}

std::vector<int8_t> ClampTable(QuantParams input, QuantParams output, float min,
                               float max) {
  const auto bound = [&](float real) {
    const double steps = std::round(double{real} / double{output.scale});
    return static_cast<int8_t>(
        std::clamp(steps + output.zero_point, -128.0, 127.0));
  };
  std::vector<int8_t> table = RequantizeTable(input, output);
  for (int8_t& value : table) value = std::clamp(value, bound(min), bound(max));
  return table;
}

}  // namespace ocellus
