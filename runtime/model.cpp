// SPDX-License-Identifier: Apache-2.0
#include "runtime/model.h"

#include <array>
#include <cstring>
#include <limits>

#include "runtime/interval.h"
#include "runtime/kernels/channel_pairs.h"
#include "runtime/reading.h"

namespace ocellus {
namespace {

using format::OpKind;
using format::OpRecord;
using format::RangeRecord;
using format::Section;
using format::StageRecord;
using format::TensorRecord;
using format::TilingRecord;
using format::WeightLayout;

// |input - zero_point| <= 255 and |weight| <= 128, and sums stay in int32.
constexpr uint64_t kLargestProduct = 255 * 128;
constexpr uint64_t kLargestDepth =
    std::numeric_limits<int32_t>::max() / kLargestProduct;

struct ByteRange {
  uint64_t begin;
  uint64_t end;

  bool Overlaps(const ByteRange& other) const {
    return begin < other.end && other.begin < end;
  }
};

// Comparisons that are false for NaN.
bool IsPositiveFinite(float value) {
  return value > 0.0f && value <= std::numeric_limits<float>::max();
}

bool IsFinite(float value) {
  return value >= std::numeric_limits<float>::lowest() &&
         value <= std::numeric_limits<float>::max();
}

// Checks one blob whose header is complete, its magic, version and checksum
// right. Each method returns the first contradiction that it finds.
class Validator {
 public:
  explicit Validator(std::span<const uint8_t> blob)
      : blob_(blob),
        header_(reinterpret_cast<const format::Header*>(blob.data())) {}

  Status Run() {
    if (!SectionsFit()) return Status::kMalformed;
    if (!StringsAreSound()) return Status::kMalformed;
    if (!TensorsAreSound()) return Status::kMalformed;
    if (!StagesAreSound() || !TilingsAreSound()) return Status::kMalformed;
    const StageRecord* stage = stages();
    const StageRecord* stages_end = stage + header_->stages.count;
    for (uint32_t i = 0; i < header_->ops.count; ++i) {
      while (stage != stages_end && stage->end_op <= i) ++stage;
      const bool in_stage = stage != stages_end && stage->first_op <= i;
      const OpRecord& op = ops()[i];
      if (const Status status = CheckOp(op); status != Status::kOk) {
        return status;
      }
      if (!in_stage) {
        if (!UsesWholeTensors(op)) return Status::kMalformed;
      } else if (const Status status = CheckTiles(op, *stage);
                 status != Status::kOk) {
        return status;
      }
    }
    return CheckHead();
  }

 private:
  const TensorRecord* tensors() const {
    return Records<TensorRecord>(header_->tensors);
  }
  const OpRecord* ops() const { return Records<OpRecord>(header_->ops); }

  const StageRecord* stages() const {
    return Records<StageRecord>(header_->stages);
  }
  const TilingRecord* tilings() const {
    return Records<TilingRecord>(header_->tilings);
  }
  const RangeRecord* ranges() const {
    return Records<RangeRecord>(header_->ranges);
  }

  template <typename T>
  const T* Records(Section section) const {
    return reinterpret_cast<const T*>(blob_.data() + section.offset);
  }

  bool Fits(uint64_t offset, uint64_t bytes, uint32_t alignment) const {
    return offset % alignment == 0 && offset >= sizeof(format::Header) &&
           offset + bytes <= blob_.size();
  }

  template <typename T>
  bool SectionFits(Section section, uint32_t max_count) const {
    if (section.count == 0) return true;
    return section.count <= max_count &&
           Fits(section.offset, uint64_t{section.count} * sizeof(T),
                alignof(T));
  }

  bool SectionsFit() const {
    return SectionFits<TensorRecord>(header_->tensors, format::kMaxTensors) &&
           SectionFits<OpRecord>(header_->ops, format::kMaxOps) &&
           SectionFits<uint32_t>(header_->classes, format::kMaxClasses) &&
           SectionFits<format::LevelRecord>(header_->levels,
                                            format::kMaxLevels) &&
           SectionFits<StageRecord>(header_->stages, format::kMaxStages) &&
           SectionFits<TilingRecord>(header_->tilings, format::kMaxTilings) &&
           SectionFits<RangeRecord>(header_->ranges, format::kMaxRanges) &&
           SectionFits<format::AnchorRecord>(header_->anchors,
                                             format::kMaxAnchors) &&
           SectionFits<char>(header_->strings,
                             std::numeric_limits<uint32_t>::max());
  }

