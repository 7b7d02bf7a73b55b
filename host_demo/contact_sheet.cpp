// SPDX-License-Identifier: Apache-2.0
#include "host_demo/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace ocellus {
namespace {

constexpr int kGap = 8;  // pixels, a line that the eye sees at any cell size

}  // namespace

cv::Rect SheetLayout::Cell(int index) const {
  const int column = index % columns;
  const int row = index / columns;
  return {gap + column * (cell.width + gap), gap + row * (cell.height + gap),
          cell.width, cell.height};
}

SheetLayout LayOutSheet(cv::Size picture, int count, int columns,
                        int max_cell_width) {
  SheetLayout layout;
  layout.columns = std::min(count, columns);
  layout.rows = (count + layout.columns - 1) / layout.columns;
  layout.gap = kGap;
  layout.cell.width = std::min(picture.width, max_cell_width);
  layout.cell.height = std::max(
      1, static_cast<int>(std::lround(static_cast<double>(picture.height) *
                                      layout.cell.width / picture.width)));
  layout.sheet = {kGap + layout.columns * (layout.cell.width + kGap),
                  kGap + layout.rows * (layout.cell.height + kGap)};
  return layout;
}

cv::Mat MakeContactSheet(std::span<const cv::Mat> pictures, int columns,
                         int max_cell_width) {
  const int count = static_cast<int>(pictures.size());
  const SheetLayout layout =
      LayOutSheet(pictures.front().size(), count, columns, max_cell_width);
  cv::Mat sheet(layout.sheet, CV_8UC3, cv::Scalar::all(255));
  for (int i = 0; i < count; ++i) {
    cv::Mat cell = sheet(layout.Cell(i));
    cv::resize(pictures[i], cell, layout.cell, 0, 0, cv::INTER_AREA);
  }
  return sheet;
}

void FrameSpread::Keep(cv::Mat picture) {
  kept_.push_back(std::move(picture));
  if (kept_.size() < 4 * wanted_) return;
  for (std::size_t i = 0; 2 * i < kept_.size(); ++i) {
    if (i > 0) kept_[i] = std::move(kept_[2 * i]);
  }
  kept_.resize((kept_.size() + 1) / 2);
  stride_ *= 2;
}

std::vector<cv::Mat> FrameSpread::Pick() const {
  if (kept_.size() <= wanted_) return kept_;
  if (wanted_ == 1) return {kept_.front()};
  std::vector<cv::Mat> picked;
  for (std::size_t i = 0; i < wanted_; ++i) {
    picked.push_back(kept_[i * (kept_.size() - 1) / (wanted_ - 1)]);
  }
  return picked;
}

}  // namespace ocellus
