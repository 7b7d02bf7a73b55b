// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor.h"

#include <algorithm>
#include <cstring>

#include "runtime/kernels/channel_pairs.h"
#include "runtime/reading.h"

namespace ocellus {
namespace {

using format::OpKind;
using format::OpRecord;
using format::RangeRecord;
using format::StageRecord;
using kernels::Conv2dKernel;
using kernels::Conv2dParams;
using kernels::PoolParams;

constexpr std::size_t RoundUp(std::size_t bytes) {
  constexpr std::size_t kMask = Executor::kArenaAlignment - 1;
  return (bytes + kMask) & ~kMask;
}

// The kernel that runs `op`, or null if it is no convolution.
const Conv2dKernel* ConvolutionKernel(const Backend& backend,
                                      const OpRecord& op) {
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kConv2d:
      return &backend.conv2d;
    case OpKind::kDepthwiseConv2d:
      return &backend.depthwise_conv2d;
    case OpKind::kAdd:
    case OpKind::kResizeNearest:
    case OpKind::kPool:
    case OpKind::kMul:
    case OpKind::kLookup:
    case OpKind::kConcat:
    case OpKind::kSoftmax:
    case OpKind::kReshape:
      return nullptr;
  }
  return nullptr;
}

Conv2dParams ConvolutionParams(const Model& model, const OpRecord& op) {
  return {
      .kernel_h = op.kernel_h,
      .kernel_w = op.kernel_w,
      .stride_y = op.stride_y,
      .stride_x = op.stride_x,
      .pad_top = op.pad_top,
      .pad_left = op.pad_left,
      .input_zero_point = model.quant(op.input).zero_point,
      .output_zero_point = model.quant(op.output).zero_point,
      .activation_min = op.activation_min,
      .activation_max = op.activation_max,
      .weights = model.Data<int8_t>(op.weights_offset),
      .weight_layout = static_cast<format::WeightLayout>(op.weight_layout),
      .bias = model.Data<int32_t>(op.bias_offset),
      .requant = model.Data<float>(op.requant_offset),
  };
}

// Values that one output channel of a convolution sums up.
int32_t Depth(const Model& model, const OpRecord& op) {
  return op.kernel_h * op.kernel_w * model.shape(op.input).c;
}

// Whether the op's weights are in pairs that its kernel does not read.
bool MustUnpair(const Conv2dKernel& kernel, const OpRecord& op) {
  return !kernel.reads_channel_pairs &&
         op.weight_layout ==
             static_cast<uint8_t>(format::WeightLayout::kChannelPairs);
}

std::size_t UnpairedBytes(const Model& model, const Conv2dKernel& kernel,
                          const OpRecord& op) {
  if (!MustUnpair(kernel, op)) return 0;
  return static_cast<std::size_t>(Depth(model, op)) *
         static_cast<std::size_t>(model.shape(op.output).c);
}

// But for the padding, which differs by tile.
PoolParams PoolingParams(const Model& model, const OpRecord& op) {
  const auto mode = static_cast<format::PoolMode>(op.variant);
  return {
      .mode = mode,
      .kernel_h = op.kernel_h,
      .kernel_w = op.kernel_w,
      .stride_y = op.stride_y,
      .stride_x = op.stride_x,
      .activation_min = op.activation_min,
      .activation_max = op.activation_max,
      .input_zero_point = model.quant(op.input).zero_point,
      .output_zero_point = model.quant(op.output).zero_point,
      .requant = mode == format::PoolMode::kMean
                     ? *model.Data<float>(op.requant_offset)
                     : 1.0f,
  };
}

int32_t LargestComputed(std::span<const RangeRecord> ranges) {
  int32_t largest = 0;
  for (const RangeRecord& range : ranges) {
    largest = std::max<int32_t>(largest, range.end - range.compute);
  }
  return largest;
}

// What a kernel takes for the largest run of op `op_index`.
std::size_t ScratchBytes(const Model& model, const Conv2dKernel& kernel,
                         int32_t op_index) {
  if (kernel.scratch_bytes == nullptr) return 0;
  const OpRecord& op = model.ops()[op_index];
  const Shape in = model.shape(op.input);
  Shape output = model.shape(op.output);
  if (op.ring_bytes != 0) output.h = 1;
  for (const StageRecord& stage : model.stages()) {
    if (op_index < stage.first_op || op_index >= stage.end_op) continue;
    const auto ranges = model.ranges().subspan(
        model.tilings()[op.output_tiling].first_range,
        std::size_t{stage.tile_rows} + stage.tile_columns);
    output.h = LargestComputed(ranges.first(stage.tile_rows));
    output.w = LargestComputed(ranges.subspan(stage.tile_rows));
  }
  if (output.h == 0 || output.w == 0) return 0;
  const auto read = [&](Axis axis, int32_t count, int32_t extent) {
    const Reading reading =
        ReadingOf(op, false, axis, in, model.shape(op.output));
    return std::min(reading.Of({0, count}).size(), extent);
  };
  return kernel.scratch_bytes(ConvolutionParams(model, op),
                              {read(Axis::kRows, output.h, in.h),
                               read(Axis::kColumns, output.w, in.w), in.c},
                              output);
}

std::size_t PackedBytes(const Model& model, const Conv2dKernel& kernel,
                        const OpRecord& op) {
  if (kernel.packed_bytes == nullptr) return 0;
  return kernel.packed_bytes(ConvolutionParams(model, op),
                             model.shape(op.input).c, model.shape(op.output).c);
}

}  // namespace

