// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "detector/graph/graph.h"
#include "detector/plan/tiling.h"
#include "runtime/kernels/backend.h"

namespace ocellus {

// Bytes of scratch that a backend's kernel takes for one run of `op` that
// computes at most `output_rows` x `output_columns` pixels. A null backend
// takes none.
int64_t ScratchBytes(const Graph& graph, const GraphOp& op, int32_t output_rows,
                     int32_t output_columns, const Backend* backend);

// The same for the largest tile of a stage that holds the op.
int64_t ScratchInStage(const Graph& graph, const GraphOp& op,
                       const Stage& stage, const Backend* backend);

}  // namespace ocellus
