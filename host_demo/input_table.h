// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "runtime/model.h"
#include "runtime/tensor.h"

namespace ocellus {

// What each pixel value becomes in the network's input:
//   clamp(round((pixel - mean) / std / scale) + zero_point, -128, 127)
// with halves rounded away from zero.
using InputTable = std::array<int8_t, 256>;

InputTable MakeInputTable(const Model& model);

// How the three bytes of a pixel are stored. OpenCV reads BGR.
enum class ChannelOrder { kRgb, kBgr };

// `image` (8 bit, 3 channels) stretched to `size`, bilinearly and without
// keeping the aspect.
cv::Mat Stretch(const cv::Mat& image, cv::Size size);

// Stretches `image` to the input's height and width and writes it as RGB
// through `table`.
void FillInput(const cv::Mat& image, ChannelOrder order,
               const InputTable& table, Tensor<int8_t> input);

}  // namespace ocellus
