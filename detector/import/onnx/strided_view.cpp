// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/strided_view.h"

#include <deque>

namespace ocellus {

// Joins it to the piece before where both are one.
void StridedView::AddPiece(Piece piece, Dimension* dimension) {
  if (piece.size == 1) return;
  if (!dimension->empty() &&
      dimension->back().stride == piece.size * piece.stride) {
    dimension->back().size *= piece.size;
    dimension->back().stride = piece.stride;
    return;
  }
  dimension->push_back(piece);
}

StridedView StridedView::OfMap(const Shape& shape) {
  StridedView view;
  view.dims_.resize(4);
  AddPiece({shape.c, 1}, &view.dims_[1]);
  AddPiece({shape.h, int64_t{shape.w} * shape.c}, &view.dims_[2]);
  AddPiece({shape.w, shape.c}, &view.dims_[3]);
  return view;
}

StridedView StridedView::OfVector(int32_t channels) {
  StridedView view;
  view.dims_.resize(2);
  AddPiece({channels, 1}, &view.dims_[1]);
  return view;
}

std::vector<int64_t> StridedView::dims() const {
  std::vector<int64_t> dims;
  for (const Dimension& dimension : dims_) {
    int64_t size = 1;
    for (const Piece& piece : dimension) size *= piece.size;
    dims.push_back(size);
  }
  return dims;
}

int64_t StridedView::elements() const {
  int64_t elements = 1;
  for (const int64_t dim : dims()) elements *= dim;
  return elements;
}

std::optional<StridedView> StridedView::Reshaped(
    std::span<const int64_t> dims) const {
  std::deque<Piece> left;
  for (const Dimension& dimension : dims_) {
    left.insert(left.end(), dimension.begin(), dimension.end());
  }
  StridedView view;
  for (int64_t needed : dims) {
    if (needed < 1) return std::nullopt;
    Dimension& dimension = view.dims_.emplace_back();
    while (needed > 1) {
      if (left.empty()) return std::nullopt;
      Piece& next = left.front();
      if (needed % next.size == 0) {
        needed /= next.size;
        AddPiece(next, &dimension);
        left.pop_front();
      } else if (next.size % needed == 0) {
        next.size /= needed;
        AddPiece({needed, next.size * next.stride}, &dimension);
        needed = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  if (!left.empty()) return std::nullopt;
  return view;
}

StridedView StridedView::Transposed(std::span<const int64_t> order) const {
  StridedView view;
  for (const int64_t from : order) view.dims_.push_back(dims_[from]);
  return view;
}

std::optional<Shape> StridedView::AsMap() const {
  if (rank() < 1 || rank() > 4) return std::nullopt;
  std::vector<Dimension> dims = dims_;
  if (rank() == 1) dims.insert(dims.begin(), Dimension());
  dims.resize(4);
  Shape shape = {1, 1, 1};
  int32_t* const places[] = {nullptr, &shape.c, &shape.h, &shape.w};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].empty()) continue;
    if (i == 0 || dims[i].size() > 1 || dims[i][0].size > (1 << 28)) {
      return std::nullopt;
    }
    *places[i] = static_cast<int32_t>(dims[i][0].size);
  }
  const auto has_stride = [&](std::size_t i, int64_t stride) {
    return dims[i].empty() || dims[i][0].stride == stride;
  };
  if (!has_stride(1, 1) || !has_stride(3, shape.c) ||
      !has_stride(2, int64_t{shape.w} * shape.c)) {
    return std::nullopt;
  }
  return shape;
}

bool StridedView::IsInnermost(std::size_t dim, int64_t size) const {
  const Dimension& dimension = dims_[dim];
  if (size == 1) return dimension.empty();
  return dimension.size() == 1 && dimension[0].size == size &&
         dimension[0].stride == 1;
}

std::vector<int64_t> StridedView::Offsets() const {
  std::vector<int64_t> offsets = {0};
  for (const Dimension& dimension : dims_) {
    for (const Piece& piece : dimension) {
      std::vector<int64_t> finer;
      finer.reserve(offsets.size() * static_cast<std::size_t>(piece.size));
      for (const int64_t offset : offsets) {
        for (int64_t i = 0; i < piece.size; ++i) {
          finer.push_back(offset + i * piece.stride);
        }
      }
      offsets = std::move(finer);
    }
  }
  return offsets;
}

}  // namespace ocellus
