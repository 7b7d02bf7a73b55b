// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "runtime/model.h"

namespace ocellus {

// What each pixel value becomes in one channel of the network's input:
//   clamp(round((pixel - mean) / std / scale) + zero_point, -128, 127)
// with halves rounded away from zero.
using InputTable = std::array<int8_t, 256>;

// In float32 on host and board alike, so both feed the same bytes.
inline InputTable MakeInputTable(const Model& model, int32_t channel = 0) {
  const QuantParams quant = model.quant(model.header().input);
  InputTable table;
  for (int32_t pixel = 0; pixel < 256; ++pixel) {
    const float steps = std::clamp(
        (static_cast<float>(pixel) - model.header().input_mean[channel]) /
            model.header().input_std[channel] / quant.scale,
        -512.0f, 512.0f);
    const int32_t rounded =
        static_cast<int32_t>(steps + (steps < 0.0f ? -0.5f : 0.5f));
    table[static_cast<std::size_t>(pixel)] = static_cast<int8_t>(
        std::clamp<int32_t>(rounded + quant.zero_point, -128, 127));
  }
  return table;
}

// Whether one table serves all channels, which come red first.
inline bool HasOneInputTable(const Model& model) {
  const format::Header& header = model.header();
  for (int i = 1; i < 3; ++i) {
    if (header.input_mean[i] != header.input_mean[0] ||
        header.input_std[i] != header.input_std[0]) {
      return false;
    }
  }
  return header.channel_order ==
         static_cast<uint16_t>(format::ChannelOrder::kRgb);
}

}  // namespace ocellus