  bool IsString(uint32_t offset) const {
    return offset < header_->strings.count;
  }

  bool StringsAreSound() const {
    const Section strings = header_->strings;
    // With the last byte NUL, every string that starts inside ends inside.
    if (strings.count == 0 ||
        blob_[strings.offset + strings.count - 1] != '\0') {
      return false;
    }
    if (!IsString(header_->name)) return false;
    const uint32_t* classes = Records<uint32_t>(header_->classes);
    for (uint32_t i = 0; i < header_->classes.count; ++i) {
      if (!IsString(classes[i])) return false;
    }
    return true;
  }

  static bool IsDimension(int32_t value) {
    return value >= 1 && value <= format::kMaxDimension;
  }

  static bool IsQuantised(int32_t value) {
    return value >= -128 && value <= 127;
  }

  static Shape ShapeOf(const TensorRecord& tensor) {
    return {tensor.h, tensor.w, tensor.c};
  }

  static int32_t RingRows(const TensorRecord& tensor) {
    return tensor.ring_rows == 0 ? tensor.h : tensor.ring_rows;
  }
  static int32_t Columns(const TensorRecord& tensor) {
    return tensor.columns == 0 ? tensor.w : tensor.columns;
  }
  static bool HoldsColumns(const TensorRecord& tensor) {
    return Columns(tensor) == tensor.w;
  }
  static bool IsWhole(const TensorRecord& tensor) {
    return RingRows(tensor) == tensor.h && HoldsColumns(tensor);
  }

  // The arena's bytes that hold the tensor.
  static ByteRange RangeOf(const TensorRecord& tensor) {
    const Shape held = {RingRows(tensor), Columns(tensor), tensor.c};
    return {tensor.arena_offset,
            tensor.arena_offset + static_cast<uint64_t>(held.elements())};
  }

  bool TensorsAreSound() const {
    if (header_->arena_bytes > format::kMaxArenaBytes) return false;
    for (uint32_t i = 0; i < header_->tensors.count; ++i) {
      const TensorRecord& tensor = tensors()[i];
      if (!IsDimension(tensor.h) || !IsDimension(tensor.w) ||
          !IsDimension(tensor.c) || !IsPositiveFinite(tensor.scale) ||
          !IsQuantised(tensor.zero_point) || !IsString(tensor.name) ||
          RingRows(tensor) > tensor.h || Columns(tensor) > tensor.w ||
          tensor.arena_offset % format::kArenaAlignment != 0 ||
          RangeOf(tensor).end > header_->arena_bytes) {
        return false;
      }
    }
    return header_->input < header_->tensors.count &&
           HoldsColumns(tensors()[header_->input]) && InputIsSound();
  }

  bool InputIsSound() const {
    for (int i = 0; i < 3; ++i) {
      if (!IsFinite(header_->input_mean[i]) ||
          !IsPositiveFinite(header_->input_std[i])) {
        return false;
      }
    }
    // Without a head it need not be a picture.
    return tensors()[header_->input].c == 3 ||
           Encoding() == format::BoxEncoding::kNone;
  }

  format::BoxEncoding Encoding() const {
    return static_cast<format::BoxEncoding>(header_->encoding);
  }

  bool IsTensor(uint16_t index) const { return index < header_->tensors.count; }

  bool UsesWholeTensors(const OpRecord& op) const {
    return IsWhole(tensors()[op.input]) && IsWhole(tensors()[op.output]) &&
           (op.input2 == format::kNoTensor || IsWhole(tensors()[op.input2]));
  }

  static bool IsTileCount(uint16_t count) {
    return count >= 1 && count <= format::kMaxTiles;
  }

