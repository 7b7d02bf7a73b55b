// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

#include "runtime/input_table.h"
#include "runtime/tensor.h"

namespace ocellus {

// The table of each channel.
struct InputTables {
  std::array<InputTable, 3> channels = {};
  bool is_bgr = false;  // blue first in the network's input
};

InputTables MakeInputTables(const Model& model);

// How the three bytes of a pixel are stored. OpenCV reads BGR.
enum class ChannelOrder { kRgb, kBgr };

// `image` (8 bit, 3 channels) stretched to `size`, bilinearly and without
// keeping the aspect.
cv::Mat Stretch(const cv::Mat& image, cv::Size size);

// Stretches `image` to the input's height and width and writes it
// through `tables`, in the order of channels that the network wants.
void FillInput(const cv::Mat& image, ChannelOrder order,
               const InputTables& tables, Tensor<int8_t> input);

}  // namespace ocellus
