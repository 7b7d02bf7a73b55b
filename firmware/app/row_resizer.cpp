// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/row_resizer.h"

#include <algorithm>

namespace ocellus {
namespace {

constexpr int32_t kWeightBits = 11;
constexpr int32_t kOne = 1 << kWeightBits;

// Five or six bits to eight, so that the brightest stays the brightest.
void Rgb565ToRgb(const uint8_t* line, int32_t width, uint8_t* rgb) {
  for (int32_t x = 0; x < width; ++x, line += 2, rgb += 3) {
    const uint32_t red = line[0] >> 3u;
    const uint32_t green = (line[0] & 7u) << 3u | line[1] >> 5u;
    const uint32_t blue = line[1] & 31u;
    rgb[0] = static_cast<uint8_t>(red << 3u | red >> 2u);
    rgb[1] = static_cast<uint8_t>(green << 2u | green >> 4u);
    rgb[2] = static_cast<uint8_t>(blue << 3u | blue >> 2u);
  }
}

uint8_t Clamped(int32_t value) {
  return static_cast<uint8_t>(std::clamp<int32_t>(value, 0, 255));
}

// ITU-T T.871 (JFIF), section 7, factors times 65536.
void YuyvToRgb(const uint8_t* line, int32_t width, uint8_t* rgb) {
  constexpr int32_t kHalf = 1 << 15;
  for (int32_t x = 0; x < width; x += 2, line += 4) {
    const int32_t cb = line[1] - 128;
    const int32_t cr = line[3] - 128;
    const int32_t red = (91881 * cr + kHalf) >> 16;
    const int32_t green = (-22554 * cb - 46802 * cr + kHalf) >> 16;
    const int32_t blue = (116130 * cb + kHalf) >> 16;
    for (const int32_t luma : {line[0], line[2]}) {
      *rgb++ = Clamped(luma + red);
      *rgb++ = Clamped(luma + green);
      *rgb++ = Clamped(luma + blue);
    }
  }
}

}  // namespace

bool RowResizer::Start(const FrameFormat& source, Shape input,
                       const InputTable& table) {
  if (source.width < 2 || source.width > kMaxLineWidth ||
      source.width % 2 != 0 || source.height < 1 || input.w > kMaxInputWidth) {
    return false;
  }
  source_ = source;
  input_ = input;
  table_ = table;
  for (int32_t x = 0; x < input.w; ++x) {
    columns_[static_cast<std::size_t>(x)] = SampleOf(x, source.width, input.w);
  }
  BeginFrame();
  return true;
}

void RowResizer::BeginFrame() {
  next_line_ = 0;
  next_row_ = 0;
}

bool RowResizer::TakeLine(const uint8_t* line, RowQueue& rows) {
  if (next_line_ == source_.height) return true;  // more lines than announced
  const int32_t y = next_line_++;
  Stretch(line, lines_[static_cast<std::size_t>(y % 2)]);
  for (; next_row_ < input_.h; ++next_row_) {
    const Sample sample = SampleOf(next_row_, source_.height, input_.h);
    if (sample.second > y) break;
    int8_t* row = rows.NextFree();
    if (row == nullptr) return false;
    WriteRow(sample, row);
    rows.Add();
  }
  return true;
}

RowResizer::Sample RowResizer::SampleOf(int32_t position, int32_t source,
                                        int32_t target) {
  // (position + 1/2) * source / target - 1/2, as a fraction of 2 * target.
  const int32_t denominator = 2 * target;
  const int32_t numerator = (2 * position + 1) * source - target;
  if (numerator <= 0) return {0, 0, 0};
  const int32_t first = std::min(numerator / denominator, source - 1);
  const int32_t rest = numerator % denominator;
  const auto weight =
      static_cast<uint16_t>((rest * kOne + target) / denominator);
  // A pixel that does not count need not be waited for.
  const int32_t second = weight == 0 ? first : std::min(first + 1, source - 1);
  return {static_cast<uint16_t>(first), static_cast<uint16_t>(second), weight};
}

void RowResizer::Stretch(const uint8_t* line, StretchedLine& stretched) {
  if (source_.pixels == PixelFormat::kRgb565) {
    Rgb565ToRgb(line, source_.width, rgb_.data());
  } else {
    YuyvToRgb(line, source_.width, rgb_.data());
  }
  uint32_t* to = stretched.data();
  for (int32_t x = 0; x < input_.w; ++x, to += 3) {
    const Sample& sample = columns_[static_cast<std::size_t>(x)];
    const uint8_t* first = &rgb_[3u * sample.first];
    const uint8_t* second = &rgb_[3u * sample.second];
    const uint32_t weight = sample.second_weight;
    for (int c = 0; c < 3; ++c) {
      to[c] = first[c] * (kOne - weight) + second[c] * weight;
    }
  }
}

void RowResizer::WriteRow(const Sample& sample, int8_t* row) const {
  const StretchedLine& upper = lines_[sample.first % 2u];
  const StretchedLine& lower = lines_[sample.second % 2u];
  const uint32_t weight = sample.second_weight;
  constexpr uint32_t kHalf = 1u << (2 * kWeightBits - 1);
  const auto count = static_cast<std::size_t>(3 * input_.w);
  for (std::size_t i = 0; i < count; ++i) {
    const uint32_t sum = upper[i] * (kOne - weight) + lower[i] * weight;
    row[i] = table_[(sum + kHalf) >> (2 * kWeightBits)];
  }
}

}  // namespace ocellus
