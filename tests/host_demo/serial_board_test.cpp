// SPDX-License-Identifier: Apache-2.0
#include "host_demo/serial_board.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "firmware/app/frame_receiver.h"
#include "host_demo/failure.h"
#include "host_demo/output_file.h"
#include "tests/host_demo/tiny_model.h"

namespace ocellus {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

bool Never() { return false; }

// The firmware behind a pseudo-terminal, see tests/firmware/board_on_pty.cpp.
class SerialBoardTest : public testing::Test {
 protected:
  SerialBoardTest()
      : model_(testing::TempDir() + "board_" + std::to_string(getpid()) +
               ".ocellus") {
    WriteFile(model_, TinyModel());
  }
  ~SerialBoardTest() override {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
    std::filesystem::remove(model_);
  }

  // Its device.
  std::string Start(std::vector<std::string> arguments) {
    std::array<int, 2> ends;
    EXPECT_EQ(pipe(ends.data()), 0);
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      std::vector<char*> words = {const_cast<char*>(OCELLUS_BOARD_ON_PTY),
                                  model_.data()};
      for (std::string& argument : arguments) words.push_back(argument.data());
      words.push_back(nullptr);
      execv(words[0], words.data());
      _exit(127);
    }
    close(ends[1]);
    std::string device;
    char byte = 0;
    while (read(ends[0], &byte, 1) == 1 && byte != '\n') device += byte;
    close(ends[0]);
    return device;
  }

 private:
  std::string model_;
  pid_t process_ = -1;
};

std::string ErrorOf(const std::function<void()>& act) {
  try {
    act();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "no error";
}

TEST_F(SerialBoardTest, ShowsWhatTheBoardSawAndFound) {
  SerialBoard board(Start({"camera"}), Never);
  cv::Mat frame;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(board.ReadFrame(frame));
    EXPECT_EQ(frame.size(), cv::Size(320, 240));
    // Grey, from RGB565.
    EXPECT_NEAR(frame.at<cv::Vec3b>(2, 2)[1], 130, 3);
    ASSERT_EQ(board.detections().size(), 1u);
    EXPECT_NEAR(board.detections()[0].score, kTinyModelScore, 1e-4f);
    EXPECT_EQ(board.class_names()[board.detections()[0].class_id], "person");
  }
  EXPECT_EQ(board.temperature(), 41.5);
}

TEST_F(SerialBoardTest, GetsOverNoiseAndLostBytes) {
  SerialBoard board(Start({"camera", "-1", "noise"}), Never);
  cv::Mat frame;
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(board.ReadFrame(frame));
    ASSERT_NEAR(frame.at<cv::Vec3b>(2, 2)[1], 130, 3);
  }
}

TEST_F(SerialBoardTest, SendsFramesToABoardWithoutCamera) {
  SerialBoard board(Start({"receiver"}), Never);
  const cv::Mat frame(480, 640, CV_8UC3, cv::Scalar(10, 20, 30));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(board.Detect(frame));
    ASSERT_EQ(board.detections().size(), 1u);
  }
}

TEST_F(SerialBoardTest, TellsABoardWithoutCameraFromOneWith) {
  SerialBoard board(Start({"receiver"}), Never);
  cv::Mat frame;
  EXPECT_THAT(ErrorOf([&] { board.ReadFrame(frame); }),
              HasSubstr("this board has no camera"));
}

TEST_F(SerialBoardTest, SaysThatTheBoardIsGone) {
  SerialBoard board(Start({"camera", "3"}), Never);
  EXPECT_THAT(ErrorOf([&] {
                cv::Mat frame;
                while (board.ReadFrame(frame)) continue;
              }),
              HasSubstr("the board is gone"));
}

TEST_F(SerialBoardTest, IsAloneOnTheLine) {
  const std::string device = Start({"camera"});
  const SerialBoard board(device, Never);
  EXPECT_EQ(ErrorOf([&] { SerialBoard(device, Never); }),
            device + ": in use by another program");
}

TEST(SerialPort, SaysWhyItCannotOpen) {
  EXPECT_THAT(ErrorOf([] { SerialPort("/dev/ttyACM99"); }),
              HasSubstr("no serial line /dev/ttyACM99 ("));
  EXPECT_EQ(ErrorOf([] { SerialPort("/dev/null"); }),
            "/dev/null: not a serial line");
}

// The board's end of a line, played by the test.
class Line {
 public:
  Line() : file_(posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_EQ(grantpt(file_), 0);
    EXPECT_EQ(unlockpt(file_), 0);
  }
  ~Line() { close(file_); }

  std::string device() const { return ptsname(file_); }
  void Say(std::span<const char> text) const {
    EXPECT_EQ(write(file_, text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  uint8_t Hear() const {
    uint8_t byte = 0;
    EXPECT_EQ(read(file_, &byte, 1), 1);
    return byte;
  }

 private:
  int file_;
};

TEST(SerialBoard, SaysThatNobodySpeaks) {
  const Line line;
  SerialBoard board(line.device(), Never, milliseconds(200));
  cv::Mat frame;
  EXPECT_THAT(ErrorOf([&] { board.ReadFrame(frame); }),
              HasSubstr("nothing that an Ocellus board says"));
  line.Say(
      std::string_view("{\"error\":\"camera\",\"reason\":\"no answer\"}\n"));
  EXPECT_THAT(ErrorOf([&] { board.ReadFrame(frame); }),
              HasSubstr("no picture from the board; it said: no answer"));
}

TEST(SerialBoard, EndsAWaitWhenAllIsOver) {
  const Line line;
  SerialBoard board(line.device(), [] { return true; });
  cv::Mat frame;
  EXPECT_FALSE(board.ReadFrame(frame));
}

class Collector final : public board::FrameSink {
 public:
  void TakeLines(int32_t, std::span<const uint8_t> lines) override {
    bytes.insert(bytes.end(), lines.begin(), lines.end());
  }
  void EndFrame(board::FrameEnd) override { ended = true; }

  std::vector<uint8_t> bytes;
  bool ended = false;
};

TEST(SerialBoard, SendsThePixelsThatTheFirmwareReceives) {
  const Line line;
  SerialBoard board(line.device(), Never);
  cv::Mat frame(240, 320, CV_8UC3);
  for (int y = 0; y < frame.rows; ++y) {
    for (int x = 0; x < frame.cols; ++x) {
      frame.at<cv::Vec3b>(y, x) = {static_cast<uint8_t>(x),
                                   static_cast<uint8_t>(y),
                                   static_cast<uint8_t>(x + y)};
    }
  }
  Collector collector;
  std::thread firmware([&] {
    FrameReceiver receiver;
    receiver.Start(collector);
    line.Say(FrameReceiver::Request());
    while (!receiver.is_complete()) receiver.Take(line.Hear());
    line.Say(std::string_view(
        "{\"frame\":1,\"ms\":5,\"temperature\":30.0,\"width\":320,"
        "\"height\":240,\"detections\":[]}\n"));
  });
  EXPECT_TRUE(board.Detect(frame));
  firmware.join();
  EXPECT_TRUE(collector.ended);
  ASSERT_EQ(collector.bytes.size(), 2u * 320 * 240);
  for (int i = 0; i < 320 * 240; ++i) {
    const int x = i % 320;
    const int y = i / 320;
    const int expected =
        ((x + y) & 0xF8) << 8 | (y & 0xFC) << 3 | (x & 0xFF) >> 3;
    ASSERT_EQ(collector.bytes[2 * i] << 8 | collector.bytes[2 * i + 1],
              expected);
  }
}

}  // namespace
}  // namespace ocellus