  // Stages are in order, apart, and hold ops and tiles. One that starts with
  // the first op reads the image there: feeding rows relies on it.
  bool StagesAreSound() const {
    uint32_t next_op = 0;
    for (uint32_t i = 0; i < header_->stages.count; ++i) {
      const StageRecord& stage = stages()[i];
      if (stage.first_op < next_op || stage.end_op <= stage.first_op ||
          stage.end_op > header_->ops.count || !IsTileCount(stage.tile_rows) ||
          !IsTileCount(stage.tile_columns) ||
          (stage.first_op == 0 && ops()[0].input != header_->input)) {
        return false;
      }
      next_op = stage.end_op;
    }
    return true;
  }

  // Every tiling's ranges fit the buffer of its tensor, and a tensor has at
  // most one in a stage.
  bool TilingsAreSound() const {
    for (uint32_t i = 0; i < header_->tilings.count; ++i) {
      const TilingRecord& tiling = tilings()[i];
      if (!IsTensor(tiling.tensor) || tiling.stage >= header_->stages.count) {
        return false;
      }
      // Strictly sorted by stage, then tensor.
      if (i > 0 && (tilings()[i - 1].stage > tiling.stage ||
                    (tilings()[i - 1].stage == tiling.stage &&
                     tilings()[i - 1].tensor >= tiling.tensor))) {
        return false;
      }
      const StageRecord& stage = stages()[tiling.stage];
      const TensorRecord& tensor = tensors()[tiling.tensor];
      const uint64_t range_count =
          uint64_t{stage.tile_rows} + stage.tile_columns;
      if (tiling.first_range + range_count > header_->ranges.count) {
        return false;
      }
      const auto computed = [](const RangeRecord* range, uint32_t count) {
        int64_t sum = 0;
        for (uint32_t j = 0; j < count; ++j) {
          sum += range[j].end - range[j].compute;
        }
        return sum;
      };
      const RangeRecord* first = ranges() + tiling.first_range;
      const bool is_written = IsWrittenIn(stage, tiling.tensor);
      if (is_written &&
          (computed(first, stage.tile_rows) > format::kMaxRepeats * tensor.h ||
           computed(first + stage.tile_rows, stage.tile_columns) >
               format::kMaxRepeats * tensor.w)) {
        return false;
      }
      const RangeRecord* rows = ranges() + tiling.first_range;
      for (uint32_t j = 0; j < stage.tile_rows; ++j) {
        if (!RangeFits(rows[j], tensor.h, RingRows(tensor))) return false;
      }
      const RangeRecord* columns = rows + stage.tile_rows;
      for (uint32_t j = 0; j < stage.tile_columns; ++j) {
        if (!RangeFits(columns[j], tensor.w, Columns(tensor))) return false;
        // What is kept was there, and moves towards the front.
        const bool keeps = j > 0 && !HoldsColumns(tensor) &&
                           columns[j].begin < columns[j].compute;
        if (keeps && (columns[j].begin < columns[j - 1].begin ||
                      columns[j].compute > columns[j - 1].end)) {
          return false;
        }
      }
    }
    return true;
  }

  bool IsWrittenIn(const StageRecord& stage, uint16_t tensor) const {
    for (uint32_t i = stage.first_op; i < stage.end_op; ++i) {
      if (ops()[i].output == tensor) return true;
    }
    return false;
  }

  static bool RangeFits(const RangeRecord& range, int32_t extent,
                        int32_t held) {
    return range.begin <= range.compute && range.compute <= range.end &&
           range.end <= extent && range.end - range.begin <= held;
  }

  static bool HasTwoInputs(OpKind kind) {
    return kind == OpKind::kAdd || kind == OpKind::kMul ||
           kind == OpKind::kConcat;
  }

