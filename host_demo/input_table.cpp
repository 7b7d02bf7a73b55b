// SPDX-License-Identifier: Apache-2.0
#include "host_demo/input_table.h"

#include <opencv2/imgproc.hpp>

namespace ocellus {

cv::Mat Stretch(const cv::Mat& image, cv::Size size) {
  if (image.size() == size) return image;
  cv::Mat stretched;
  cv::resize(image, stretched, size, 0, 0, cv::INTER_LINEAR);
  return stretched;
}

void FillInput(const cv::Mat& image, ChannelOrder order,
               const InputTable& table, Tensor<int8_t> input) {
  const cv::Mat stretched = Stretch(image, {input.shape.w, input.shape.h});
  const int red = order == ChannelOrder::kRgb ? 0 : 2;
  for (int32_t y = 0; y < input.shape.h; ++y) {
    const uint8_t* from = stretched.ptr<uint8_t>(y);
    int8_t* to = input.Row(y);
    for (int32_t x = 0; x < input.shape.w; ++x, from += 3, to += 3) {
      to[0] = table[from[red]];
      to[1] = table[from[1]];
      to[2] = table[from[2 - red]];
    }
  }
}

}  // namespace ocellus
