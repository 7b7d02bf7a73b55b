// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "detector/graph/graph.h"
#include "detector/graph/network_description.h"
#include "detector/graph/weight_source.h"

namespace ocellus {

// The float graph of a described network with trained weights, batch norm
// folded. Throws CompileError naming what is missing or does not fit.
Graph BuildGraph(const NetworkDescription& network,
                 const WeightSource& weights);

}  // namespace ocellus