  // An op of a stage finds what each tile needs in the arena.
  Status CheckTiles(const OpRecord& op, const StageRecord& stage) const {
    if (!format::RunsInTiles(static_cast<OpKind>(op.kind), op.variant)) {
      return Status::kUnsupported;
    }
    const auto stage_index = static_cast<uint32_t>(&stage - stages());
    const auto is_tiling = [&](uint16_t tiling, uint16_t tensor) {
      return tiling < header_->tilings.count &&
             tilings()[tiling].tensor == tensor &&
             tilings()[tiling].stage == stage_index;
    };
    if (op.ring_bytes != 0 || !is_tiling(op.input_tiling, op.input) ||
        !is_tiling(op.output_tiling, op.output)) {
      return Status::kMalformed;
    }
    const RangeRecord* output =
        ranges() + tilings()[op.output_tiling].first_range;
    const auto finds = [&](uint16_t tensor, uint16_t tiling, bool second) {
      const Shape in = ShapeOf(tensors()[tensor]);
      const Shape out = ShapeOf(tensors()[op.output]);
      const RangeRecord* input = ranges() + tilings()[tiling].first_range;
      const auto finds_along = [&](Axis axis, int32_t extent, int32_t first,
                                   int32_t end) {
        const Reading reading = ReadingOf(op, second, axis, in, out);
        for (int32_t i = first; i < end; ++i) {
          if (output[i].compute == output[i].end) continue;
          const Interval held = {input[i].begin, input[i].end};
          const Interval read =
              reading.Of({output[i].compute, output[i].end}).Within(extent);
          if (!held.Contains(read)) return false;
        }
        return true;
      };
      const int32_t rows = stage.tile_rows;
      return finds_along(Axis::kRows, in.h, 0, rows) &&
             finds_along(Axis::kColumns, in.w, rows, rows + stage.tile_columns);
    };
    const bool finds_second = op.input2 == format::kNoTensor ||
                              (is_tiling(op.input2_tiling, op.input2) &&
                               finds(op.input2, op.input2_tiling, true));
    return finds_second && finds(op.input, op.input_tiling, false)
               ? Status::kOk
               : Status::kMalformed;
  }

  Status CheckOp(const OpRecord& op) const {
    if (op.kind >= format::kOpKinds) return Status::kUnsupported;
    if (!IsTensor(op.input) || !IsTensor(op.output) ||
        op.activation_min > op.activation_max) {
      return Status::kMalformed;
    }
    const auto kind = static_cast<OpKind>(op.kind);
    const bool convolves =
        kind == OpKind::kConv2d || kind == OpKind::kDepthwiseConv2d;
    // The executor looks at these fields of every op.
    if (HasTwoInputs(kind) != IsTensor(op.input2) ||
        (!HasTwoInputs(kind) && op.input2 != format::kNoTensor) ||
        (!convolves && op.ring_bytes != 0)) {
      return Status::kMalformed;
    }
    const TensorRecord& input = tensors()[op.input];
    const TensorRecord& output = tensors()[op.output];
    switch (kind) {
      case OpKind::kConv2d:
      case OpKind::kDepthwiseConv2d:
        return CheckConvolution(op, input, output);
      case OpKind::kAdd:
        return CheckAdd(op, input, output);
      case OpKind::kResizeNearest:
        return CheckResize(input, output);
      case OpKind::kPool:
        return CheckPool(op, input, output);
      case OpKind::kMul:
        return CheckMul(op, input, output);
      case OpKind::kLookup:
        return Fits(op.weights_offset, 256, 1) &&
                       ShapeOf(input) == ShapeOf(output) &&
                       MayOverwrite(input, output)
                   ? Status::kOk
                   : Status::kMalformed;
      case OpKind::kConcat:
        return CheckConcat(op, input, output);
      case OpKind::kSoftmax:
        return CheckSoftmax(op, input, output);
      case OpKind::kReshape:
        return CheckReshape(input, output);
    }
    return Status::kUnsupported;
  }

  // Whether an output of `out` pixels is one that a kernel over `in` padded
  // pixels can have: its last window starts inside the padded input, and pads
  // are smaller than the kernel.
  static bool WindowsFit(int32_t in, int32_t out, int32_t kernel,
                         int32_t stride, int32_t pad) {
    return pad < kernel && (out - 1) * stride - pad < in;
  }

