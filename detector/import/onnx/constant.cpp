// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/constant.h"

#include <bit>
#include <cstring>

namespace ocellus {
namespace {

using onnx::TensorProto;

// Far more than any network for a microcontroller has.
constexpr int64_t kMostElements = int64_t{1} << 26;

static_assert(std::endian::native == std::endian::little,
              "raw_data is little-endian and is read in place");

// As many values as raw bytes hold.
template <typename Stored, typename T>
void FromRaw(const std::string& raw, std::vector<T>* values) {
  values->reserve(raw.size() / sizeof(Stored));
  for (std::size_t i = 0; i + sizeof(Stored) <= raw.size();
       i += sizeof(Stored)) {
    Stored value;
    std::memcpy(&value, raw.data() + i, sizeof(Stored));
    values->push_back(static_cast<T>(value));
  }
}

bool ReadValues(const TensorProto& tensor, OnnxConstant* constant) {
  const std::string& raw = tensor.raw_data();
  const bool is_raw = tensor.has_raw_data();
  const auto integers = [&](const auto& stored) {
    constant->integers.assign(stored.begin(), stored.end());
  };
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      if (is_raw) {
        FromRaw<float>(raw, &constant->floats);
      } else {
        constant->floats.assign(tensor.float_data().begin(),
                                tensor.float_data().end());
      }
      return true;
    case TensorProto::INT64:
      is_raw ? FromRaw<int64_t>(raw, &constant->integers)
             : integers(tensor.int64_data());
      return true;
    case TensorProto::INT32:
      is_raw ? FromRaw<int32_t>(raw, &constant->integers)
             : integers(tensor.int32_data());
      return true;
    case TensorProto::INT8:
      is_raw ? FromRaw<int8_t>(raw, &constant->integers)
             : integers(tensor.int32_data());
      return true;
    case TensorProto::UINT8:
      is_raw ? FromRaw<uint8_t>(raw, &constant->integers)
             : integers(tensor.int32_data());
      return true;
    case TensorProto::BOOL:
      is_raw ? FromRaw<uint8_t>(raw, &constant->integers)
             : integers(tensor.int32_data());
      return true;
    default:
      return false;
  }
}

std::string TypeName(int32_t type) {
  return TensorProto::DataType_IsValid(type)
             ? TensorProto::DataType_Name(
                   static_cast<TensorProto::DataType>(type))
             : "type " + std::to_string(type);
}

}  // namespace

int64_t OnnxConstant::elements() const {
  return static_cast<int64_t>(is_float() ? floats.size() : integers.size());
}

std::optional<OnnxConstant> ReadConstant(const TensorProto& tensor,
                                         std::string* reason) {
  const std::string subject = "constant \"" + tensor.name() + "\" ";
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    *reason = subject + "is in another file: expected one file";
    return std::nullopt;
  }
  OnnxConstant constant;
  constant.type = tensor.data_type();
  int64_t elements = 1;
  for (const int64_t dim : tensor.dims()) {
    constant.dims.push_back(dim);
    if (dim < 0 || dim > kMostElements || (elements *= dim) > kMostElements) {
      *reason = subject + "is too large";
      return std::nullopt;
    }
  }
  if (!ReadValues(tensor, &constant)) {
    *reason = subject + "is " + TypeName(tensor.data_type()) +
              ": expected FLOAT, or integers of 8, 32 or 64 bits";
    return std::nullopt;
  }
  if (constant.elements() != elements) {
    *reason = subject + "has " + std::to_string(constant.elements()) +
              " values, expected " + std::to_string(elements);
    return std::nullopt;
  }
  return constant;
}

}  // namespace ocellus
