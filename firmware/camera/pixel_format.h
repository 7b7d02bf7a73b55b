// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus {

// Two bytes a pixel, in the order in which they leave the camera.
enum class PixelFormat : uint8_t {
  kRgb565,  // RRRRRGGG GGGBBBBB
  kYuyv,    // Y0 Cb Y1 Cr, full range (JPEG's)
};

struct FrameFormat {
  PixelFormat pixels = PixelFormat::kRgb565;
  int32_t width = 0;
  int32_t height = 0;

  constexpr int32_t line_bytes() const { return 2 * width; }
};

}  // namespace ocellus