  Status CheckConvolution(const OpRecord& op, const TensorRecord& input,
                          const TensorRecord& output) const {
    if (op.kernel_h < 1 || op.kernel_h > format::kMaxKernel ||
        op.kernel_w < 1 || op.kernel_w > format::kMaxKernel ||
        op.stride_y < 1 || op.stride_y > format::kMaxStride ||
        op.stride_x < 1 || op.stride_x > format::kMaxStride) {
      return Status::kUnsupported;
    }
    if (!WindowsFit(input.h, output.h, op.kernel_h, op.stride_y, op.pad_top) ||
        !WindowsFit(input.w, output.w, op.kernel_w, op.stride_x, op.pad_left)) {
      return Status::kMalformed;
    }
    const bool depthwise =
        static_cast<OpKind>(op.kind) == OpKind::kDepthwiseConv2d;
    if (depthwise && input.c != output.c) return Status::kMalformed;

    const uint64_t taps = uint64_t{op.kernel_h} * op.kernel_w;
    const uint64_t inputs_per_sum =
        depthwise ? taps : taps * static_cast<uint64_t>(input.c);
    const uint64_t channels = static_cast<uint64_t>(output.c);
    if (!WeightsAreSound(op, inputs_per_sum, output.c, depthwise) ||
        !Fits(op.bias_offset, channels * sizeof(int32_t), alignof(int32_t)) ||
        !Fits(op.requant_offset, channels * sizeof(float), alignof(float))) {
      return Status::kMalformed;
    }
    if (!ScratchIsSound(op, input, output)) return Status::kMalformed;
    if (const Status status = CheckPlacement(op, input, output, depthwise);
        status != Status::kOk) {
      return status;
    }

    const auto largest_sum =
        static_cast<int64_t>(inputs_per_sum * kLargestProduct);
    const auto* bias =
        reinterpret_cast<const int32_t*>(blob_.data() + op.bias_offset);
    const auto* requant =
        reinterpret_cast<const float*>(blob_.data() + op.requant_offset);
    for (int32_t c = 0; c < output.c; ++c) {
      const int64_t magnitude = bias[c] < 0 ? -int64_t{bias[c]} : bias[c];
      if (largest_sum + magnitude > std::numeric_limits<int32_t>::max()) {
        return Status::kOverflow;
      }
      if (!IsPositiveFinite(requant[c])) return Status::kMalformed;
    }
    return Status::kOk;
  }

  bool WeightsAreSound(const OpRecord& op, uint64_t depth, int32_t channels,
                       bool depthwise) const {
    if (op.weight_layout == static_cast<uint8_t>(WeightLayout::kPlain)) {
      return Fits(op.weights_offset, depth * static_cast<uint64_t>(channels),
                  1);
    }
    // The depth of a sum that cannot leave int32 fits one.
    return op.weight_layout ==
               static_cast<uint8_t>(WeightLayout::kChannelPairs) &&
           !depthwise && depth <= kLargestDepth &&
           Fits(op.weights_offset,
                kernels::PairedBytes(static_cast<int32_t>(depth), channels),
                sizeof(uint32_t)) &&
           kernels::PairsAreExact(reinterpret_cast<const uint16_t*>(
                                      blob_.data() + op.weights_offset),
                                  static_cast<int32_t>(depth), channels);
  }

  // Planned scratch lies in the arena, beside what the op reads and writes.
  bool ScratchIsSound(const OpRecord& op, const TensorRecord& input,
                      const TensorRecord& output) const {
    const ByteRange scratch = {op.scratch_offset,
                               uint64_t{op.scratch_offset} + op.scratch_bytes};
    const ByteRange ring = {op.ring_offset,
                            uint64_t{op.ring_offset} + op.ring_bytes};
    return op.scratch_offset % format::kArenaAlignment == 0 &&
           scratch.end <= header_->arena_bytes &&
           !scratch.Overlaps(RangeOf(input)) &&
           !scratch.Overlaps(RangeOf(output)) && !scratch.Overlaps(ring);
  }

