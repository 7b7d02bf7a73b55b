// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/result.h"

namespace ocellus {

struct RgbImage {
  int32_t width = 0;
  int32_t height = 0;
  std::vector<uint8_t> pixels;  // [height, width, 3], rows from the top
};

// The image is decoded at n/8 of its size, for the smallest n in 1..8 that
// leaves at least `min_width` x `min_height` pixels, and at full size when none
// does. That costs a fraction of decoding and resizing. 0 x 0: full size.
struct JpegOptions {
  int32_t min_width = 0;
  int32_t min_height = 0;
};

// More pixels than this are refused before anything is allocated for them.
inline constexpr int64_t kMaxJpegPixels = int64_t{1} << 26;

// Decodes a JPEG into RGB. Grayscale, YCbCr, RGB, CMYK and YCCK images are
// read, baseline and progressive. An n/8 image has ceil(width * n / 8) x
// ceil(height * n / 8) pixels.
//
// Errors, each naming the file: unreadable, not a JPEG, truncated or corrupt
// (so is everything that libjpeg warns about and patches over, like a
// "premature end"), more than kMaxJpegPixels, another colour space.
Result<RgbImage> DecodeJpegFile(const std::filesystem::path& path,
                                const JpegOptions& options = {});

// The same from memory. `name` stands for the file in messages.
Result<RgbImage> DecodeJpeg(std::span<const uint8_t> bytes,
                            std::string_view name,
                            const JpegOptions& options = {});

}  // namespace ocellus
