// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocellus {

// A small TensorFlow Lite model and the images to run it on, int8.
struct TfliteCase {
  std::string name;
  std::vector<uint8_t> file;
  std::vector<std::vector<int8_t>> inputs;
};

// Random graphs of one operator each (with what it takes to give it two
// inputs), several of every operator that the importer supports. The same on
// every machine: the goldens count on it.
std::vector<TfliteCase> TfliteCases();

// `count` values of a linear congruential generator.
std::vector<int8_t> PseudoRandomInt8(uint32_t seed, std::size_t count);

}  // namespace ocellus