  Status CheckPlacement(const OpRecord& op, const TensorRecord& input,
                        const TensorRecord& output, bool depthwise) const {
    const ByteRange in = RangeOf(input);
    const ByteRange out = RangeOf(output);
    if (op.ring_bytes == 0) {
      return in.Overlaps(out) ? Status::kMalformed : Status::kOk;
    }
    // Overwriting the input: output row y must end before input row
    // y * stride_y - pad_top + kernel_h, the first one not yet in the ring.
    // With the same start and rows no longer than stride_y input rows it does.
    const uint64_t row_bytes = static_cast<uint64_t>(input.w) * input.c;
    const uint64_t out_row_bytes = static_cast<uint64_t>(output.w) * output.c;
    const ByteRange ring = {op.ring_offset,
                            uint64_t{op.ring_offset} + op.ring_bytes};
    const bool sound = depthwise && IsWhole(input) && IsWhole(output) &&
                       input.arena_offset == output.arena_offset &&
                       op.ring_offset % format::kArenaAlignment == 0 &&
                       op.ring_bytes == row_bytes * op.kernel_h &&
                       ring.end <= header_->arena_bytes && !ring.Overlaps(in) &&
                       !ring.Overlaps(out) &&
                       out_row_bytes <= row_bytes * op.stride_y &&
                       op.pad_top + op.stride_y <= op.kernel_h;
    return sound ? Status::kOk : Status::kMalformed;
  }

  Status CheckAdd(const OpRecord& op, const TensorRecord& input,
                  const TensorRecord& output) const {
    const TensorRecord& input2 = tensors()[op.input2];
    constexpr int32_t kMultiplierEnd = 1 << 21;
    if (ShapeOf(input) != ShapeOf(output) ||
        ShapeOf(input2) != ShapeOf(output) || op.add_shift < 13 ||
        op.add_shift > 31 || op.add_multiplier < 0 ||
        op.add_multiplier >= kMultiplierEnd ||
        op.add_multiplier2 <= -kMultiplierEnd ||
        op.add_multiplier2 >= kMultiplierEnd) {
      return Status::kMalformed;
    }
    return MayOverwrite(input, output) && MayOverwrite(input2, output)
               ? Status::kOk
               : Status::kMalformed;
  }

  // Over an input, each pixel must be in its input's place.
  static bool MayOverwrite(const TensorRecord& input,
                           const TensorRecord& output) {
    return !RangeOf(input).Overlaps(RangeOf(output)) ||
           (ShapeOf(input) == ShapeOf(output) &&
            input.arena_offset == output.arena_offset &&
            RingRows(input) == RingRows(output) && HoldsColumns(input) &&
            HoldsColumns(output));
  }

  static bool OfOneQuantisation(const TensorRecord& a, const TensorRecord& b) {
    return a.scale == b.scale && a.zero_point == b.zero_point;
  }

  Status CheckPool(const OpRecord& op, const TensorRecord& input,
                   const TensorRecord& output) const {
    if (op.kernel_h < 1 || op.kernel_w < 1 || op.stride_y < 1 ||
        op.stride_y > format::kMaxPoolKernel || op.stride_x < 1 ||
        op.stride_x > format::kMaxPoolKernel ||
        op.variant >= format::kPoolModes) {
      return Status::kUnsupported;
    }
    const bool is_mean =
        op.variant == static_cast<uint8_t>(format::PoolMode::kMean);
    const bool requantises =
        Fits(op.requant_offset, sizeof(float), alignof(float)) &&
        IsPositiveFinite(FloatAt(op.requant_offset, 0));
    const bool sound =
        WindowsFit(input.h, output.h, op.kernel_h, op.stride_y, op.pad_top) &&
        WindowsFit(input.w, output.w, op.kernel_w, op.stride_x, op.pad_left) &&
        input.c == output.c && !RangeOf(input).Overlaps(RangeOf(output)) &&
        (is_mean ? requantises : OfOneQuantisation(input, output));
    return sound ? Status::kOk : Status::kMalformed;
  }

  Status CheckMul(const OpRecord& op, const TensorRecord& input,
                  const TensorRecord& output) const {
    const TensorRecord& input2 = tensors()[op.input2];
    const Shape one_pixel = {1, 1, output.c};
    const bool sound =
        ShapeOf(input) == ShapeOf(output) &&
        (ShapeOf(input2) == ShapeOf(output) || ShapeOf(input2) == one_pixel) &&
        Fits(op.requant_offset, sizeof(float), alignof(float)) &&
        IsPositiveFinite(FloatAt(op.requant_offset, 0)) &&
        MayOverwrite(input, output) && MayOverwrite(input2, output);
    return sound ? Status::kOk : Status::kMalformed;
  }

