// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

#include "runtime/input_table.h"
#include "runtime/tensor.h"

namespace ocellus {

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
