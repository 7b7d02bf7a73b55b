// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "detector/graph/graph_builder.h"
#include "detector/graph/network_description.h"

namespace ocellus {

// Appends the stem and the inverted residual blocks of `network` behind
// `image`. Returns the last block's output at each stride, keyed by stride.
std::map<int32_t, int32_t> BuildBackbone(const NetworkDescription& network,
                                         int32_t image, GraphBuilder* builder);

}  // namespace ocellus
