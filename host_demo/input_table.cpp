// SPDX-License-Identifier: Apache-2.0
#include "host_demo/input_table.h"

#include <opencv2/imgproc.hpp>

namespace ocellus {

InputTables MakeInputTables(const Model& model) {
  InputTables tables;
  for (int32_t channel = 0; channel < 3; ++channel) {
    tables.channels[channel] = MakeInputTable(model, channel);
  }
  tables.is_bgr = model.header().channel_order ==
                  static_cast<uint16_t>(format::ChannelOrder::kBgr);
  return tables;
}

cv::Mat Stretch(const cv::Mat& image, cv::Size size) {
  if (image.size() == size) return image;
  cv::Mat stretched;
  cv::resize(image, stretched, size, 0, 0, cv::INTER_LINEAR);
  return stretched;
}

void FillInput(const cv::Mat& image, ChannelOrder order,
               const InputTables& tables, Tensor<int8_t> input) {
  const cv::Mat stretched = Stretch(image, {input.shape.w, input.shape.h});
  const bool swaps = (order == ChannelOrder::kBgr) != tables.is_bgr;
  const int first = swaps ? 2 : 0;
  for (int32_t y = 0; y < input.shape.h; ++y) {
    const uint8_t* from = stretched.ptr<uint8_t>(y);
    int8_t* to = input.Row(y);
    for (int32_t x = 0; x < input.shape.w; ++x, from += 3, to += 3) {
      to[0] = tables.channels[0][from[first]];
      to[1] = tables.channels[1][from[1]];
      to[2] = tables.channels[2][from[2 - first]];
    }
  }
}

}  // namespace ocellus
