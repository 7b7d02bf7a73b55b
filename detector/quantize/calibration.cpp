// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "detector/compile_error.h"
#include "detector/quantize/float_executor.h"

namespace ocellus {
namespace {

constexpr int32_t kBins = 2048;
constexpr float kInt8Steps = 255.0f;
constexpr float kLeastLogit = -6.0f;  // a score of 0.0025

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

// Relative entropy of a histogram's values, those beyond `chosen` moved to its
// ends, to what int8 with that range makes of those within. In nats. Zeros, of
// which a ReLU makes many, do not count: every range has them exactly.
//
// Source: Migacz, "8-bit inference with TensorRT", 2017.
double RelativeEntropy(std::span<const int64_t> all_values, Range range,
                       Range chosen) {
  std::vector<int64_t> histogram(all_values.begin(), all_values.end());
  histogram[BinOf(0.0f, range)] = 0;
  const double bin = (double{range.max} - range.min) / kBins;
  const double step = (double{chosen.max} - chosen.min) / kInt8Steps;
  const int32_t first = BinOf(chosen.min, range);
  const int32_t last = BinOf(chosen.max, range);
  const auto step_of = [&](int32_t i) {
    const double value = range.min + (i + 0.5) * bin;
    return std::clamp(static_cast<int32_t>((value - chosen.min) / step), 0,
                      254);
  };
  // An int8 step spreads its values evenly over the bins that had any.
  std::array<double, 255> values = {};
  std::array<double, 255> bins = {};
  double all = 0.0;
  double within = 0.0;
  for (int32_t i = 0; i < kBins; ++i) {
    all += static_cast<double>(histogram[i]);
    if (i < first || i > last || histogram[i] == 0) continue;
    within += static_cast<double>(histogram[i]);
    values[step_of(i)] += static_cast<double>(histogram[i]);
    ++bins[step_of(i)];
  }
  const auto beyond = [&](int32_t begin, int32_t end) {
    double count = 0.0;
    for (int32_t i = begin; i < end; ++i) {
      count += static_cast<double>(histogram[i]);
    }
    return count;
  };
  double entropy = 0.0;
  for (int32_t i = first; i <= last; ++i) {
    auto count = static_cast<double>(histogram[i]);
    if (i == first) count += beyond(0, first);
    if (i == last) count += beyond(last + 1, kBins);
    if (count == 0.0) continue;
    const double p = count / all;
    const double n = bins[step_of(i)];
    // A bin that only outliers fill has no share of int8's values: as little as
    // one value would have.
    const double q = histogram[i] == 0 || within == 0.0
                         ? 1.0 / (all + 1.0)
                         : values[step_of(i)] / n / within;
    entropy += p * std::log(p / q);
  }
  return entropy;
}

// Leaves out the values nearest to either end.
Range PercentileRange(std::span<const int64_t> histogram, Range range) {
  const int64_t all =
      std::accumulate(histogram.begin(), histogram.end(), int64_t{0});
  const auto beyond = static_cast<double>(all) / 20000.0;
  int32_t first = 0;
  for (double left = static_cast<double>(histogram[0]);
       left <= beyond && first < kBins - 1;) {
    left += static_cast<double>(histogram[++first]);
  }
  int32_t last = kBins - 1;
  for (double left = static_cast<double>(histogram[last]);
       left <= beyond && last > first;) {
    left += static_cast<double>(histogram[--last]);
  }
  const float bin = (range.max - range.min) / kBins;
  const Range chosen = {range.min + static_cast<float>(first) * bin,
                        range.min + static_cast<float>(last + 1) * bin};
  return IncludingZero(
      {std::max(chosen.min, range.min), std::min(chosen.max, range.max)});
}

// Which range within `range` costs least, its ends drawn in one by one.
template <typename Cost>
Range LeastRange(Range range, const Cost& cost) {
  Range best = range;
  double best_error = cost(range);
  // Shrink either end in 1 % steps; each alone and both together.
  constexpr int32_t kSteps = 70;
  const auto consider = [&](Range candidate) {
    const double error = cost(candidate);
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

}  // namespace

Range ChooseRange(std::span<const int64_t> histogram, Range range,
                  RangeChoice choice) {
  range = IncludingZero(range);
  // Below this, steps of the range would be no numbers.
  constexpr float kSmallest = 1e-30f;
  if (!(range.max - range.min > kSmallest)) return {0.0f, 1.0f};
  switch (choice) {
    case RangeChoice::kMinMax:
      return range;
    case RangeChoice::kPercentile:
      return PercentileRange(histogram, range);
    case RangeChoice::kEntropy:
      return LeastRange(range, [&](Range candidate) {
        return RelativeEntropy(histogram, range, candidate);
      });
    case RangeChoice::kLeastError:
      break;
  }
  return LeastRange(range, [&](Range candidate) {
    return SquaredError(histogram, range, candidate);
  });
}

Range LeastErrorRange(std::span<const int64_t> histogram, Range range) {
  return ChooseRange(histogram, range, RangeChoice::kLeastError);
}

Calibration Calibrate(const Graph& graph,
                      std::span<const std::vector<uint8_t>> images,
                      const std::function<void(int, int)>& progress,
                      RangeChoice choice) {
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
  const int total = static_cast<int>(2 * images.size());
  int done = 0;
  const auto run_all = [&](const auto& observe) {
    for (const std::vector<uint8_t>& image : images) {
      executor.RunPixels(image);
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

  // All that matters of a class logit is above scores that nobody keeps; and
  // where the few high ones were cut off, the best detections would tie.
  std::vector<bool> is_score(tensor_count, false);
  for (const GraphLevel& level : graph.levels) {
    if (graph.head.encoding != format::BoxEncoding::kLtrbExp) break;
    Range& range = extremes[level.class_tensor];
    range.min = std::max(range.min, kLeastLogit);
    is_score[level.class_tensor] = true;
  }

  Calibration calibration;
  for (std::size_t t = 0; t < tensor_count; ++t) {
    calibration.ranges.push_back(
        ChooseRange(histograms[t], extremes[t],
                    is_score[t] ? RangeChoice::kMinMax : choice));
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
