// SPDX-License-Identifier: Apache-2.0
#include "detector/pack/pack_model.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include "detector/compile_error.h"
#include "runtime/kernels/channel_pairs.h"
#include "runtime/model.h"

namespace ocellus {
namespace {

using format::Section;

// A byte string whose arrays start at multiples of their alignment.
class BlobWriter {
 public:
  template <typename T>
  uint32_t Append(std::span<const T> values, std::size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, 0);
    const std::size_t offset = bytes_.size();
    bytes_.resize(offset + values.size_bytes());
    if (!values.empty()) {
      std::memcpy(bytes_.data() + offset, values.data(), values.size_bytes());
    }
    return static_cast<uint32_t>(offset);
  }

  template <typename T>
  Section AppendSection(const std::vector<T>& values) {
    return {Append(std::span<const T>(values), format::kBlobAlignment),
            static_cast<uint32_t>(values.size())};
  }

  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

class StringTable {
 public:
  uint32_t Add(const std::string& text) {
    const std::size_t offset = characters_.size();
    // A NUL inside would end the string early on reading, so it may as well
    // end here.
    characters_.insert(characters_.end(), text.c_str(),
                       text.c_str() + std::strlen(text.c_str()) + 1);
    return static_cast<uint32_t>(offset);
  }
  const std::vector<char>& characters() const { return characters_; }

 private:
  std::vector<char> characters_;
};

// The records of all stages.
struct TilingTable {
  std::vector<format::StageRecord> stages;
  std::vector<format::TilingRecord> tilings;
  std::vector<format::RangeRecord> ranges;

  void Add(const Stage& stage) {
    const auto index = static_cast<uint16_t>(stages.size());
    stages.push_back({
        .first_op = static_cast<uint16_t>(stage.first_op),
        .end_op = static_cast<uint16_t>(stage.end_op),
        .tile_rows = static_cast<uint16_t>(stage.tile_rows()),
        .tile_columns = static_cast<uint16_t>(stage.tile_columns()),
    });
    for (const TensorTiling& tiling : stage.tilings) {
      tilings.push_back({
          .tensor = static_cast<uint16_t>(tiling.tensor),
          .stage = index,
          .first_range = static_cast<uint32_t>(ranges.size()),
      });
      for (const auto* axis : {&tiling.rows, &tiling.columns}) {
        for (const TileRange& range : *axis) {
          ranges.push_back({static_cast<uint16_t>(range.begin),
                            static_cast<uint16_t>(range.compute),
                            static_cast<uint16_t>(range.end)});
        }
      }
    }
  }

  void SetTilings(int32_t op_index, const GraphOp& op,
                  format::OpRecord* record) const {
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      if (op_index < stages[stage].first_op ||
          op_index >= stages[stage].end_op) {
        continue;
      }
      for (std::size_t i = 0; i < tilings.size(); ++i) {
        if (tilings[i].stage != stage) continue;
        const auto index = static_cast<uint16_t>(i);
        if (tilings[i].tensor == op.input) record->input_tiling = index;
        if (tilings[i].tensor == op.input2) record->input2_tiling = index;
        if (tilings[i].tensor == op.output) record->output_tiling = index;
      }
    }
  }
};

// For the Cortex-M7 in pairs of channels, if they can be paired.
void AppendWeights(const Graph& graph, const GraphOp& op,
                   const std::vector<int8_t>& weights, Target target,
                   BlobWriter* blob, format::OpRecord* record) {
  if (target == Target::kCortexM7 && op.kind == format::OpKind::kConv2d) {
    const int32_t outputs = graph.shape(op.output).c;
    const auto depth = static_cast<int32_t>(graph.MacsPerPixel(op) / outputs);
    std::vector<uint16_t> paired(kernels::PairedBytes(depth, outputs) /
                                 sizeof(uint16_t));
    if (kernels::PairWeights(weights.data(), depth, outputs, paired.data())) {
      record->weight_layout =
          static_cast<uint8_t>(format::WeightLayout::kChannelPairs);
      record->weights_offset = blob->Append(std::span<const uint16_t>(paired),
                                            format::kBlobAlignment);
      return;
    }
  }
  record->weights_offset =
      blob->Append(std::span(weights), format::kBlobAlignment);
}

uint16_t TensorIndex(int32_t tensor) {
  return tensor == kNone ? format::kNoTensor : static_cast<uint16_t>(tensor);
}

}  // namespace

