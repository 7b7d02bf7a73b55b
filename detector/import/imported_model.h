// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "detector/graph/graph.h"
#include "detector/quantize/quantize.h"

namespace ocellus {

// A quantised network as another framework left it. The graph's float weights
// are empty; its levels are the network's outputs, one tensor each, in order.
struct ImportedModel {
  Graph graph;
  QuantizedGraph quantized;
};

}  // namespace ocellus
