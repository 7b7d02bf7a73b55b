// SPDX-License-Identifier: Apache-2.0
//
// Whatever a file holds, the reader of TensorFlow Lite models gives a network
// that packs into a sound model, or a CompileError.
#include <cstddef>
#include <cstdint>

#include "detector/compile_error.h"
#include "detector/import/tflite/read_tflite.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const ocellus::ImportedModel imported =
        ocellus::ReadTflite("fuzz", {data, size});
    (void)ocellus::PackModel(imported.graph, imported.quantized,
                             ocellus::PlanMemory(imported.graph));
  } catch (const ocellus::CompileError&) {
  }
  return 0;
}