std::size_t ArenaUse::total_bytes() const {
  return RoundUp(activation_bytes) + RoundUp(scratch_bytes) +
         RoundUp(packed_bytes);
}

ArenaUse Executor::MeasureArena(const Model& model, const Backend& backend) {
  ArenaUse use;
  use.activation_bytes = model.header().arena_bytes;
  use.packed_bytes = RoundUp(model.ops().size() * sizeof(OpWeights));
  bool is_planned = true;
  for (std::size_t i = 0; i < model.ops().size(); ++i) {
    const OpRecord& op = model.ops()[i];
    const Conv2dKernel* kernel = ConvolutionKernel(backend, op);
    if (kernel == nullptr) continue;
    use.packed_bytes += RoundUp(UnpairedBytes(model, *kernel, op)) +
                        RoundUp(PackedBytes(model, *kernel, op));
    const std::size_t scratch =
        ScratchBytes(model, *kernel, static_cast<int32_t>(i));
    is_planned &= scratch <= op.scratch_bytes;
    use.scratch_bytes = std::max(use.scratch_bytes, scratch);
  }
  if (is_planned) use.scratch_bytes = 0;
  return use;
}

Status Executor::Prepare(const Model& model, const Backend& backend,
                         std::span<std::byte> arena) {
  if (reinterpret_cast<uintptr_t>(arena.data()) % kArenaAlignment != 0) {
    return Status::kMisaligned;
  }
  const ArenaUse use = MeasureArena(model, backend);
  if (arena.size() < use.total_bytes()) return Status::kArenaTooSmall;

  model_ = &model;
  backend_ = &backend;
  arena_ = arena.data();
  std::byte* scratch = arena_ + RoundUp(use.activation_bytes);
  scratch_ = use.scratch_bytes == 0 ? nullptr : scratch;
  std::byte* packed_begin = scratch + RoundUp(use.scratch_bytes);
  weights_ = reinterpret_cast<OpWeights*>(packed_begin);
  std::byte* next =
      packed_begin + RoundUp(model.ops().size() * sizeof(OpWeights));
  for (std::size_t i = 0; i < model.ops().size(); ++i) {
    const OpRecord& op = model.ops()[i];
    weights_[i] = {model.Data<int8_t>(op.weights_offset), nullptr};
    const Conv2dKernel* kernel = ConvolutionKernel(backend, op);
    if (kernel == nullptr) continue;
    Conv2dParams params = ConvolutionParams(model, op);
    if (MustUnpair(*kernel, op)) {
      auto* plain = reinterpret_cast<int8_t*>(next);
      kernels::UnpairWeights(model.Data<uint16_t>(op.weights_offset),
                             Depth(model, op), model.shape(op.output).c, plain);
      weights_[i].weights = params.weights = plain;
      params.weight_layout = format::WeightLayout::kPlain;
      next += RoundUp(UnpairedBytes(model, *kernel, op));
    }
    const std::size_t bytes = PackedBytes(model, *kernel, op);
    if (bytes == 0) continue;
    weights_[i].packed = next;
    kernel->pack(params, model.shape(op.input).c, model.shape(op.output).c,
                 next);
    next += RoundUp(bytes);
  }
  return Status::kOk;
}

