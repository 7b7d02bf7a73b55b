// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "detector/graph/weight_source.h"

namespace ocellus {

// One float32 array with its shape as stored, e.g. [O, I, KH, KW].
struct WeightArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

// The float32 tensors of a .safetensors file: a little-endian uint64 header
// length, a JSON header, raw data. Throws CompileError naming the file and
// what is wrong with it.
//
// Source: the safetensors format specification.
class Safetensors : public WeightSource {
 public:
  static Safetensors Read(const std::string& path);

  std::vector<float> Get(const std::string& name,
                         const std::vector<int64_t>& shape) const override;

 private:
  std::string path_;
  std::map<std::string, WeightArray> arrays_;
};

}  // namespace ocellus
