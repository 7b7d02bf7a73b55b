// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace ocellus {

// `depth` inverted residual blocks; the first has the stride. A block expands
// its input channels `expansion` times (not at all at 1), convolves each
// channel with a kernel x kernel filter (not at all at 1) and projects to
// `width` channels. It adds its input where shapes allow.
struct BlockDescription {
  int32_t kernel = 3;
  int32_t expansion = 1;
  int32_t width = 0;
  int32_t depth = 1;
  int32_t stride = 1;
};

struct StemDescription {
  int32_t kernel = 3;
  int32_t stride = 2;
  int32_t width = 0;
};

// A feature pyramid: each stride's last block feeds one level, and coarse
// levels are enlarged and added to finer ones (behind a 1x1 convolution if
// those have another width). A level of `outputs` ends in `tower_depth`
// depthwise-separable convolutions and two 1x1 convolutions, for the classes
// and the boxes; the last `separate` of the depthwise-separable ones are there
// twice, once for each.
struct HeadDescription {
  std::vector<int32_t> strides;  // finest first, each twice the one before
  std::vector<int32_t> widths;   // channels of each level, in that order
  int32_t kernel = 5;
  int32_t tower_depth = 2;
  float score_threshold = 0.3f;
  float nms_iou = 0.5f;
  std::vector<int32_t> outputs = {};  // the first stride and others, or {}: all
  std::vector<int32_t> separate = {};  // of each level, or {}: none
};

// A network as people write it, and as the trainer reads it too: the JSON
// files in detector/models/. Source of the search space: MCUNetV2 (Lin et al.,
// 2021).
struct NetworkDescription {
  std::string name;
  Shape input;
  float input_mean = 128.0f;  // real input = (pixel - mean) / std
  float input_std = 128.0f;
  std::vector<std::string> classes;
  StemDescription stem;
  std::vector<BlockDescription> blocks;
  HeadDescription head;
};

// Reads a description. Throws CompileError naming the file and the first value
// that is missing, of the wrong kind or out of range.
NetworkDescription ReadNetworkDescription(const std::string& path);

// The text of a file that reads as `network`.
std::string NetworkDescriptionText(const NetworkDescription& network);

}  // namespace ocellus
