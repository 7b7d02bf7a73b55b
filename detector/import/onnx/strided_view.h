// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace ocellus {

// How the elements of a tensor in an ONNX file, whatever its dimensions, lie in
// the memory of a tensor [H, W, C]. Reshape and Transpose only change this, so
// nothing moves as long as the next operator finds what it reads in order.
class StridedView {
 public:
  // The batch, channels, rows and columns of [H, W, C]: dimensions
  // [1, C, H, W].
  static StridedView OfMap(const Shape& shape);
  // Dimensions [1, C] of [1, 1, C].
  static StridedView OfVector(int32_t channels);

  std::vector<int64_t> dims() const;
  std::size_t rank() const { return dims_.size(); }
  int64_t elements() const;

  // The same elements, in the same order, in other dimensions. Nothing if these
  // would cut across what is not one piece, or differ in number.
  std::optional<StridedView> Reshaped(std::span<const int64_t> dims) const;
  // Dimension i is what was dimension order[i], a permutation.
  StridedView Transposed(std::span<const int64_t> order) const;

  // [H, W, C] if dimensions [1, C, H, W], [1, C, L] or [1, C] lie in memory as
  // a dense tensor of that shape. [1, C, L] is a column of L pixels.
  std::optional<Shape> AsMap() const;
  // Whether a dimension is `size` neighbours in memory.
  bool IsInnermost(std::size_t dim, int64_t size) const;

  // Where each element is, in the order of the file.
  std::vector<int64_t> Offsets() const;

  friend bool operator==(const StridedView&, const StridedView&) = default;

 private:
  // `size` elements, `stride` apart.
  struct Piece {
    int64_t size = 1;
    int64_t stride = 1;
    friend bool operator==(const Piece&, const Piece&) = default;
  };
  using Dimension = std::vector<Piece>;  // outermost first, none of size 1

  static void AddPiece(Piece piece, Dimension* dimension);

  std::vector<Dimension> dims_;
};

}  // namespace ocellus
