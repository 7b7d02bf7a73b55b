// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/interval.h"
#include "runtime/kernels/backend.h"
#include "runtime/model.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace ocellus {

// What an executor needs of its arena, in bytes.
struct ArenaUse {
  std::size_t activation_bytes = 0;  // as the model's memory plan says
  // The backend's, for its greediest op; 0 if the plan has room for all.
  std::size_t scratch_bytes = 0;
  std::size_t packed_bytes = 0;  // weights rearranged for the backend

  // Each part rounded up to Executor::kArenaAlignment.
  std::size_t total_bytes() const;
};

// Runs a model inside one arena that the caller gives.
//
//   Executor executor;
//   Status status = executor.Prepare(model, ReferenceBackend(), arena);
//   // fill executor.input(), then, as often as wanted:
//   executor.Invoke();
//   // read executor.tensor(level.class_tensor) and so on
//
// Invoke() overwrites the input. A model whose plan keeps only some rows of the
// image takes it row by row instead, as a camera gives it; any other model may
// be fed that way too:
//
//   executor.Begin();
//   for (each row of the image) {
//     // fill executor.NextInputRow()
//     executor.CommitInputRow();  // runs what this row makes possible
//   }
//   executor.Finish();
//
// Model, backend and arena must outlive the executor.
class Executor {
 public:
  static constexpr std::size_t kArenaAlignment = 64;

  static ArenaUse MeasureArena(const Model& model, const Backend& backend);

  // Lays out the arena and packs weights.
  //
  // Returns kMisaligned unless the arena starts at a multiple of
  // kArenaAlignment, and kArenaTooSmall if it holds fewer bytes than
  // MeasureArena(model, backend).total_bytes().
  Status Prepare(const Model& model, const Backend& backend,
                 std::span<std::byte> arena);

  // Whether the arena holds the whole image at once. If not, it must be fed by
  // rows: input() and Invoke() may not be called.
  bool holds_whole_input() const { return HoldsWhole(model_->header().input); }

  // The image to detect in, [H, W, 3].
  Tensor<int8_t> input() const { return MutableTensor(model_->header().input); }

  // A tensor by its index in the model. Outputs of the network are valid after
  // Invoke(), other tensors only until their memory is used again.
  Tensor<const int8_t> tensor(int32_t index) const {
    return MutableTensor(index);
  }

  void Invoke() {
    Begin();
    rows_fed_ = model_->shape(model_->header().input).h;
    Finish();
  }

  // Starts an image.
  void Begin();
  // Where the next row of the image goes, [W, 3] from the top.
  int8_t* NextInputRow() const;
  // Takes that row and runs every tile row that now has its input. No more
  // rows than the image has.
  void CommitInputRow();
  // Runs the rest. All rows must have been committed.
  void Finish();

  int32_t op_count() const {
    return static_cast<int32_t>(model_->ops().size());
  }

  // Watches kernels run, e.g. to time them: `observe` is called right before
  // (done = false) and right after each run of a kernel. An op of a patch
  // stage runs once a tile. Null: nobody watches.
  using Observe = void(void* context, int32_t op_index, bool done);
  void set_observer(Observe* observe, void* context) {
    observe_ = observe;
    observe_context_ = context;
  }

 private:
  bool HoldsWhole(int32_t tensor) const {
    const format::TensorRecord& record = model_->tensors()[tensor];
    return (record.ring_rows == 0 || record.ring_rows == record.h) &&
           (record.columns == 0 || record.columns == record.w);
  }
  // The stage that starts at an op, or null.
  const format::StageRecord* StageAt(int32_t op_index) const;
  std::span<const format::RangeRecord> RowRanges(
      const format::StageRecord& stage, int32_t tiling) const;
  std::span<const format::RangeRecord> ColumnRanges(
      const format::StageRecord& stage, int32_t tiling) const;
  void RunTileRow(const format::StageRecord& stage, int32_t tile_row);
  void RunTileOp(const format::StageRecord& stage, int32_t tile_row,
                 int32_t tile_column, int32_t op_index);
  void KeepColumns(int32_t tensor, format::RangeRecord rows,
                   format::RangeRecord previous, format::RangeRecord columns);
  void RunWholeOp(int32_t op_index);
  void RunOverInput(int32_t op_index);
  // Where the first pixel of a view lies in its tensor.
  struct Corner {
    int32_t pad_top = 0;  // padding above and left of the input view
    int32_t pad_left = 0;
    int32_t copy_y = 0;  // which copy of its input pixel the output's is
    int32_t copy_x = 0;
  };
  void RunKernel(int32_t op_index, Corner corner, Tensor<const int8_t> input,
                 Tensor<const int8_t> input2, Tensor<int8_t> output);
  struct OpWeights {
    const int8_t* weights;    // in the model, or unpaired in the arena
    const std::byte* packed;  // what the kernel's pack() wrote, or null
  };

  // Rows and columns of a tensor, where its buffer begins at `first_column`
  // unless it holds all columns.
  Tensor<int8_t> View(int32_t tensor, Interval rows, Interval columns,
                      int32_t first_column) const;
  Tensor<int8_t> MutableTensor(int32_t index) const;

  const Model* model_ = nullptr;
  const Backend* backend_ = nullptr;
  std::byte* arena_ = nullptr;
  std::byte* scratch_ = nullptr;  // null: where the plan says
  OpWeights* weights_ = nullptr;  // per op
  int32_t rows_fed_ = 0;          // of the image
  int32_t tile_rows_done_ = 0;    // of the stage that reads the image
  Observe* observe_ = nullptr;
  void* observe_context_ = nullptr;
};

}  // namespace ocellus
