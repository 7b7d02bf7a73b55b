// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "detector/graph/graph.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// A quantised network of random operators of every kind.
struct RandomNetwork {
  Graph graph;
  QuantizedGraph quantized;
};

// The same seed gives the same network. It has some `op_count` operators of
// few channels on an image of a few dozen pixels a side.
RandomNetwork MakeRandomNetwork(uint32_t seed, int32_t op_count);

}  // namespace ocellus