  Status CheckConcat(const OpRecord& op, const TensorRecord& input,
                     const TensorRecord& output) const {
    const TensorRecord& input2 = tensors()[op.input2];
    if (op.variant >= format::kConcatAxes) return Status::kUnsupported;
    Shape sum = ShapeOf(input);
    Shape rest = ShapeOf(input2);
    const auto join = [](int32_t* a, int32_t* b) {
      *a += *b;
      *b = *a;
    };
    switch (static_cast<format::ConcatAxis>(op.variant)) {
      case format::ConcatAxis::kRows:
        join(&sum.h, &rest.h);
        break;
      case format::ConcatAxis::kColumns:
        join(&sum.w, &rest.w);
        break;
      case format::ConcatAxis::kChannels:
        join(&sum.c, &rest.c);
        break;
    }
    const bool sound = sum == ShapeOf(output) && rest == sum &&
                       OfOneQuantisation(input, output) &&
                       OfOneQuantisation(input2, output) &&
                       !RangeOf(input).Overlaps(RangeOf(output)) &&
                       !RangeOf(input2).Overlaps(RangeOf(output));
    return sound ? Status::kOk : Status::kMalformed;
  }

  Status CheckSoftmax(const OpRecord& op, const TensorRecord& input,
                      const TensorRecord& output) const {
    constexpr uint32_t kEntries = 256;
    if (!Fits(op.requant_offset, kEntries * sizeof(float), alignof(float)) ||
        ShapeOf(input) != ShapeOf(output) ||
        RangeOf(input).Overlaps(RangeOf(output))) {
      return Status::kMalformed;
    }
    // Then sums are at least 1, and no product is infinite.
    for (uint32_t i = 0; i < kEntries; ++i) {
      const float value = FloatAt(op.requant_offset, i);
      if (!(value >= 0.0f && value <= 1.0f)) return Status::kMalformed;
    }
    return FloatAt(op.requant_offset, kEntries - 1) == 1.0f
               ? Status::kOk
               : Status::kMalformed;
  }

  Status CheckReshape(const TensorRecord& input,
                      const TensorRecord& output) const {
    const bool sound =
        ShapeOf(input).elements() == ShapeOf(output).elements() &&
        OfOneQuantisation(input, output) &&
        (input.arena_offset == output.arena_offset ||
         !RangeOf(input).Overlaps(RangeOf(output)));
    return sound ? Status::kOk : Status::kMalformed;
  }

  float FloatAt(uint32_t offset, uint32_t index) const {
    return reinterpret_cast<const float*>(blob_.data() + offset)[index];
  }

  Status CheckResize(const TensorRecord& input,
                     const TensorRecord& output) const {
    const bool sound = output.h % input.h == 0 && output.w % input.w == 0 &&
                       input.c == output.c && input.scale == output.scale &&
                       input.zero_point == output.zero_point &&
                       !RangeOf(input).Overlaps(RangeOf(output));
    return sound ? Status::kOk : Status::kMalformed;
  }

  Status CheckHead() const {
    if (header_->encoding >= format::kBoxEncodings ||
        header_->scores >= format::kScoreForms || header_->channel_order > 1) {
      return Status::kUnsupported;
    }
    if (!IsFinite(header_->score_threshold) || !IsFinite(header_->nms_iou) ||
        !IsFinite(header_->center_variance) ||
        !IsFinite(header_->size_variance) || header_->levels.count == 0 ||
        (header_->classes.count == 0 &&
         Encoding() != format::BoxEncoding::kNone)) {
      return Status::kMalformed;
    }
    const auto* anchors = Records<format::AnchorRecord>(header_->anchors);
    for (uint32_t i = 0; i < header_->anchors.count; ++i) {
      if (!IsPositiveFinite(anchors[i].w) || !IsPositiveFinite(anchors[i].h)) {
        return Status::kMalformed;
      }
    }
    const auto* levels = Records<format::LevelRecord>(header_->levels);
    for (uint32_t i = 0; i < header_->levels.count; ++i) {
      if (!LevelIsSound(levels[i])) return Status::kMalformed;
    }
    return Status::kOk;
  }

