// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "detector/compile_error.h"

namespace ocellus {

// A JSON file. `what` it should be is named in errors.
inline nlohmann::json ReadJson(const std::string& path,
                               const std::string& what) {
  std::ifstream file(path);
  if (!file) throw CompileError(path + ": cannot open " + what);
  try {
    return nlohmann::json::parse(file);
  } catch (const nlohmann::json::exception& error) {
    throw CompileError(path + ": not a JSON file: " + error.what());
  }
}

// Reads the members of one JSON object, naming file and member in errors.
class ObjectReader {
 public:
  ObjectReader(const std::string& path, std::string where,
               const nlohmann::json& object)
      : path_(path), where_(std::move(where)), object_(object) {
    if (!object.is_object()) Fail("", "expected an object");
  }

  bool Has(const char* key) const { return object_.contains(key); }

  const nlohmann::json& At(const char* key) const {
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
    const nlohmann::json& value = At(key);
    if (!value.is_number() || !(value.get<float>() >= low) ||
        !(value.get<float>() <= high)) {
      Fail(key, "expected a number from " + std::to_string(low) + " to " +
                    std::to_string(high) + ", found " + value.dump());
    }
    return value.get<float>();
  }

  std::string Text(const char* key) const {
    const nlohmann::json& value = At(key);
    if (!value.is_string()) Fail(key, "expected a string");
    return value.get<std::string>();
  }

  void Expect(const char* key, const nlohmann::json& expected) const {
    if (At(key) != expected) {
      Fail(key, "expected " + expected.dump() + ", found " + At(key).dump());
    }
  }

  const nlohmann::json& Array(const char* key) const {
    const nlohmann::json& value = At(key);
    if (!value.is_array() || value.empty()) {
      Fail(key, "expected an array with elements");
    }
    return value;
  }

  // `count` numbers, or one that stands for all.
  std::vector<float> Numbers(const char* key, std::size_t count, float low,
                             float high) const {
    const nlohmann::json& value = At(key);
    if (value.is_number()) {
      return std::vector<float>(count, Number(key, low, high));
    }
    std::vector<float> values;
    for (const nlohmann::json& element : Array(key)) {
      if (!element.is_number() || !(element.get<float>() >= low) ||
          !(element.get<float>() <= high)) {
        Fail(key, "expected numbers from " + std::to_string(low) + " to " +
                      std::to_string(high) + ", found " + element.dump());
      }
      values.push_back(element.get<float>());
    }
    CheckCount(key, values.size(), count);
    return values;
  }

  std::vector<int32_t> Integers(const char* key, int32_t low,
                                int32_t high) const {
    std::vector<int32_t> values;
    for (const nlohmann::json& value : Array(key)) {
      values.push_back(CheckedInteger(key, value, low, high));
    }
    return values;
  }

  // `count` integers, or one that stands for all.
  std::vector<int32_t> Integers(const char* key, std::size_t count, int32_t low,
                                int32_t high) const {
    if (!At(key).is_array()) {
      return std::vector<int32_t>(count, Integer(key, low, high));
    }
    std::vector<int32_t> values = Integers(key, low, high);
    CheckCount(key, values.size(), count);
    return values;
  }

  std::vector<std::string> Texts(const char* key) const {
    std::vector<std::string> values;
    for (const nlohmann::json& value : Array(key)) {
      if (!value.is_string() || value.get<std::string>().empty()) {
        Fail(key, "expected names, found " + value.dump());
      }
      values.push_back(value.get<std::string>());
    }
    return values;
  }

  std::vector<ObjectReader> Objects(const char* key) const {
    std::vector<ObjectReader> objects;
    for (const nlohmann::json& value : Array(key)) {
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

  void CheckCount(const char* key, std::size_t count,
                  std::size_t expected) const {
    if (count != expected) {
      Fail(key, "expected " + std::to_string(expected) + " numbers, found " +
                    std::to_string(count));
    }
  }

  int32_t CheckedInteger(const char* key, const nlohmann::json& value,
                         int32_t low, int32_t high) const {
    if (!value.is_number_integer() || value.get<int64_t>() < low ||
        value.get<int64_t>() > high) {
      Fail(key, "expected an integer from " + std::to_string(low) + " to " +
                    std::to_string(high) + ", found " + value.dump());
    }
    return value.get<int32_t>();
  }

  std::string path_;
  std::string where_;
  const nlohmann::json& object_;
};

}  // namespace ocellus
