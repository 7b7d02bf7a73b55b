// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/row_resizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ocellus {
namespace {

// Input value = pixel - 128.
InputTable PlainTable() {
  InputTable table;
  for (int i = 0; i < 256; ++i) {
    table[static_cast<std::size_t>(i)] = static_cast<int8_t>(i - 128);
  }
  return table;
}

struct Picture {
  FrameFormat format;
  std::vector<uint8_t> bytes;
  const uint8_t* line(int y) const {
    return &bytes[static_cast<std::size_t>(y * format.line_bytes())];
  }
};

Picture RandomPicture(PixelFormat pixels, int width, int height,
                      uint32_t seed) {
  std::mt19937 random(seed);
  Picture picture{{pixels, width, height}, {}};
  picture.bytes.resize(static_cast<std::size_t>(2 * width * height));
  for (uint8_t& byte : picture.bytes)
    byte = static_cast<uint8_t>(random() >> 9);
  return picture;
}

// Red, green and blue of one pixel, rounded to whole values.
std::array<double, 3> Colour(const Picture& picture, int x, int y) {
  const uint8_t* line = picture.line(y);
  if (picture.format.pixels == PixelFormat::kRgb565) {
    const int word = line[2 * x] << 8 | line[2 * x + 1];
    const int red = word >> 11, green = word >> 5 & 63, blue = word & 31;
    return {static_cast<double>(red << 3 | red >> 2),
            static_cast<double>(green << 2 | green >> 4),
            static_cast<double>(blue << 3 | blue >> 2)};
  }
  const double luma = line[2 * x];
  const double cb = line[4 * (x / 2) + 1] - 128.0;
  const double cr = line[4 * (x / 2) + 3] - 128.0;
  std::array<double, 3> colour = {luma + 1.402 * cr,
                                  luma - 0.344136 * cb - 0.714136 * cr,
                                  luma + 1.772 * cb};
  for (double& c : colour) c = std::clamp(std::round(c), 0.0, 255.0);
  return colour;
}

// Bilinear, in real numbers.
double Expected(const Picture& picture, Shape input, int x, int y, int c) {
  const auto place = [](int i, int source, int target) {
    return std::clamp((i + 0.5) * source / target - 0.5, 0.0, source - 1.0);
  };
  const double px = place(x, picture.format.width, input.w);
  const double py = place(y, picture.format.height, input.h);
  const int x0 = static_cast<int>(px), y0 = static_cast<int>(py);
  const int x1 = std::min(x0 + 1, picture.format.width - 1);
  const int y1 = std::min(y0 + 1, picture.format.height - 1);
  const auto at = [&](int sx, int sy) {
    return Colour(picture, sx, sy)[static_cast<std::size_t>(c)];
  };
  const double upper = at(x0, y0) + (px - x0) * (at(x1, y0) - at(x0, y0));
  const double lower = at(x0, y1) + (px - x0) * (at(x1, y1) - at(x0, y1));
  return upper + (py - y0) * (lower - upper);
}

void ExpectBilinear(const Picture& picture, Shape input) {
  SCOPED_TRACE(testing::Message()
               << picture.format.width << "x" << picture.format.height << " to "
               << input.w << "x" << input.h);
  std::vector<int8_t> memory(static_cast<std::size_t>(input.elements()));
  RowQueue queue;
  queue.Start(memory, 3 * input.w, input.h);
  RowResizer resizer;
  ASSERT_TRUE(resizer.Start(picture.format, input, PlainTable()));
  for (int y = 0; y < picture.format.height; ++y) {
    ASSERT_TRUE(resizer.TakeLine(picture.line(y), queue));
  }
  double worst = 0.0;
  for (int y = 0; y < input.h; ++y) {
    const int8_t* row = queue.Front();
    ASSERT_NE(row, nullptr) << "row " << y;
    for (int x = 0; x < input.w; ++x) {
      for (int c = 0; c < 3; ++c) {
        worst = std::max(worst, std::abs(row[3 * x + c] + 128 -
                                         Expected(picture, input, x, y, c)));
      }
    }
    queue.Take();
  }
  EXPECT_EQ(queue.Front(), nullptr);
  // Half a step of rounding, two weights that are off by 1/4096 each, and one
  // where the colours' factors round to the other side.
  const bool is_rgb = picture.format.pixels == PixelFormat::kRgb565;
  EXPECT_TRUE(worst <= (is_rgb ? 0.63 : 1.63)) << worst;
}

TEST(RowResizer, IsBilinearWithinRounding) {
  for (const PixelFormat pixels : {PixelFormat::kRgb565, PixelFormat::kYuyv}) {
    ExpectBilinear(RandomPicture(pixels, 320, 240, 1), {224, 224, 3});
    ExpectBilinear(RandomPicture(pixels, 320, 240, 2), {96, 128, 3});
    ExpectBilinear(RandomPicture(pixels, 30, 17, 3), {61, 64, 3});
    ExpectBilinear(RandomPicture(pixels, 8, 1, 4), {5, 3, 3});
    ExpectBilinear(RandomPicture(pixels, 640, 480, 5), {33, 31, 3});
  }
}

TEST(RowResizer, KeepsPixelsWhereSizesAreEqual) {
  const Picture picture = RandomPicture(PixelFormat::kRgb565, 6, 4, 6);
  std::vector<int8_t> memory(6 * 4 * 3);
  RowQueue queue;
  queue.Start(memory, 18, 4);
  RowResizer resizer;
  ASSERT_TRUE(resizer.Start(picture.format, {4, 6, 3}, PlainTable()));
  for (int y = 0; y < 4; ++y) {
    ASSERT_TRUE(resizer.TakeLine(picture.line(y), queue));
    const int8_t* row = queue.Front();
    ASSERT_NE(row, nullptr) << "each line completes a row at once";
    for (int i = 0; i < 18; ++i) {
      EXPECT_EQ(row[i] + 128,
                Colour(picture, i / 3, y)[static_cast<std::size_t>(i % 3)]);
    }
    queue.Take();
  }
}

TEST(RowResizer, SaysWhenTheQueueIsFull) {
  const Picture picture = RandomPicture(PixelFormat::kRgb565, 4, 4, 7);
  std::vector<int8_t> memory(2 * 12);
  RowQueue queue;
  queue.Start(memory, 12, 4);
  EXPECT_EQ(queue.capacity(), 2);
  RowResizer resizer;
  ASSERT_TRUE(resizer.Start(picture.format, {4, 4, 3}, PlainTable()));
  EXPECT_TRUE(resizer.TakeLine(picture.line(0), queue));
  EXPECT_TRUE(resizer.TakeLine(picture.line(1), queue));
  EXPECT_FALSE(resizer.TakeLine(picture.line(2), queue));
}

TEST(RowResizer, RefusesWhatItHasNoRoomFor) {
  RowResizer resizer;
  EXPECT_FALSE(resizer.Start({PixelFormat::kRgb565, 642, 4}, {4, 4, 3}, {}));
  EXPECT_FALSE(resizer.Start({PixelFormat::kYuyv, 5, 4}, {4, 4, 3}, {}));
  EXPECT_FALSE(resizer.Start({PixelFormat::kRgb565, 8, 4}, {4, 513, 3}, {}));
}

}  // namespace
}  // namespace ocellus
