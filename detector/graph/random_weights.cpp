// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

#include "detector/graph/weight_source.h"

namespace ocellus {
namespace {

// FNV-1a; std::hash may differ between libraries.
uint32_t HashName(const std::string& name) {
  uint32_t hash = 2166136261u;
  for (const char character : name) {
    hash = (hash ^ static_cast<uint8_t>(character)) * 16777619u;
  }
  return hash;
}

}  // namespace

std::vector<float> RandomWeights::Get(const std::string& name,
                                      const std::vector<int64_t>& shape) const {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1},
                                        std::multiplies<>());
  std::mt19937 random(seed_ ^ HashName(name));
  std::vector<float> values(static_cast<std::size_t>(count));
  const bool is_filter = shape.size() == 4;
  // He initialisation: the fan-in is all but the first dimension.
  const float deviation = is_filter
                              ? std::sqrt(2.0f * static_cast<float>(shape[0]) /
                                          static_cast<float>(count))
                              : 0.2f;
  const bool is_scale =
      name.ends_with(".bn.weight") || name.ends_with(".running_var");
  std::normal_distribution<float> normal(0.0f, deviation);
  for (float& value : values) {
    value = normal(random);
    if (is_scale) value = 1.0f + std::abs(value);
  }
  return values;
}

}  // namespace ocellus
