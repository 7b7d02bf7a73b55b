// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "detector/graph/graph_builder.h"
#include "detector/graph/network_description.h"

namespace ocellus {

// Appends the detection head behind the backbone's outputs, keyed by stride,
// and fills graph->levels. Throws CompileError if a stride has no output.
void BuildYoloHead(const NetworkDescription& network,
                   const std::map<int32_t, int32_t>& backbone,
                   GraphBuilder* builder, Graph* graph);

}  // namespace ocellus
