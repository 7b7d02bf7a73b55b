// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ocellus {

// Height, width and channels of a feature map, always in this order. The batch
// is always one.
struct Shape {
  int32_t h = 0;
  int32_t w = 0;
  int32_t c = 0;

  constexpr int64_t elements() const { return static_cast<int64_t>(h) * w * c; }
  friend constexpr bool operator==(const Shape&, const Shape&) = default;
};

// real = scale * (quantised - zero_point).
struct QuantParams {
  float scale = 1.0f;
  int32_t zero_point = 0;

  friend constexpr bool operator==(const QuantParams&,
                                   const QuantParams&) = default;
};

// A view of `shape.h` rows of [W, C] elements; it owns nothing.
//
// Rows are `row_pitch` elements apart and pixels within a row are dense. The
// rows may live in a ring: row y is stored in slot (first_slot + y) mod
// ring_rows of `data`. A plain buffer is a ring of shape.h slots that starts
// at slot 0. Rings let an operator keep only the rows its successor still
// needs, and the same kernels serve both.
template <typename T>
struct Tensor {
  T* data = nullptr;  // slot 0
  Shape shape;
  int32_t row_pitch = 0;   // elements from one slot to the next, >= W * C
  int32_t ring_rows = 0;   // slots, >= shape.h
  int32_t first_slot = 0;  // slot of row 0, in [0, ring_rows)

  constexpr Tensor() = default;
  constexpr Tensor(T* dense, Shape dense_shape)
      : data(dense),
        shape(dense_shape),
        row_pitch(dense_shape.w * dense_shape.c),
        ring_rows(dense_shape.h) {}
  constexpr Tensor(T* slots, Shape view_shape, int32_t pitch,
                   int32_t slot_count, int32_t slot_of_row_0)
      : data(slots),
        shape(view_shape),
        row_pitch(pitch),
        ring_rows(slot_count),
        first_slot(slot_of_row_0) {}

  // A view for writing is also a view for reading.
  constexpr operator Tensor<const T>() const requires(!std::is_const_v<T>) {
    return {data, shape, row_pitch, ring_rows, first_slot};
  }

  // First element of row y, 0 <= y < shape.h.
  constexpr T* Row(int32_t y) const {
    const int32_t slot = first_slot + y;
    const int32_t wrapped = slot < ring_rows ? slot : slot - ring_rows;
    return data + static_cast<std::ptrdiff_t>(wrapped) * row_pitch;
  }

  // Rows follow each other without a gap, so that the view is one [H*W, C]
  // matrix starting at Row(0).
  constexpr bool is_dense() const {
    return row_pitch == shape.w * shape.c && first_slot + shape.h <= ring_rows;
  }

  // Rows [begin, begin + count) of this view.
  constexpr Tensor Rows(int32_t begin, int32_t count) const {
    const int32_t slot = first_slot + begin;
    return {data,
            {count, shape.w, shape.c},
            row_pitch,
            ring_rows,
            slot < ring_rows ? slot : slot - ring_rows};
  }
};

}  // namespace ocellus
