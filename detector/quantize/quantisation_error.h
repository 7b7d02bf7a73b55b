// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "detector/graph/graph.h"
#include "detector/quantize/quantize.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

// How far what an op writes in int8 is from what it writes in float, when both
// networks see the same images from the start.
struct OpError {
  double signal_rms = 0.0;  // of the float values
  double error_rms = 0.0;   // of the differences
  double largest = 0.0;     // difference

  // In decibels; infinite without an error.
  double signal_to_noise() const;
};

// By op. Arguments as for Calibrate().
std::vector<OpError> MeasureErrors(
    const Graph& graph, const QuantizedGraph& quantized,
    std::span<const std::vector<uint8_t>> images, const Backend& backend,
    const std::function<void(int, int)>& progress);

}  // namespace ocellus
