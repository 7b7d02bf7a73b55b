// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "detector/compile_error.h"
#include "detector/quantize/float_executor.h"

namespace ocellus {
namespace {

constexpr int32_t kBins = 2048;
constexpr float kInt8Steps = 255.0f;

// Zero must be a quantised value exactly: it pads, and it is ReLU's bound.
Range IncludingZero(Range range) {
  return {std::min(range.min, 0.0f), std::max(range.max, 0.0f)};
}

int32_t BinOf(float value, Range range) {
  const float position = (value - range.min) / (range.max - range.min);
  return std::clamp(static_cast<int32_t>(position * kBins), 0, kBins - 1);
}

// Squared error of a histogram's values under int8 with range `chosen`.
double SquaredError(std::span<const int64_t> histogram, Range range,
                    Range chosen) {
  const double bin = (double{range.max} - range.min) / kBins;
  const double step = (double{chosen.max} - chosen.min) / kInt8Steps;
  double error = 0.0;
  for (int32_t i = 0; i < kBins; ++i) {
    if (histogram[i] == 0) continue;
    const double value = range.min + (i + 0.5) * bin;
    const double beyond =
        value - std::clamp(value, double{chosen.min}, double{chosen.max});
    // A value within the range is off by an even share of one step.
    error += static_cast<double>(histogram[i]) *
             (beyond != 0.0 ? beyond * beyond : step * step / 12.0);
  }
  return error;
}

}  // namespace

Range LeastErrorRange(std::span<const int64_t> histogram, Range range) {
  range = IncludingZero(range);
  // Below this, steps of the range would be no numbers.
  constexpr float kSmallest = 1e-30f;
  if (!(range.max - range.min > kSmallest)) return {0.0f, 1.0f};
  Range best = range;
  double best_error = SquaredError(histogram, range, range);
  // Shrink either end in 1 % steps; each alone and both together.
  constexpr int32_t kSteps = 70;
  const auto consider = [&](Range candidate) {
    const double error = SquaredError(histogram, range, candidate);
    if (error < best_error) {
      best_error = error;
      best = candidate;
    }
  };
  for (int32_t i = 1; i <= kSteps; ++i) {
    consider({best.min, range.max * (1.0f - 0.01f * static_cast<float>(i))});
  }
  for (int32_t i = 1; i <= kSteps; ++i) {
    consider({range.min * (1.0f - 0.01f * static_cast<float>(i)), best.max});
  }
  return best;
}

Calibration Calibrate(const Graph& graph,
                      std::span<const std::vector<uint8_t>> images,
                      const std::function<void(int, int)>& progress) {
  if (images.empty()) throw CompileError("no calibration images");
  const std::size_t tensor_count = graph.tensors.size();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<Range> extremes(tensor_count, {kInfinity, -kInfinity});
  std::vector<std::vector<double>> channel_sums;
  std::vector<std::vector<int64_t>> histograms(tensor_count);
  for (std::size_t t = 0; t < tensor_count; ++t) {
    channel_sums.emplace_back(graph.tensors[t].shape.c, 0.0);
    histograms[t].assign(kBins, 0);
  }

  FloatExecutor executor(graph);
  std::vector<float> real(graph.shape(graph.input).elements());
  const int total = static_cast<int>(2 * images.size());
  int done = 0;
  const auto run_all = [&](const auto& observe) {
    for (const std::vector<uint8_t>& image : images) {
      for (std::size_t i = 0; i < image.size(); ++i) {
        real[i] = (static_cast<float>(image[i]) - graph.input_mean[i % 3]) /
                  graph.input_std[i % 3];
      }
      executor.Run(real);
      for (std::size_t t = 0; t < tensor_count; ++t) {
        observe(t, executor.tensor(static_cast<int32_t>(t)));
      }
      if (progress) progress(++done, total);
    }
  };

  run_all([&](std::size_t t, std::span<const float> values) {
    Range& range = extremes[t];
    std::vector<double>& sums = channel_sums[t];
    std::size_t channel = 0;
    for (const float value : values) {
      // Far below float's end, so that differences of ranges are finite.
      constexpr float kLargest = 1e30f;
      if (!(std::abs(value) <= kLargest)) {
        throw CompileError(
            "tensor " + graph.tensors[t].name +
            " is not finite, or beyond 1e30, on a calibration image");
      }
      range.min = std::min(range.min, value);
      range.max = std::max(range.max, value);
      sums[channel] += value;
      channel = channel + 1 == sums.size() ? 0 : channel + 1;
    }
  });
  for (Range& range : extremes) range = IncludingZero(range);
  run_all([&](std::size_t t, std::span<const float> values) {
    const Range range = extremes[t];
    if (!(range.max > range.min)) return;
    for (const float value : values) ++histograms[t][BinOf(value, range)];
  });

  Calibration calibration;
  for (std::size_t t = 0; t < tensor_count; ++t) {
    calibration.ranges.push_back(LeastErrorRange(histograms[t], extremes[t]));
    const Shape shape = graph.tensors[t].shape;
    const double pixels =
        static_cast<double>(images.size()) * shape.h * shape.w;
    std::vector<float>& means = calibration.channel_means.emplace_back();
    for (const double sum : channel_sums[t]) {
      means.push_back(static_cast<float>(sum / pixels));
    }
  }
  return calibration;
}

}  // namespace ocellus
