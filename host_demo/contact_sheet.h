// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <span>
#include <vector>

namespace ocellus {

// Where pictures of one size go on a sheet: a grid filled row by row, with a
// gap of some pixels between cells and around them.
struct SheetLayout {
  int columns = 0;
  int rows = 0;
  cv::Size cell;   // pixels
  cv::Size sheet;  // pixels
  int gap = 0;     // pixels

  cv::Rect Cell(int index) const;
};

// For `count` > 0 pictures of `picture` pixels in at most `columns` columns.
// Cells keep the aspect and are never wider than `max_cell_width`.
SheetLayout LayOutSheet(cv::Size picture, int count, int columns,
                        int max_cell_width);

// One picture of all `pictures` (8 bit, 3 channels, at least one). The first
// gives the cells their size; the others are stretched to it.
cv::Mat MakeContactSheet(std::span<const cv::Mat> pictures, int columns,
                         int max_cell_width);

// Keeps pictures spread evenly over a run whose length nobody knows yet.
//
// It keeps each stride-th picture. Once it holds four times as many as wanted,
// it drops every other one and doubles the stride, so that memory stays
// bounded and gaps between those picked differ by little.
class FrameSpread {
 public:
  explicit FrameSpread(std::size_t wanted) : wanted_(wanted) {}

  // Counts one picture of the run and says whether to Keep() it.
  bool Wants() { return seen_++ % stride_ == 0; }
  // Right after Wants() returned true.
  void Keep(cv::Mat picture);

  // At most the wanted number, first and last kept included, in order.
  std::vector<cv::Mat> Pick() const;

 private:
  std::size_t wanted_;
  std::size_t seen_ = 0;
  std::size_t stride_ = 1;
  std::vector<cv::Mat> kept_;
};

}  // namespace ocellus
