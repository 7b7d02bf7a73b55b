// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "detector/graph/graph.h"

namespace ocellus {

// The real values that int8 -128 and 127 stand for.
struct Range {
  float min = 0.0f;
  float max = 0.0f;
};

// What calibration learns of a graph's tensors, by tensor index.
struct Calibration {
  std::vector<Range> ranges;
  // Mean of each channel, [C] per tensor, for the correction of biases.
  std::vector<std::vector<float>> channel_means;
};

// How the range of a tensor follows from the histogram of its values.
enum class RangeChoice {
  kLeastError,  // least mean squared error between values and their int8 form
  kMinMax,      // all values
  kPercentile,  // all but 1 in 20,000 at either end
  kEntropy,     // least relative entropy of the int8 form to the values
};

// Runs a graph over calibration images and chooses each tensor's range. All
// images are run twice: once for the extremes, once for the histograms. Class
// logits of our own heads keep their largest value and nothing below -6, a
// score of 0.0025, whatever the choice.
//
//   images    pixels 0..255, each [H, W, 3] of the graph's input, RGB
//   progress  called with the number of runs done and their total
//
// Throws CompileError without images, or if a tensor takes a value that is not
// finite.
Calibration Calibrate(const Graph& graph,
                      std::span<const std::vector<uint8_t>> images,
                      const std::function<void(int, int)>& progress,
                      RangeChoice choice = RangeChoice::kLeastError);

// Of the histogram of a tensor over [range.min, range.max], the range within it
// that is chosen so. The result contains 0 and its ends differ.
Range ChooseRange(std::span<const int64_t> histogram, Range range,
                  RangeChoice choice);

// ChooseRange() by the least squared error.
Range LeastErrorRange(std::span<const int64_t> histogram, Range range);

}  // namespace ocellus
