// SPDX-License-Identifier: Apache-2.0
#include "host_demo/board_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "firmware/app/frame_dump.h"
#include "firmware/app/text_line.h"

namespace ocellus {
namespace {

std::string g_written;

// A picture of 6 x 4 pixels as the board sends it, then its answer.
std::string PictureAndAnswer(int32_t frame) {
  InputTable table;
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<int8_t>(static_cast<int>(i) - 128);
  }
  std::vector<int8_t> rows(6 * 4 * 3);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<int8_t>(3 * i);
  }
  RowQueue queue;
  queue.Start(rows, 6 * 3, 4);
  g_written.clear();
  FrameDump(table).Send(frame, queue, {4, 6, 3}, 320, 240,
                        [](std::span<const char> bytes) {
                          g_written.append(bytes.data(), bytes.size());
                        });
  return g_written + "{\"frame\":" + std::to_string(frame) +
         ",\"ms\":412,\"temperature\":41.5,\"width\":320,\"height\":240,"
         "\"detections\":[{\"class\":\"person\",\"score\":0.8765,"
         "\"box\":[80.00,60.00,160.00,240.00]}]}\n";
}

std::vector<BoardMessage> MessagesOf(const std::string& bytes,
                                     std::size_t piece = 1000) {
  BoardStream stream;
  std::vector<BoardMessage> messages;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    stream.Add(std::string_view(bytes).substr(at, piece));
    while (auto message = stream.Next()) messages.push_back(*message);
  }
  return messages;
}

// The frames whose picture, and whose answer, arrived.
struct Frames {
  std::vector<int32_t> pictures;
  std::vector<int32_t> answers;

  explicit Frames(const std::vector<BoardMessage>& messages) {
    for (const BoardMessage& message : messages) {
      if (const auto* seen = std::get_if<BoardPicture>(&message)) {
        pictures.push_back(seen->frame);
      } else if (const auto* answer = std::get_if<BoardAnswer>(&message)) {
        answers.push_back(answer->frame);
      }
    }
  }
};

TEST(BoardStream, ReadsWhatTheFirmwareWritesInPiecesOfAnySize) {
  const std::string bytes =
      "{\"board\":\"weact-h743\",\"model\":\"voc_h7\",\"input\":[224,256],"
      "\"cpu_mhz\":480,\"reset\":\"power\"}\n"
      "{\"camera\":\"started\",\"width\":320,\"height\":240}\n"
      "{\"frame\":1,\"error\":\"camera stopped\",\"lines\":3,\"of\":240}\n"
      "{\"want\":\"frame\",\"width\":320,\"height\":240,"
      "\"format\":\"rgb565\"}\n" +
      PictureAndAnswer(2);
  for (const std::size_t piece : {1, 7, 100000}) {
    const std::vector<BoardMessage> messages = MessagesOf(bytes, piece);
    ASSERT_EQ(messages.size(), 5u);
    EXPECT_EQ(std::get<BoardStart>(messages[0]).model, "voc_h7");
    EXPECT_EQ(std::get<BoardComplaint>(messages[1]).text, "camera stopped");
    EXPECT_EQ(std::get<BoardWant>(messages[2]).width, 320);
    const auto& picture = std::get<BoardPicture>(messages[3]);
    EXPECT_EQ(picture.width, 6);
    EXPECT_EQ(picture.height, 4);
    EXPECT_EQ(picture.camera_width, 320);
    ASSERT_EQ(picture.rgb.size(), 72u);
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
      EXPECT_EQ(picture.rgb[i], static_cast<uint8_t>(3 * i + 128));
    }
    const auto& answer = std::get<BoardAnswer>(messages[4]);
    EXPECT_EQ(answer.milliseconds, 412.0);
    ASSERT_EQ(answer.detections.size(), 1u);
    EXPECT_EQ(answer.detections[0].class_name, "person");
    EXPECT_FLOAT_EQ(answer.detections[0].box.x_min, 0.25f);
    EXPECT_FLOAT_EQ(answer.detections[0].box.y_max, 1.0f);
  }
}

TEST(BoardStream, ResumesBehindAPictureThatLostBytes) {
  std::string lossy = PictureAndAnswer(1);
  lossy.erase(120, 10);
  const Frames frames(
      MessagesOf(lossy + PictureAndAnswer(2) + PictureAndAnswer(3)));
  EXPECT_EQ(frames.pictures, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(frames.answers, (std::vector<int32_t>{1, 2, 3}));
}

TEST(BoardStream, GivesNoPictureWithAChangedByte) {
  std::string changed = PictureAndAnswer(1);
  changed[130] = static_cast<char>(changed[130] ^ 1);
  const Frames frames(MessagesOf(changed));
  EXPECT_TRUE(frames.pictures.empty());
  EXPECT_EQ(frames.answers, (std::vector<int32_t>{1}));
}

TEST(BoardStream, PassesOverNoise) {
  std::mt19937 random(1);
  std::string bytes;
  for (int32_t frame = 1; frame <= 200; ++frame) {
    std::string noise(random() % 300, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    bytes +=
        noise + (frame % 2 == 0 ? "{\"frame\":" : "") + PictureAndAnswer(frame);
  }
  const Frames frames(MessagesOf(bytes));
  EXPECT_EQ(frames.pictures.size(), 200u);
  EXPECT_EQ(frames.answers.size(), 200u);
}

TEST(BoardStream, SurvivesLinesOfTheWrongShape) {
  const std::vector<BoardMessage> messages = MessagesOf(
      "{}\n[]\n{\"dump\":1}\n{\"dump\":{\"frame\":1,\"width\":-3}}\n"
      "{\"frame\":\"x\"}\n{\"error\":7}\n{\"want\":[]}\n{\"board\":{}}\n"
      "{\"frame\":1,\"ms\":1,\"temperature\":1,\"width\":0,\"height\":1,"
      "\"detections\":[]}\n" +
      std::string(20000, '{') + "\n" + PictureAndAnswer(4));
  const Frames frames(messages);
  EXPECT_EQ(frames.pictures, (std::vector<int32_t>{4}));
  EXPECT_EQ(frames.answers, (std::vector<int32_t>{4}));
}

}  // namespace
}  // namespace ocellus
