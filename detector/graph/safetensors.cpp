// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/safetensors.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace

Safetensors Safetensors::Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw CompileError(path + ": cannot open weights");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw CompileError(path + ": cannot read weights");
  const auto fail = [&path](const std::string& what) -> void {
    throw CompileError(path + ": not a sound safetensors file: " + what);
  };

  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof(header_bytes)) fail("shorter than its header");
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  if (header_bytes > bytes.size() - sizeof(header_bytes)) {
    fail("header of " + std::to_string(header_bytes) + " bytes in a file of " +
         std::to_string(bytes.size()));
  }
  const char* header_begin = bytes.data() + sizeof(header_bytes);
  const char* data = header_begin + header_bytes;
  const uint64_t data_bytes =
      bytes.size() - sizeof(header_bytes) - header_bytes;

  Safetensors weights;
  weights.path_ = path;
  try {
    const auto header = nlohmann::json::parse(header_begin, data);
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      if (entry.at("dtype") != "F32") continue;
      WeightArray array;
      for (const auto& extent : entry.at("shape")) {
        if (!extent.is_number_integer()) fail(name + ": shape");
        array.shape.push_back(extent.get<int64_t>());
      }
      const auto offsets =
          entry.at("data_offsets").get<std::vector<uint64_t>>();
      uint64_t elements = 1;
      for (const int64_t extent : array.shape) {
        if (extent < 0 || (extent != 0 && elements > data_bytes / extent)) {
          fail(name + ": shape " + ShapeText(array.shape));
        }
        elements *= static_cast<uint64_t>(extent);
      }
      if (offsets.size() != 2 || offsets[0] > offsets[1] ||
          offsets[1] > data_bytes ||
          offsets[1] - offsets[0] != elements * sizeof(float)) {
        fail(name + ": data offsets contradict its shape or the file's size");
      }
      array.values.resize(elements);
      std::memcpy(array.values.data(), data + offsets[0],
                  elements * sizeof(float));
      weights.arrays_.emplace(name, std::move(array));
    }
  } catch (const nlohmann::json::exception& error) {
    fail(error.what());
  }
  return weights;
}

std::vector<float> Safetensors::Get(const std::string& name,
                                    const std::vector<int64_t>& shape) const {
  const auto found = arrays_.find(name);
  if (found == arrays_.end()) {
    throw CompileError(path_ + ": no float32 tensor \"" + name +
                       "\", which the network needs");
  }
  if (found->second.shape != shape) {
    throw CompileError(path_ + ": " + name + " has shape " +
                       ShapeText(found->second.shape) +
                       ", the network expects " + ShapeText(shape));
  }
  return found->second.values;
}

}  // namespace ocellus
