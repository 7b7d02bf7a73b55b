// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/model.h"

namespace ocellus {

// What one operator of a model costs.
struct OpReport {
  std::string kind;  // e.g. "conv2d 1x1", "depthwise", "add", "resize"
  std::string name;  // of its output
  Shape input;
  Shape output;
  int kernel_h = 0;  // 0: no convolution
  int kernel_w = 0;
  int stride_y = 0;
  int stride_x = 0;
  bool in_place = false;        // its output overwrites (one of) its inputs
  int stage = -1;               // the patch stage it is in, -1: none
  int64_t macs = 0;             // as run, what patches compute again included
  int64_t weight_bytes = 0;     // int8 weights
  int64_t parameter_bytes = 0;  // biases and scales beside them
  int64_t ring_bytes = 0;
  // Arena bytes that hold something needed while it runs: tensors written and
  // still to be read, its own inputs and output, and its ring. Bytes shared by
  // two tensors (in place) count once.
  int64_t live_bytes = 0;
  // As the MCUNetV2 paper counts: as live_bytes, without input image and ring.
  int64_t live_bytes_paper = 0;
  // First arena byte behind all of them.
  int64_t high_water_bytes = 0;
};

// Operators that run tile by tile.
struct StageReport {
  int first_op = 0;
  int end_op = 0;  // one behind the last
  int tile_rows = 0;
  int tile_columns = 0;
};

struct ModelReport {
  std::vector<OpReport> ops;
  std::vector<StageReport> stages;
  int64_t macs = 0;          // as run
  int64_t macs_untiled = 0;  // if no pixel were computed twice
  int64_t weight_bytes = 0;
  int64_t parameter_bytes = 0;
  int64_t blob_bytes = 0;
  int64_t arena_bytes = 0;  // as planned
  // No plan of this order of operators needs less than this.
  int64_t peak_live_bytes = 0;
  int64_t peak_live_bytes_paper = 0;
  int peak_op = 0;  // the first that needs peak_live_bytes
  int peak_op_paper = 0;
};

// Tensors live from the operator that writes them (the image: from the start)
// to the last that reads them; what the head decodes lives to the end. In a
// patch stage, what comes from before, is used behind, or is kept from tile to
// tile lives all along. A tensor counts with the bytes it has in the arena.
ModelReport ReportModel(const Model& model);

// "h x w x c", e.g. "224x224x3".
std::string ShapeText(Shape shape);

// 1234567 as "1,234,567".
std::string GroupedText(int64_t value);

}  // namespace ocellus
