// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "postprocess/bounding_box.h"

namespace ocellus {

// What a board says on its console, see firmware/app/frame_loop.h.

// At its start.
struct BoardStart {
  std::string board;
  std::string model;
};

// The picture that its network saw.
struct BoardPicture {
  int32_t frame = 0;
  int32_t width = 0;
  int32_t height = 0;
  int32_t camera_width = 0;
  int32_t camera_height = 0;
  std::vector<uint8_t> rgb;
};

struct BoardDetection {
  std::string class_name;
  float score = 0.0f;
  BoundingBox box;  // in fractions of the frame
};

struct BoardAnswer {
  int32_t frame = 0;
  double milliseconds = 0.0;
  double temperature = 0.0;
  std::vector<BoardDetection> detections;
};

// It waits for a frame of RGB565, upper bytes first, behind a letter F.
struct BoardWant {
  int32_t width = 0;
  int32_t height = 0;
};

// Something went wrong; it may go on nevertheless.
struct BoardComplaint {
  std::string text;
};

using BoardMessage = std::variant<BoardStart, BoardPicture, BoardAnswer,
                                  BoardWant, BoardComplaint>;

// Finds messages among the bytes of a console. What is none, because bytes were
// lost or changed or another program speaks, is passed over; a picture that
// arrived damaged is not given, and the lines that followed it are.
class BoardStream {
 public:
  void Add(std::span<const char> bytes) {
    bytes_.append(bytes.data(), bytes.size());
  }
  // The next message that is there in full.
  std::optional<BoardMessage> Next();

 private:
  // Longer than any line of a board.
  static constexpr std::size_t kMaxLine = 8192;

  std::string bytes_;
  // A picture whose bytes are still to come, behind its line.
  std::optional<BoardPicture> picture_;
  uint32_t picture_crc_ = 0;
};

}  // namespace ocellus
