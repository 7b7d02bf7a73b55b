// SPDX-License-Identifier: Apache-2.0
//
// Whatever a file holds, the reader of ONNX models gives a network that packs
// into a sound model, or a CompileError.
#include <cstddef>
#include <cstdint>

#include "detector/compile_error.h"
#include "detector/import/onnx/read_onnx.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "detector/quantize/quantize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  try {
    const ocellus::Graph graph = ocellus::ReadOnnx("fuzz", {data, size});
    (void)ocellus::PackModel(
        graph, ocellus::Quantize(graph, ocellus::WithoutCalibration(graph)),
        ocellus::PlanMemory(graph));
  } catch (const ocellus::CompileError&) {
  }
  return 0;
}