  // Whether the level's tensors have the channels that the encoding says.
  bool LevelIsSound(const format::LevelRecord& level) const {
    if (!IsTensor(level.class_tensor) || !IsTensor(level.box_tensor) ||
        level.stride < 1 || level.stride > format::kMaxDimension ||
        uint32_t{level.first_anchor} + level.anchor_count >
            header_->anchors.count) {
      return false;
    }
    const TensorRecord& classes = tensors()[level.class_tensor];
    const TensorRecord& boxes = tensors()[level.box_tensor];
    if (!IsWhole(classes) || !IsWhole(boxes) || classes.h != boxes.h ||
        classes.w != boxes.w) {
      return false;
    }
    const auto class_count = static_cast<int64_t>(header_->classes.count);
    const bool is_one = level.class_tensor == level.box_tensor;
    const int64_t anchors = level.anchor_count;
    switch (Encoding()) {
      case format::BoxEncoding::kLtrbExp:
        return boxes.c == 4 && classes.c == class_count;
      case format::BoxEncoding::kNone:
        return true;
      case format::BoxEncoding::kClassifier:
        return header_->levels.count == 1 &&
               ShapeOf(classes).elements() == class_count;
      case format::BoxEncoding::kYoloV3:
        return is_one && anchors > 0 &&
               classes.c == anchors * (5 + class_count);
      case format::BoxEncoding::kYoloX:
        return is_one && classes.c == 5 + class_count;
      case format::BoxEncoding::kSsd:
        return anchors > 0 && boxes.c == anchors * 4 &&
               classes.c == anchors * (1 + class_count);
    }
    return false;
  }

  std::span<const uint8_t> blob_;
  const format::Header* header_;
};

}  // namespace

Status Model::Parse(std::span<const uint8_t> blob, Model* model) {
  if (reinterpret_cast<uintptr_t>(blob.data()) % format::kBlobAlignment != 0) {
    return Status::kMisaligned;
  }
  // The magic first, so that a short file of another kind is named as such.
  const std::size_t magic_bytes = std::min(blob.size(), sizeof(format::kMagic));
  if (blob.empty()) return Status::kTruncated;
  if (std::memcmp(blob.data(), format::kMagic, magic_bytes) != 0) {
    return Status::kBadMagic;
  }
  if (blob.size() < sizeof(format::Header)) return Status::kTruncated;
  const auto& header = *reinterpret_cast<const format::Header*>(blob.data());
  if (header.version != format::kVersion) return Status::kBadVersion;
  if (header.total_bytes > blob.size()) return Status::kTruncated;
  if (header.total_bytes < sizeof(format::Header)) return Status::kMalformed;
  const std::span<const uint8_t> bytes = blob.first(header.total_bytes);
  if (Crc32(bytes.subspan(sizeof(format::Header))) != header.crc32) {
    return Status::kBadChecksum;
  }
  if (const Status status = Validator(bytes).Run(); status != Status::kOk) {
    return status;
  }
  model->blob_ = blob.data();
  return Status::kOk;
}

uint32_t Crc32(std::span<const uint8_t> bytes) {
  // One step per nibble: 16 entries of 4 bytes suit a microcontroller.
  constexpr auto kTable = [] {
    std::array<uint32_t, 16> table{};
    for (uint32_t nibble = 0; nibble < 16; ++nibble) {
      uint32_t value = nibble;
      for (int bit = 0; bit < 4; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
      }
      table[nibble] = value;
    }
    return table;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (const uint8_t byte : bytes) {
    crc = (crc >> 4) ^ kTable[(crc ^ byte) & 15];
    crc = (crc >> 4) ^ kTable[(crc ^ (byte >> 4)) & 15];
  }
  return ~crc;
}

}  // namespace ocellus