void Executor::Begin() {
  rows_fed_ = 0;
  tile_rows_done_ = 0;
}

int8_t* Executor::NextInputRow() const {
  const int32_t image = model_->header().input;
  const Shape shape = model_->shape(image);
  return View(image, {rows_fed_, rows_fed_ + 1}, {0, shape.w}, 0).Row(0);
}

void Executor::CommitInputRow() {
  ++rows_fed_;
  const StageRecord* stage = StageAt(0);
  if (stage == nullptr) return;
  const std::span<const RangeRecord> rows =
      RowRanges(*stage, model_->ops()[0].input_tiling);
  while (tile_rows_done_ < stage->tile_rows &&
         rows[tile_rows_done_].end <= rows_fed_) {
    RunTileRow(*stage, tile_rows_done_++);
  }
}

void Executor::Finish() {
  int32_t op_index = 0;
  while (op_index < op_count()) {
    const StageRecord* stage = StageAt(op_index);
    if (stage == nullptr) {
      RunWholeOp(op_index++);
      continue;
    }
    // Of the first stage, feeding rows may have run a part.
    for (int32_t i = op_index == 0 ? tile_rows_done_ : 0; i < stage->tile_rows;
         ++i) {
      RunTileRow(*stage, i);
    }
    op_index = stage->end_op;
  }
}

const StageRecord* Executor::StageAt(int32_t op_index) const {
  for (const StageRecord& stage : model_->stages()) {
    if (stage.first_op == op_index) return &stage;
  }
  return nullptr;
}

std::span<const RangeRecord> Executor::RowRanges(const StageRecord& stage,
                                                 int32_t tiling) const {
  return model_->ranges().subspan(model_->tilings()[tiling].first_range,
                                  stage.tile_rows);
}

std::span<const RangeRecord> Executor::ColumnRanges(const StageRecord& stage,
                                                    int32_t tiling) const {
  return model_->ranges().subspan(
      model_->tilings()[tiling].first_range + stage.tile_rows,
      stage.tile_columns);
}

void Executor::RunTileRow(const StageRecord& stage, int32_t tile_row) {
  for (int32_t column = 0; column < stage.tile_columns; ++column) {
    for (int32_t i = stage.first_op; i < stage.end_op; ++i) {
      RunTileOp(stage, tile_row, column, i);
    }
  }
}

void Executor::RunTileOp(const StageRecord& stage, int32_t tile_row,
                         int32_t tile_column, int32_t op_index) {
  const OpRecord& op = model_->ops()[op_index];
  const RangeRecord rows = RowRanges(stage, op.output_tiling)[tile_row];
  const std::span<const RangeRecord> all_columns =
      ColumnRanges(stage, op.output_tiling);
  const RangeRecord columns = all_columns[tile_column];
  if (tile_column > 0) {
    KeepColumns(op.output, rows, all_columns[tile_column - 1], columns);
  }
  if (rows.compute == rows.end || columns.compute == columns.end) return;

  const Interval out_rows = {rows.compute, rows.end};
  const Interval out_columns = {columns.compute, columns.end};
  const Tensor<int8_t> output =
      View(op.output, out_rows, out_columns, columns.begin);
  // What the op reads, less what lies outside the image: that is padding, at
  // the image's borders only.
  Corner corner;
  const auto view_of = [&](int32_t tensor, int32_t tiling, bool second) {
    const Shape in = model_->shape(tensor);
    const Shape out = model_->shape(op.output);
    const Reading down = ReadingOf(op, second, Axis::kRows, in, out);
    const Reading across = ReadingOf(op, second, Axis::kColumns, in, out);
    const Interval wanted_rows = down.Of(out_rows);
    const Interval wanted_columns = across.Of(out_columns);
    const Interval in_rows = wanted_rows.Within(in.h);
    const Interval in_columns = wanted_columns.Within(in.w);
    if (!second) {
      corner = {.pad_top = in_rows.begin - wanted_rows.begin,
                .pad_left = in_columns.begin - wanted_columns.begin,
                .copy_y = out_rows.begin % down.factor,
                .copy_x = out_columns.begin % across.factor};
    }
    return View(tensor, in_rows, in_columns,
                ColumnRanges(stage, tiling)[tile_column].begin);
  };
  const Tensor<const int8_t> input = view_of(op.input, op.input_tiling, false);
  const Tensor<const int8_t> input2 =
      op.input2 == format::kNoTensor
          ? Tensor<const int8_t>()
          : view_of(op.input2, op.input2_tiling, true);
  RunKernel(op_index, corner, input, input2, output);
}

