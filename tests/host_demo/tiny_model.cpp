// SPDX-License-Identifier: Apache-2.0
#include "tests/host_demo/tiny_model.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "datasets/voc/voc_classes.h"
#include "runtime/model.h"
#include "runtime/model_format.h"

namespace ocellus {
namespace {

using format::Header;
using format::LevelRecord;
using format::OpKind;
using format::OpRecord;
using format::Section;
using format::TensorRecord;

// Appends arrays behind the header and remembers where they went.
class Packer {
 public:
  Packer() : bytes_(sizeof(Header), '\0') {}

  template <typename T>
  uint32_t Add(const std::vector<T>& values) {
    bytes_.resize((bytes_.size() + 15) / 16 * 16, '\0');
    const auto offset = static_cast<uint32_t>(bytes_.size());
    bytes_.append(reinterpret_cast<const char*>(values.data()),
                  values.size() * sizeof(T));
    return offset;
  }
  template <typename T>
  Section AddSection(const std::vector<T>& values) {
    return {Add(values), static_cast<uint32_t>(values.size())};
  }

  std::string Finish(Header header) {
    header.total_bytes = static_cast<uint32_t>(bytes_.size());
    header.crc32 =
        Crc32(std::span(reinterpret_cast<const uint8_t*>(bytes_.data()),
                        bytes_.size())
                  .subspan(sizeof(Header)));
    std::memcpy(bytes_.data(), &header, sizeof header);
    return bytes_;
  }

 private:
  std::string bytes_;
};

// A convolution whose weights are all `weight` and whose outputs are `bias`
// plus their sum, times `scale`.
OpRecord Convolution(Packer& packer, const TensorRecord& input,
                     const TensorRecord& output, uint16_t input_index,
                     uint16_t output_index, uint8_t kernel, uint8_t stride,
                     int8_t weight, const std::vector<int32_t>& bias,
                     float scale) {
  OpRecord op{};
  op.kind = static_cast<uint8_t>(OpKind::kConv2d);
  op.kernel_h = op.kernel_w = kernel;
  op.stride_y = op.stride_x = stride;
  op.pad_top = op.pad_left = static_cast<uint8_t>(kernel / 2);
  op.input = input_index;
  op.input2 = format::kNoTensor;
  op.output = output_index;
  op.activation_min = -128;
  op.activation_max = 127;
  op.weights_offset = packer.Add(
      std::vector<int8_t>(static_cast<std::size_t>(output.c) * kernel * kernel *
                              static_cast<std::size_t>(input.c),
                          weight));
  op.bias_offset = packer.Add(bias);
  op.requant_offset =
      packer.Add(std::vector<float>(static_cast<std::size_t>(output.c), scale));
  return op;
}

}  // namespace

std::string TinyModel() {
  constexpr int32_t kClasses = static_cast<int32_t>(kVocClasses.size());
  constexpr int kPerson = 14;

  std::string strings;
  const auto add_string = [&strings](std::string_view text) {
    const auto offset = static_cast<uint32_t>(strings.size());
    strings.append(text).append(1, '\0');
    return offset;
  };
  Packer packer;
  Header header{};
  std::memcpy(header.magic, format::kMagic, sizeof header.magic);
  header.version = format::kVersion;
  header.name = add_string("tiny");

  // Tensors follow each other in the arena, without sharing bytes.
  std::vector<TensorRecord> tensors = {
      {8, 8, 3, 1.0f / 128.0f, 0, 0, add_string("image"), 0, 0},
      {4, 4, 4, 0.1f, 0, 192, add_string("stem"), 0, 0},
      {4, 4, kClasses, 0.05f, 0, 256, add_string("classes"), 0, 0},
      {4, 4, 4, 0.02f, 0, 576, add_string("boxes"), 0, 0},
  };
  header.arena_bytes = 640;

  // Logits: 40 * 0.05 = 2 for a person, -128 * 0.05 = -6.4 for the others.
  std::vector<int32_t> class_bias(kClasses, -128);
  class_bias[kPerson] = 40;
  // exp(70 * 0.02) strides of 2 pixels are 8.1 pixels: all of the input.
  const std::vector<int32_t> box_bias(4, 70);
  const std::vector<OpRecord> ops = {
      Convolution(packer, tensors[0], tensors[1], 0, 1, 3, 2, 1,
                  std::vector<int32_t>(4, 0), 0.01f),
      Convolution(packer, tensors[1], tensors[2], 1, 2, 1, 1, 0, class_bias,
                  1.0f),
      Convolution(packer, tensors[1], tensors[3], 1, 3, 1, 1, 0, box_bias,
                  1.0f),
  };
  std::vector<uint32_t> classes;
  for (const std::string_view name : kVocClasses) {
    classes.push_back(add_string(name));
  }

  header.tensors = packer.AddSection(tensors);
  header.ops = packer.AddSection(ops);
  header.classes = packer.AddSection(classes);
  header.levels = packer.AddSection(std::vector<LevelRecord>{{2, 3, 2, 0, 0}});
  header.strings =
      packer.AddSection(std::vector<char>(strings.begin(), strings.end()));
  header.stages = packer.AddSection(std::vector<format::StageRecord>{});
  header.tilings = packer.AddSection(std::vector<format::TilingRecord>{});
  header.ranges = packer.AddSection(std::vector<format::RangeRecord>{});
  header.input = 0;
  header.encoding = static_cast<uint16_t>(format::BoxEncoding::kLtrbExp);
  for (int i = 0; i < 3; ++i) {
    header.input_mean[i] = 128.0f;
    header.input_std[i] = 128.0f;
  }
  header.score_threshold = 0.3f;
  header.nms_iou = 0.5f;
  return packer.Finish(header);
}

}  // namespace ocellus
