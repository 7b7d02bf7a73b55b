// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "detector/graph/graph.h"

namespace ocellus {

// Ops that keep the quantisation tie their tensors together. Where a graph
// prescribes several for tensors so tied, puts a table before the op that turns
// one into the other.
void SeparateQuantisations(Graph* graph);

}  // namespace ocellus
