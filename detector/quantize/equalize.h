// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "detector/graph/graph.h"

namespace ocellus {

// Scales the channels between two convolutions so that each of them uses the
// int8 range of its tensor, which one scale has to serve: what the first
// multiplies its outputs by, the second divides its weights by. Channels are
// scaled where a depthwise convolution alone reads them (its weights have a
// scale for each channel, so nothing is lost), up to the clamp of the first.
// A channel is clamped no lower than kHeadroom times its largest value on the
// images; otherwise the network computes what it did.
//
// Cross-layer equalisation of Nagel et al., 2019 (arXiv 1906.04721), from
// ranges of activations instead of weights.
//
//   images    as of Calibrate()
//   progress  called with the number of runs done and their total
//
// Throws CompileError without images.
void EqualizeChannels(std::span<const std::vector<uint8_t>> images,
                      const std::function<void(int, int)>& progress,
                      Graph* graph);

inline constexpr float kHeadroom = 1.25f;

}  // namespace ocellus
