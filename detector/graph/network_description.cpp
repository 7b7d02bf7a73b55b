// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/network_description.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "detector/compile_error.h"
#include "runtime/model_format.h"

namespace ocellus {
namespace {

using nlohmann::json;

// Reads the members of one JSON object, naming file and member in errors.
class ObjectReader {
 public:
  ObjectReader(const std::string& path, std::string where, const json& object)
      : path_(path), where_(std::move(where)), object_(object) {
    if (!object.is_object()) Fail("", "expected an object");
  }

  const json& At(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) Fail(key, "missing");
    return *found;
  }

  ObjectReader Object(const char* key) const {
    return {path_, Name(key), At(key)};
  }

  int32_t Integer(const char* key, int32_t low, int32_t high) const {
    return CheckedInteger(key, At(key), low, high);
  }

  float Number(const char* key, float low, float high) const {
    const json& value = At(key);
    if (!value.is_number() || !(value.get<float>() >= low) ||
        !(value.get<float>() <= high)) {
      Fail(key, "expected a number from " + std::to_string(low) + " to " +
                    std::to_string(high) + ", found " + value.dump());
    }
    return value.get<float>();
  }

  std::string Text(const char* key) const {
    const json& value = At(key);
    if (!value.is_string()) Fail(key, "expected a string");
    return value.get<std::string>();
  }

  void Expect(const char* key, const json& expected) const {
    if (At(key) != expected) {
      Fail(key, "expected " + expected.dump() + ", found " + At(key).dump());
    }
  }

  const json& Array(const char* key) const {
    const json& value = At(key);
    if (!value.is_array() || value.empty()) {
      Fail(key, "expected an array with elements");
    }
    return value;
  }

  std::vector<int32_t> Integers(const char* key, int32_t low,
                                int32_t high) const {
    std::vector<int32_t> values;
    for (const json& value : Array(key)) {
      values.push_back(CheckedInteger(key, value, low, high));
    }
    return values;
  }

  std::vector<std::string> Texts(const char* key) const {
    std::vector<std::string> values;
    for (const json& value : Array(key)) {
      if (!value.is_string() || value.get<std::string>().empty()) {
        Fail(key, "expected names, found " + value.dump());
      }
      values.push_back(value.get<std::string>());
    }
    return values;
  }

  std::vector<ObjectReader> Objects(const char* key) const {
    std::vector<ObjectReader> objects;
    for (const json& value : Array(key)) {
      objects.emplace_back(
          path_, Name(key) + "[" + std::to_string(objects.size()) + "]", value);
    }
    return objects;
  }

  [[noreturn]] void Fail(const std::string& key,
                         const std::string& what) const {
    throw CompileError(path_ + ": " + Name(key) + ": " + what);
  }

 private:
  std::string Name(const std::string& key) const {
    if (where_.empty()) return key;
    return key.empty() ? where_ : where_ + "." + key;
  }

  int32_t CheckedInteger(const char* key, const json& value, int32_t low,
                         int32_t high) const {
    if (!value.is_number_integer() || value.get<int64_t>() < low ||
        value.get<int64_t>() > high) {
      Fail(key, "expected an integer from " + std::to_string(low) + " to " +
                    std::to_string(high) + ", found " + value.dump());
    }
    return value.get<int32_t>();
  }

  std::string path_;
  std::string where_;
  const json& object_;
};

}  // namespace

NetworkDescription ReadNetworkDescription(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw CompileError(path + ": cannot open network description");
  json document;
  try {
    document = json::parse(file);
  } catch (const json::exception& error) {
    throw CompileError(path + ": not a JSON file: " + error.what());
  }

  constexpr int32_t kMaxDimension = format::kMaxDimension;
  constexpr int32_t kMaxKernel = format::kMaxKernel;
  constexpr int32_t kMaxStride = format::kMaxStride;
  const ObjectReader root(path, "", document);
  root.Expect("format", "ocellus-network");
  root.Expect("version", 1);
  NetworkDescription network;
  network.name = root.Text("name");
  network.classes = root.Texts("classes");
  if (network.classes.size() > format::kMaxClasses) {
    root.Fail("classes", "at most " + std::to_string(format::kMaxClasses));
  }

  const ObjectReader input = root.Object("input");
  input.Expect("order", "rgb");
  input.Expect("channels", 3);
  network.input = {input.Integer("height", 1, kMaxDimension),
                   input.Integer("width", 1, kMaxDimension), 3};
  network.input_mean = input.Number("mean", 0.0f, 255.0f);
  network.input_std = input.Number("std", 1e-3f, 1e6f);

  // With an odd kernel and half of it as padding, a convolution keeps the size
  // of its input, or halves it, as residual and head additions need.
  const auto kernel_of = [](const ObjectReader& object) {
    const int32_t kernel = object.Integer("kernel", 1, kMaxKernel);
    if (kernel % 2 == 0) object.Fail("kernel", "expected an odd number");
    return kernel;
  };
  const ObjectReader backbone = root.Object("backbone");
  backbone.Expect("activation", "relu6");
  const ObjectReader stem = backbone.Object("stem");
  network.stem = {kernel_of(stem), stem.Integer("stride", 1, kMaxStride),
                  stem.Integer("width", 1, kMaxDimension)};
  for (const ObjectReader& block : backbone.Objects("blocks")) {
    network.blocks.push_back({kernel_of(block),
                              block.Integer("expansion", 1, 64),
                              block.Integer("width", 1, kMaxDimension),
                              block.Integer("depth", 1, 64),
                              block.Integer("stride", 1, kMaxStride)});
  }

  const ObjectReader head = root.Object("head");
  head.Expect("type", "yolo");
  head.Expect("encoding", "ltrb_exp");
  network.head = {head.Integers("strides", 1, kMaxDimension),
                  head.Integer("width", 1, kMaxDimension),
                  kernel_of(head),
                  head.Integer("tower_depth", 0, 16),
                  head.Number("score_threshold", 0.0f, 1.0f),
                  head.Number("nms_iou", 0.0f, 1.0f)};
  for (std::size_t i = 1; i < network.head.strides.size(); ++i) {
    if (network.head.strides[i] != 2 * network.head.strides[i - 1]) {
      head.Fail("strides", "expected each to be twice the one before");
    }
  }
  if (network.head.strides.size() > format::kMaxLevels) {
    head.Fail("strides", "at most " + std::to_string(format::kMaxLevels));
  }
  const int32_t coarsest = network.head.strides.back();
  if (network.input.h % coarsest != 0 || network.input.w % coarsest != 0) {
    root.Fail("input", "expected height and width to be multiples of " +
                           std::to_string(coarsest));
  }
  return network;
}

}  // namespace ocellus
