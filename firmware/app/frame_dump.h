// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "firmware/app/row_queue.h"
#include "runtime/input_table.h"
#include "runtime/tensor.h"

namespace ocellus {

// A picture among the lines of the console: a line
//   {"dump":{"frame":N,"width":W,"height":H,"camera":[CW,CH],"crc32":[C1,C0]}}
// then W * H * 3 bytes, RGB from the upper left, then a line feed. It is what
// the network saw, at the size at which it saw it; CW and CH are the size of
// the camera's frame, of which boxes speak. C1 and C0 are the upper and lower
// half of the CRC-32 of the bytes.
class FrameDump {
 public:
  using Write = void(std::span<const char> bytes);

  // The pixel value behind each input value: the table's inverse.
  explicit FrameDump(const InputTable& table);

  // `rows` must hold the whole input, [H, W, 3].
  void Send(int32_t frame, const RowQueue& rows, Shape input,
            int32_t camera_width, int32_t camera_height, Write* write) const;

 private:
  std::array<uint8_t, 256> pixel_;  // by input value + 128
};

}  // namespace ocellus
