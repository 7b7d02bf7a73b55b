// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "detector/graph/network_description.h"

namespace ocellus {

// A network with every kind of operator that runs in microseconds: two levels,
// residual additions, kernels 1, 3, 5 and 7, strides 1 and 2.
inline NetworkDescription TinyNetwork(Shape input = {32, 48, 3}) {
  NetworkDescription network;
  network.name = "tiny";
  network.input = input;
  network.classes = {"circle", "square", "cross"};
  network.stem = {.kernel = 3, .stride = 2, .width = 8};
  network.blocks = {
      {.kernel = 1, .expansion = 1, .width = 6, .depth = 1, .stride = 1},
      {.kernel = 3, .expansion = 3, .width = 10, .depth = 2, .stride = 2},
      {.kernel = 7, .expansion = 2, .width = 12, .depth = 2, .stride = 2},
      {.kernel = 5, .expansion = 2, .width = 17, .depth = 1, .stride = 2},
  };
  network.head = {
      .strides = {8, 16}, .widths = {14, 14}, .kernel = 5, .tower_depth = 1};
  return network;
}

// `count` images of random pixels, [H, W, 3] each.
inline std::vector<std::vector<uint8_t>> RandomImages(Shape shape, int count,
                                                      uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::vector<uint8_t>> images(count);
  for (std::vector<uint8_t>& image : images) {
    image.resize(static_cast<std::size_t>(shape.elements()));
    for (uint8_t& pixel : image) pixel = static_cast<uint8_t>(random() >> 8);
  }
  return images;
}

}  // namespace ocellus
