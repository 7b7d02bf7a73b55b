// SPDX-License-Identifier: Apache-2.0
#include "host_demo/board_stream.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "runtime/model.h"

namespace ocellus {
namespace {

using nlohmann::json;

// Pixels; a board's network sees no larger picture. Where noise makes it one,
// little is waited for in vain.
constexpr int32_t kMaxPictureSide = 512;
constexpr int32_t kMaxCameraSide = 4096;

int32_t Side(const json& value, int32_t largest = kMaxCameraSide) {
  const auto side = value.get<int32_t>();
  if (side < 1 || side > largest) throw std::out_of_range("side");
  return side;
}

BoardAnswer ReadAnswer(const json& line) {
  BoardAnswer answer = {.frame = line.at("frame").get<int32_t>(),
                        .milliseconds = line.at("ms").get<double>(),
                        .temperature = line.at("temperature").get<double>(),
                        .detections = {}};
  const auto width = static_cast<float>(Side(line.at("width")));
  const auto height = static_cast<float>(Side(line.at("height")));
  for (const json& found : line.at("detections")) {
    const json& box = found.at("box");
    const auto edge = [&](std::size_t i, float size) {
      return std::clamp(box.at(i).get<float>() / size, 0.0f, 1.0f);
    };
    answer.detections.push_back(
        {.class_name = found.at("class").get<std::string>(),
         .score = found.at("score").get<float>(),
         .box = {edge(0, width), edge(1, height), edge(2, width),
                 edge(3, height)}});
  }
  return answer;
}

// Throws what json throws, or out_of_range, for other lines.
BoardMessage ReadMessage(const json& line, uint32_t* picture_crc) {
  if (line.contains("dump")) {
    const json& dump = line["dump"];
    *picture_crc = dump.at("crc32").at(0).get<uint32_t>() << 16 |
                   dump.at("crc32").at(1).get<uint32_t>();
    return BoardPicture{.frame = dump.at("frame").get<int32_t>(),
                        .width = Side(dump.at("width"), kMaxPictureSide),
                        .height = Side(dump.at("height"), kMaxPictureSide),
                        .camera_width = Side(dump.at("camera").at(0)),
                        .camera_height = Side(dump.at("camera").at(1)),
                        .rgb = {}};
  }
  if (line.contains("want")) {
    if (line["want"] != "frame" || line.at("format") != "rgb565") {
      return BoardComplaint{"it wants what this program cannot send: " +
                            line.dump()};
    }
    return BoardWant{Side(line.at("width")), Side(line.at("height"))};
  }
  if (line.contains("error")) {
    return BoardComplaint{
        line.value("reason", line["error"].get<std::string>())};
  }
  if (line.contains("fault")) return BoardComplaint{line.dump()};
  if (line.contains("board")) {
    return BoardStart{line["board"].get<std::string>(),
                      line.at("model").get<std::string>()};
  }
  return ReadAnswer(line);
}

// The message at a line's end: what a reset or noise left may stand before it.
std::optional<BoardMessage> FindMessage(std::string_view line,
                                        uint32_t* picture_crc) {
  constexpr int kTries = 8;
  std::size_t at = line.find("{\"");
  for (int i = 0; i < kTries && at != std::string_view::npos; ++i) {
    try {
      return ReadMessage(json::parse(line.substr(at)), picture_crc);
    } catch (const json::exception&) {
    } catch (const std::out_of_range&) {
    }
    at = line.find("{\"", at + 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<BoardMessage> BoardStream::Next() {
  while (true) {
    if (picture_) {
      const auto size = static_cast<std::size_t>(picture_->width) *
                        static_cast<std::size_t>(picture_->height) * 3;
      if (bytes_.size() < size + 1) return std::nullopt;
      BoardPicture picture = *std::move(picture_);
      picture_.reset();
      const auto* pixels = reinterpret_cast<const uint8_t*>(bytes_.data());
      const bool is_whole =
          bytes_[size] == '\n' && Crc32({pixels, size}) == picture_crc_;
      // Lines may have followed the bytes that were lost: look at them again.
      if (!is_whole) continue;
      picture.rgb.assign(pixels, pixels + size);
      bytes_.erase(0, size + 1);
      return picture;
    }
    const std::size_t end = bytes_.find('\n');
    if (end == std::string::npos) {
      if (bytes_.size() > kMaxLine) bytes_.erase(0, bytes_.size() - kMaxLine);
      return std::nullopt;
    }
    const std::size_t begin = end > kMaxLine ? end - kMaxLine : 0;
    std::optional<BoardMessage> message = FindMessage(
        std::string_view(bytes_).substr(begin, end - begin), &picture_crc_);
    bytes_.erase(0, end + 1);
    if (!message) continue;
    if (BoardPicture* picture = std::get_if<BoardPicture>(&*message)) {
      picture_ = std::move(*picture);
      continue;
    }
    return message;
  }
}

}  // namespace ocellus
