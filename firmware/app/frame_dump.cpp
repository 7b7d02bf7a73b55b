// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/frame_dump.h"

#include <algorithm>
#include <array>

#include "firmware/app/text_line.h"

namespace ocellus {
namespace {

// As runtime/model.h's Crc32(), in pieces.
uint32_t MoreCrc32(uint32_t crc, std::span<const char> bytes) {
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int i = 0; i < 8; ++i)
      crc = crc >> 1 ^ (0xEDB88320u & (0 - (crc & 1)));
  }
  return crc;
}

constexpr std::size_t kPiece = 192;  // bytes; a multiple of 3

}  // namespace

FrameDump::FrameDump(const InputTable& table) {
  // Where several pixel values share an input value, the first; where none has
  // it, that of the next lower.
  pixel_.fill(0);
  std::array<bool, 256> known{};
  for (std::size_t pixel = 0; pixel < table.size(); ++pixel) {
    const auto index = static_cast<std::size_t>(table[pixel] + 128);
    if (known[index]) continue;
    known[index] = true;
    pixel_[index] = static_cast<uint8_t>(pixel);
  }
  for (std::size_t i = 1; i < pixel_.size(); ++i) {
    if (!known[i]) pixel_[i] = pixel_[i - 1];
  }
}

void FrameDump::Send(int32_t frame, const RowQueue& rows, Shape input,
                     int32_t camera_width, int32_t camera_height,
                     Write* write) const {
  const auto row_bytes = static_cast<std::size_t>(3 * input.w);
  std::array<char, kPiece> piece;
  const auto for_pieces = [&](auto take) {
    for (int32_t y = 0; y < input.h; ++y) {
      const int8_t* row = rows.Row(y);
      for (std::size_t i = 0; i < row_bytes; i += kPiece) {
        const std::size_t count = std::min(kPiece, row_bytes - i);
        for (std::size_t k = 0; k < count; ++k) {
          piece[k] = static_cast<char>(
              pixel_[static_cast<std::size_t>(row[i + k] + 128)]);
        }
        take(std::span<const char>(piece).first(count));
      }
    }
  };
  uint32_t crc = 0xFFFFFFFF;
  for_pieces([&crc](std::span<const char> p) { crc = MoreCrc32(crc, p); });

  TextLine line;
  line.Add("{\"dump\":{\"frame\":").Add(frame);
  line.Add(",\"width\":").Add(input.w).Add(",\"height\":").Add(input.h);
  line.Add(",\"camera\":[").Add(camera_width).Add(",").Add(camera_height);
  // As two halves: a JSON number is signed for many readers.
  line.Add("],\"crc32\":[")
      .Add(static_cast<int32_t>(~crc >> 16))
      .Add(",")
      .Add(static_cast<int32_t>(~crc & 0xFFFF))
      .Add("]}}\n");
  write(line.text());
  for_pieces(write);
  constexpr char kEnd = '\n';
  write({&kEnd, 1});
}

}  // namespace ocellus
