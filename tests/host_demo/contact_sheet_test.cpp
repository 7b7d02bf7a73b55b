// SPDX-License-Identifier: Apache-2.0
#include "host_demo/contact_sheet.h"

#include <gtest/gtest.h>

#include <vector>

namespace ocellus {
namespace {

cv::Mat Numbered(int number) {
  return cv::Mat(6, 8, CV_8UC3, cv::Scalar::all(number % 256));
}

std::vector<int> PickedFrom(int frames, std::size_t wanted) {
  FrameSpread spread(wanted);
  for (int i = 0; i < frames; ++i) {
    if (spread.Wants()) {
      // The number, in a picture of one pixel.
      spread.Keep(cv::Mat(1, 1, CV_32S, cv::Scalar(i)));
    }
  }
  std::vector<int> picked;
  for (const cv::Mat& picture : spread.Pick()) {
    picked.push_back(picture.at<int>(0, 0));
  }
  return picked;
}

TEST(LayOutSheet, FillsRowsWithCellsOfThePicturesAspect) {
  const SheetLayout layout = LayOutSheet({768, 576}, 9, 3, 384);
  EXPECT_EQ(layout.rows, 3);
  EXPECT_EQ(layout.cell, cv::Size(384, 288));
  EXPECT_EQ(layout.sheet,
            cv::Size(4 * layout.gap + 3 * 384, 4 * layout.gap + 3 * 288));
  EXPECT_EQ(layout.Cell(4),
            cv::Rect(2 * layout.gap + 384, 2 * layout.gap + 288, 384, 288));
}

TEST(LayOutSheet, NeedsFewerColumnsForFewerPictures) {
  const SheetLayout layout = LayOutSheet({100, 50}, 2, 3, 384);
  EXPECT_EQ(layout.columns, 2);
  EXPECT_EQ(layout.rows, 1);
  EXPECT_EQ(layout.cell, cv::Size(100, 50));
}

TEST(LayOutSheet, KeepsThinPicturesOnePixelHigh) {
  EXPECT_EQ(LayOutSheet({5000, 1}, 1, 3, 100).cell, cv::Size(100, 1));
}

TEST(MakeContactSheet, PutsEachPictureInItsCell) {
  const std::vector<cv::Mat> pictures = {Numbered(10), Numbered(20),
                                         Numbered(30)};
  const cv::Mat sheet = MakeContactSheet(pictures, 2, 100);
  const SheetLayout layout = LayOutSheet({8, 6}, 3, 2, 100);
  ASSERT_EQ(sheet.size(), layout.sheet);
  for (int i = 0; i < 3; ++i) {
    const cv::Mat cell = sheet(layout.Cell(i));
    EXPECT_EQ(cell.at<cv::Vec3b>(3, 4),
              cv::Vec3b::all(static_cast<uchar>(10 + 10 * i)));
  }
  EXPECT_EQ(sheet.at<cv::Vec3b>(0, 0), cv::Vec3b::all(255));
}

TEST(FrameSpread, KeepsAllOfAShortRun) {
  EXPECT_EQ(PickedFrom(0, 9), std::vector<int>{});
  EXPECT_EQ(PickedFrom(3, 9), (std::vector<int>{0, 1, 2}));
}

TEST(FrameSpread, SpreadsOverRunsOfAnyLength) {
  for (int frames = 10; frames < 3000; frames = frames * 5 / 4 + 1) {
    const std::vector<int> picked = PickedFrom(frames, 9);
    ASSERT_EQ(picked.size(), 9u) << frames;
    EXPECT_EQ(picked.front(), 0) << frames;
    const double even = frames / 9.0;
    EXPECT_GE(picked.back(), frames - 1 - even) << frames;
    for (std::size_t i = 1; i < picked.size(); ++i) {
      const int gap = picked[i] - picked[i - 1];
      EXPECT_GE(gap, 1) << frames;
      EXPECT_LE(gap, 1.7 * even + 1) << frames;
    }
  }
}

}  // namespace
}  // namespace ocellus
