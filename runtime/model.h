// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/model_format.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace ocellus {

// A validated view of a model blob. It owns nothing: the blob must outlive it.
class Model {
 public:
  // Checks the whole blob and points `model` at it.
  //
  // Afterwards every record is consistent: indices and offsets are in range,
  // shapes agree, quantisation is finite, activations lie within the arena, no
  // operator's output overlaps its inputs but where it may, and no sum can
  // leave int32. `blob` may hold more bytes than the model.
  //
  // Returns kMisaligned unless the blob starts at a multiple of
  // format::kBlobAlignment, kTruncated, kBadMagic, kBadVersion or
  // kBadChecksum for what they say, kOverflow if a convolution's worst sum
  // leaves int32, kUnsupported for unknown operators or box encodings, and
  // kMalformed for every other contradiction. On failure `model` is unchanged.
  static Status Parse(std::span<const uint8_t> blob, Model* model);

  const format::Header& header() const {
    return *reinterpret_cast<const format::Header*>(blob_);
  }
  std::span<const format::TensorRecord> tensors() const {
    return Records<format::TensorRecord>(header().tensors);
  }
  std::span<const format::OpRecord> ops() const {
    return Records<format::OpRecord>(header().ops);
  }
  std::span<const format::LevelRecord> levels() const {
    return Records<format::LevelRecord>(header().levels);
  }

  std::span<const format::AnchorRecord> anchors() const {
    return Records<format::AnchorRecord>(header().anchors);
  }
  std::span<const format::StageRecord> stages() const {
    return Records<format::StageRecord>(header().stages);
  }
  std::span<const format::TilingRecord> tilings() const {
    return Records<format::TilingRecord>(header().tilings);
  }
  std::span<const format::RangeRecord> ranges() const {
    return Records<format::RangeRecord>(header().ranges);
  }

  Shape shape(int32_t tensor) const {
    const format::TensorRecord& record = tensors()[tensor];
    return {record.h, record.w, record.c};
  }
  QuantParams quant(int32_t tensor) const {
    const format::TensorRecord& record = tensors()[tensor];
    return {record.scale, record.zero_point};
  }

  const char* name() const { return String(header().name); }
  const char* tensor_name(int32_t tensor) const {
    return String(tensors()[tensor].name);
  }
  int32_t class_count() const {
    return static_cast<int32_t>(header().classes.count);
  }
  // 0 <= class_id < class_count().
  const char* class_name(int32_t class_id) const {
    return String(Records<uint32_t>(header().classes)[class_id]);
  }

  // Raw weights, biases or scales at an offset taken from an op record.
  template <typename T>
  const T* Data(uint32_t offset) const {
    return reinterpret_cast<const T*>(blob_ + offset);
  }

 private:
  template <typename T>
  std::span<const T> Records(format::Section section) const {
    return {Data<T>(section.offset), section.count};
  }
  const char* String(uint32_t offset) const {
    return Data<char>(header().strings.offset + offset);
  }

  const uint8_t* blob_ = nullptr;
};

// CRC-32 (ISO-HDLC: reflected 0x04C11DB7, as in zlib) of `bytes`.
uint32_t Crc32(std::span<const uint8_t> bytes);

}  // namespace ocellus
