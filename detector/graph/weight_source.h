// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocellus {

// Where a graph builder takes its weights from, by the trainer's names.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // The float32 array `name` in row-major order, e.g. [O, I, KH, KW]. Throws
  // CompileError if there is none of this name and shape.
  virtual std::vector<float> Get(const std::string& name,
                                 const std::vector<int64_t>& shape) const = 0;
};

// Weights that nobody trained, for networks whose speed, memory or exactness
// is of interest: convolutions that keep the variance of their input, batch
// norms near identity. The values depend on seed and name only.
class RandomWeights : public WeightSource {
 public:
  explicit RandomWeights(uint32_t seed) : seed_(seed) {}
  std::vector<float> Get(const std::string& name,
                         const std::vector<int64_t>& shape) const override;

 private:
  uint32_t seed_;
};

}  // namespace ocellus