// Moves what a tile keeps of its left neighbour's columns to the front of each
// row, where this tile expects them.
void Executor::KeepColumns(int32_t tensor, RangeRecord rows,
                           RangeRecord previous, RangeRecord columns) {
  const format::TensorRecord& record = model_->tensors()[tensor];
  const bool holds_all = record.columns == 0 || record.columns == record.w;
  if (holds_all || columns.begin == previous.begin ||
      columns.begin >= columns.compute) {
    return;
  }
  const Interval kept = {columns.begin, columns.compute};
  const Interval all_rows = {rows.begin, rows.end};
  const Tensor<int8_t> from = View(tensor, all_rows, kept, previous.begin);
  const Tensor<int8_t> to = View(tensor, all_rows, kept, columns.begin);
  const auto bytes = static_cast<std::size_t>(to.shape.w * to.shape.c);
  for (int32_t y = 0; y < to.shape.h; ++y) {
    std::memmove(to.Row(y), from.Row(y), bytes);
  }
}

void Executor::RunWholeOp(int32_t op_index) {
  const OpRecord& op = model_->ops()[op_index];
  if (op.ring_bytes != 0) {
    RunOverInput(op_index);
    return;
  }
  const Tensor<int8_t> input2 = op.input2 == format::kNoTensor
                                    ? Tensor<int8_t>()
                                    : MutableTensor(op.input2);
  RunKernel(op_index, {.pad_top = op.pad_top, .pad_left = op.pad_left},
            tensor(op.input), input2, MutableTensor(op.output));
}

// Runs a convolution whose output overwrites its input, one output row at a
// time. Before a row is written, the input rows its successors read have been
// copied to a ring of kernel_h rows; Model::Parse() has checked that the
// output never catches up with the rows not yet copied.
void Executor::RunOverInput(int32_t op_index) {
  const OpRecord& op = model_->ops()[op_index];
  const Tensor<const int8_t> input = tensor(op.input);
  const Tensor<int8_t> output = MutableTensor(op.output);
  const Shape in = input.shape;
  const int32_t row_bytes = in.w * in.c;
  const int32_t slots = op.kernel_h;
  int8_t* ring = reinterpret_cast<int8_t*>(arena_ + op.ring_offset);
  int32_t copied = 0;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    const Interval wanted =
        InputOf({y, y + 1}, op.kernel_h, op.stride_y, op.pad_top);
    const Interval rows = wanted.Within(in.h);
    for (; copied < rows.end; ++copied) {
      std::memcpy(ring + (copied % slots) * row_bytes, input.Row(copied),
                  static_cast<std::size_t>(row_bytes));
    }
    RunKernel(op_index,
              {.pad_top = rows.begin - wanted.begin, .pad_left = op.pad_left},
              {ring,
               {rows.end - rows.begin, in.w, in.c},
               row_bytes,
               slots,
               rows.begin % slots},
              {}, output.Rows(y, 1));
  }
}

