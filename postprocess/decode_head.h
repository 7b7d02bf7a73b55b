// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "postprocess/detection.h"
#include "runtime/executor.h"
#include "runtime/model.h"

namespace ocellus {

// Decodes the outputs of a model's latest run, whatever head it has, see
// DecodeYolo() and DecodeAnchors(). Models without boxes give none.
std::size_t DecodeHead(const Model& model, const Executor& executor,
                       float score_threshold, std::span<Detection> detections);

}  // namespace ocellus
