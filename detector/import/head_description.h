// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "detector/graph/graph.h"

namespace ocellus {

// Tells what an imported network's input and outputs mean: sets `graph`'s
// classes, normalisation, levels and head from a JSON file (see
// detector/import/README.md). On entry the graph's levels are its outputs.
//
// Throws CompileError naming the file and the first value that is missing, of
// the wrong kind, or does not fit the network.
void ApplyHeadDescription(const std::string& path, Graph* graph);

}  // namespace ocellus