void Executor::RunKernel(int32_t op_index, Corner corner,
                         Tensor<const int8_t> input,
                         Tensor<const int8_t> input2, Tensor<int8_t> output) {
  const OpRecord& op = model_->ops()[op_index];
  if (observe_ != nullptr) observe_(observe_context_, op_index, false);
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kConv2d:
    case OpKind::kDepthwiseConv2d: {
      Conv2dParams params = ConvolutionParams(*model_, op);
      params.pad_top = corner.pad_top;
      params.pad_left = corner.pad_left;
      params.weights = weights_[op_index].weights;
      params.packed = weights_[op_index].packed;
      std::byte* scratch =
          scratch_ != nullptr ? scratch_ : arena_ + op.scratch_offset;
      ConvolutionKernel(*backend_, op)->run(params, input, output, scratch);
      break;
    }
    case OpKind::kAdd:
      backend_->add(
          {
              .zero_point = model_->quant(op.input).zero_point,
              .zero_point2 = model_->quant(op.input2).zero_point,
              .output_zero_point = model_->quant(op.output).zero_point,
              .multiplier = op.add_multiplier,
              .multiplier2 = op.add_multiplier2,
              .shift = op.add_shift,
              .activation_min = op.activation_min,
              .activation_max = op.activation_max,
          },
          input, input2, output);
      break;
    case OpKind::kResizeNearest:
      backend_->resize_nearest(
          {
              .factor_y =
                  model_->shape(op.output).h / model_->shape(op.input).h,
              .factor_x =
                  model_->shape(op.output).w / model_->shape(op.input).w,
              .first_y = corner.copy_y,
              .first_x = corner.copy_x,
          },
          input, output);
      break;
    case OpKind::kPool: {
      PoolParams params = PoolingParams(*model_, op);
      params.pad_top = corner.pad_top;
      params.pad_left = corner.pad_left;
      backend_->pool(params, input, output);
      break;
    }
    case OpKind::kMul:
      backend_->mul(
          {
              .zero_point = model_->quant(op.input).zero_point,
              .zero_point2 = model_->quant(op.input2).zero_point,
              .output_zero_point = model_->quant(op.output).zero_point,
              .requant = *model_->Data<float>(op.requant_offset),
              .activation_min = op.activation_min,
              .activation_max = op.activation_max,
          },
          input, input2, output);
      break;
    case OpKind::kLookup:
      backend_->lookup(model_->Data<int8_t>(op.weights_offset), input, output);
      break;
    case OpKind::kConcat:
      backend_->concat(static_cast<format::ConcatAxis>(op.variant), input,
                       input2, output);
      break;
    case OpKind::kSoftmax:
      backend_->softmax(
          {
              .exp = model_->Data<float>(op.requant_offset),
              .output_scale = model_->quant(op.output).scale,
              .output_zero_point = model_->quant(op.output).zero_point,
          },
          input, output);
      break;
    case OpKind::kReshape:
      // Over its input there is nothing to do.
      if (output.data != input.data) {
        std::memcpy(output.data, input.data,
                    static_cast<std::size_t>(output.shape.elements()));
      }
      break;
  }
  if (observe_ != nullptr) observe_(observe_context_, op_index, true);
}

Tensor<int8_t> Executor::View(int32_t tensor, Interval rows, Interval columns,
                              int32_t first_column) const {
  const format::TensorRecord& record = model_->tensors()[tensor];
  const int32_t ring_rows = record.ring_rows == 0 ? record.h : record.ring_rows;
  const bool holds_all = record.columns == 0 || record.columns == record.w;
  const int32_t buffer_columns = holds_all ? record.w : record.columns;
  const int32_t place =
      holds_all ? columns.begin : columns.begin - first_column;
  return {reinterpret_cast<int8_t*>(arena_ + record.arena_offset) +
              place * record.c,
          {rows.end - rows.begin, columns.end - columns.begin, record.c},
          buffer_columns * record.c,
          ring_rows,
          rows.begin % ring_rows};
}

Tensor<int8_t> Executor::MutableTensor(int32_t index) const {
  return {
      reinterpret_cast<int8_t*>(arena_ + model_->tensors()[index].arena_offset),
      model_->shape(index)};
}

}  // namespace ocellus