std::vector<uint8_t> PackModel(const Graph& graph,
                               const QuantizedGraph& quantized,
                               const MemoryPlan& plan, Target target) {
  if (graph.tensors.size() > format::kMaxTensors ||
      graph.ops.size() > format::kMaxOps) {
    throw CompileError(graph.name + ": more tensors or operators than " +
                       std::to_string(format::kMaxTensors));
  }
  BlobWriter blob;
  StringTable strings;
  format::Header header = {};
  blob.Append(std::span<const format::Header>(&header, 1), 1);

  std::vector<format::TensorRecord> tensors;
  for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
    const Shape shape = graph.tensors[i].shape;
    tensors.push_back({
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .scale = quantized.quant[i].scale,
        .zero_point = quantized.quant[i].zero_point,
        .arena_offset = plan.tensor_offsets[i],
        .name = strings.Add(graph.tensors[i].name),
        .ring_rows = static_cast<uint16_t>(plan.held[i].ring_rows),
        .columns = static_cast<uint16_t>(plan.held[i].columns),
    });
  }

  TilingTable tiling_table;
  for (const Stage& stage : plan.stages) tiling_table.Add(stage);

  std::vector<format::OpRecord> ops;
  for (std::size_t i = 0; i < graph.ops.size(); ++i) {
    const GraphOp& op = graph.ops[i];
    const QuantizedOp& values = quantized.ops[i];
    format::OpRecord& record = ops.emplace_back();
    record = {};
    record.kind = static_cast<uint8_t>(op.kind);
    record.input = TensorIndex(op.input);
    record.input2 = TensorIndex(op.input2);
    record.output = TensorIndex(op.output);
    record.activation_min = values.activation_min;
    record.activation_max = values.activation_max;
    record.ring_offset = plan.rings[i].offset;
    record.ring_bytes = plan.rings[i].bytes;
    record.scratch_offset = plan.scratch[i].offset;
    record.scratch_bytes = plan.scratch[i].bytes;
    record.add_multiplier = values.add_multiplier;
    record.add_multiplier2 = values.add_multiplier2;
    record.add_shift = values.add_shift;
    tiling_table.SetTilings(static_cast<int32_t>(i), op, &record);
    record.variant = op.variant;
    if (op.has_window()) {
      record.kernel_h = static_cast<uint8_t>(op.kernel_h);
      record.kernel_w = static_cast<uint8_t>(op.kernel_w);
      record.stride_y = static_cast<uint8_t>(op.stride_y);
      record.stride_x = static_cast<uint8_t>(op.stride_x);
      record.pad_top = static_cast<uint8_t>(op.pad_top);
      record.pad_left = static_cast<uint8_t>(op.pad_left);
    }
    if (!values.weights.empty()) {
      AppendWeights(graph, op, values.weights, target, &blob, &record);
    }
    if (!values.bias.empty()) {
      record.bias_offset = blob.Append(std::span(values.bias), sizeof(int32_t));
    }
    if (!values.requant.empty()) {
      record.requant_offset =
          blob.Append(std::span(values.requant), sizeof(float));
    }
  }

  std::vector<uint32_t> classes;
  for (const std::string& name : graph.classes) {
    classes.push_back(strings.Add(name));
  }
  std::vector<format::LevelRecord> levels;
  std::vector<format::AnchorRecord> anchors;
  for (const GraphLevel& level : graph.levels) {
    levels.push_back({TensorIndex(level.class_tensor),
                      TensorIndex(level.box_tensor), level.stride,
                      static_cast<uint16_t>(anchors.size()),
                      static_cast<uint16_t>(level.anchors.size())});
    anchors.insert(anchors.end(), level.anchors.begin(), level.anchors.end());
  }
  std::memcpy(header.magic, format::kMagic, sizeof(header.magic));
  header.version = format::kVersion;
  header.arena_bytes = plan.arena_bytes;
  header.name = strings.Add(graph.name);
  header.input = TensorIndex(graph.input);
  header.encoding = static_cast<uint16_t>(graph.head.encoding);
  header.scores = static_cast<uint16_t>(graph.head.scores);
  header.center_variance = graph.head.center_variance;
  header.size_variance = graph.head.size_variance;
  header.channel_order = static_cast<uint16_t>(graph.channel_order);
  std::copy_n(graph.input_mean.begin(), 3, header.input_mean);
  std::copy_n(graph.input_std.begin(), 3, header.input_std);
  header.score_threshold = graph.score_threshold;
  header.nms_iou = graph.nms_iou;
  header.tensors = blob.AppendSection(tensors);
  header.ops = blob.AppendSection(ops);
  header.classes = blob.AppendSection(classes);
  header.levels = blob.AppendSection(levels);
  header.anchors = blob.AppendSection(anchors);
  header.stages = blob.AppendSection(tiling_table.stages);
  header.tilings = blob.AppendSection(tiling_table.tilings);
  header.ranges = blob.AppendSection(tiling_table.ranges);
  header.strings = blob.AppendSection(strings.characters());
  blob.Append(std::span<const uint8_t>(), format::kBlobAlignment);

  std::vector<uint8_t>& bytes = blob.bytes();
  header.total_bytes = static_cast<uint32_t>(bytes.size());
  header.crc32 = Crc32(std::span<const uint8_t>(bytes).subspan(sizeof(header)));
  std::memcpy(bytes.data(), &header, sizeof(header));

  // std::vector aligns to 16 bytes, as any allocation of this size does.
  Model model;
  if (const Status status = Model::Parse(bytes, &model);
      status != Status::kOk) {
    throw CompileError(graph.name + ": packed into a model that is refused: " +
                       StatusText(status));
  }
  return std::move(bytes);
}

}  // namespace ocellus
