// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "firmware/app/row_queue.h"
#include "firmware/camera/pixel_format.h"
#include "runtime/input_table.h"
#include "runtime/tensor.h"

namespace ocellus {

// Turns lines of a camera, as they come, into rows of the network's input:
// colours to RGB, stretched bilinearly, quantised. It keeps two lines.
//
// Output pixel x lies at (x + 1/2) * width / input width - 1/2 of the line,
// weights are rounded to 1/2048, the result to the nearest pixel value. That is
// OpenCV's INTER_LINEAR, give or take one.
class RowResizer {
 public:
  static constexpr int32_t kMaxLineWidth = 640;
  static constexpr int32_t kMaxInputWidth = 512;

  // False if a width is above these, or a line is odd.
  bool Start(const FrameFormat& source, Shape input, const InputTable& table);

  void BeginFrame();
  // Takes the next line and adds the rows that it completes. False if the queue
  // had no place for one: the frame is lost.
  bool TakeLine(const uint8_t* line, RowQueue& rows);

 private:
  // Where an output pixel lies between two of the source.
  struct Sample {
    uint16_t first;
    uint16_t second;
    uint16_t second_weight;  // of 2048
  };
  using StretchedLine = std::array<uint32_t, 3 * kMaxInputWidth>;

  static Sample SampleOf(int32_t position, int32_t source, int32_t target);
  void Stretch(const uint8_t* line, StretchedLine& stretched);
  void WriteRow(const Sample& sample, int8_t* row) const;

  FrameFormat source_;
  Shape input_;
  InputTable table_{};
  std::array<Sample, kMaxInputWidth> columns_{};
  std::array<uint8_t, 3 * kMaxLineWidth> rgb_{};
  std::array<StretchedLine, 2> lines_{};  // line k in k mod 2, times 2048
  int32_t next_line_ = 0;
  int32_t next_row_ = 0;
};

}  // namespace ocellus
