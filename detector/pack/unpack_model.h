// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "detector/graph/graph.h"
#include "detector/pack/pack_model.h"
#include "detector/quantize/quantize.h"
#include "runtime/model.h"

namespace ocellus {

// What a packed model was made of, so that it can be planned and packed again.
struct UnpackedModel {
  // Float weights, biases and activation bounds are not in a model and stay
  // empty here.
  Graph graph;
  QuantizedGraph quantized;
  Target target = Target::kAny;  // what its weights were laid out for
};

// PackModel() on the result, with the same plan, gives the same bytes. Throws
// CompileError for a model that PackModel() cannot have written: ops that
// read what was not written before.
UnpackedModel UnpackModel(const Model& model);

}  // namespace ocellus
