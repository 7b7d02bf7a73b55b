// SPDX-License-Identifier: Apache-2.0

// The firmware of a camera board, the very ELF file, on an emulated board: what
// it answers must be what the host answers for the same pixels, and what goes
// wrong must be reported and survived.
#include "tests/firmware/emulated_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "firmware/app/detector.h"
#include "firmware/app/report.h"
#include "firmware/app/row_queue.h"
#include "firmware/app/row_resizer.h"
#include "runtime/kernels/backend.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

// Bytes of a gradient, a checkerboard and noise, different in every frame.
EmulatedCamera::Frame MakeFrame(int number) {
  std::mt19937 random(static_cast<uint32_t>(number));
  EmulatedCamera::Frame frame(EmulatedCamera::kHeight,
                              std::vector<uint8_t>(EmulatedCamera::kLineBytes));
  for (int y = 0; y < EmulatedCamera::kHeight; ++y) {
    for (int x = 0; x < EmulatedCamera::kLineBytes; ++x) {
      const int pattern = (x / 32 + y / 16 + number) % 3 * 60 + x / 8;
      frame[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] =
          static_cast<uint8_t>(pattern + static_cast<int>(random() >> 28));
    }
  }
  return frame;
}

// The host, with its own kernels, on the same bytes.
class Host {
 public:
  explicit Host(PixelFormat pixels)
      : format_{pixels, EmulatedCamera::kWidth, EmulatedCamera::kHeight} {
    std::ifstream file(OCELLUS_BOARD_MODEL, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    blob_.resize(bytes.size() / 16 + 1);
    std::memcpy(blob_.data(), bytes.data(), bytes.size());
    const std::span<const uint8_t> blob(
        reinterpret_cast<const uint8_t*>(blob_.data()), bytes.size());
    Model model;
    EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
    arena_ = std::make_unique<AlignedArena>(
        Executor::MeasureArena(model, HostBackend()).total_bytes());
    EXPECT_EQ(detector_.Start(blob, HostBackend(), arena_->span()),
              Status::kOk);
    table_ = MakeInputTable(detector_.model());
  }

  // The end of the line that a board says about a frame.
  std::string Answer(const EmulatedCamera::Frame& frame) {
    std::span<const Detection> detections = Detect(frame);
    TextLine line;
    AddDetections(line, detections, detector_.model(), format_);
    return std::string(line.text().begin(), line.text().end()) + "}";
  }

  // The network's input as pixels, for input values of pixel - 128.
  std::string Picture(const EmulatedCamera::Frame& frame) {
    Detect(frame);
    std::string pixels;
    for (const int8_t value : rows_) {
      pixels += static_cast<char>(value + 128);
    }
    return pixels;
  }

 private:
  std::span<const Detection> Detect(const EmulatedCamera::Frame& frame) {
    const Shape input = detector_.input();
    rows_.assign(static_cast<std::size_t>(input.elements()), 0);
    RowQueue queue;
    queue.Start(rows_, 3 * input.w, input.h);
    EXPECT_TRUE(resizer_.Start(format_, input, table_));
    detector_.executor().Begin();
    for (const std::vector<uint8_t>& line : frame) {
      EXPECT_TRUE(resizer_.TakeLine(line.data(), queue));
      while (const int8_t* row = queue.Front()) {
        std::memcpy(detector_.executor().NextInputRow(), row,
                    static_cast<std::size_t>(3 * input.w));
        queue.Take();
        detector_.executor().CommitInputRow();
      }
    }
    return detector_.Finish();
  }

  struct alignas(16) Chunk {
    uint8_t bytes[16];
  };
  FrameFormat format_;
  std::vector<Chunk> blob_;
  std::unique_ptr<AlignedArena> arena_;
  Detector detector_;
  InputTable table_;
  RowResizer resizer_;
  std::vector<int8_t> rows_;
};

class EmulatedBoardTest : public testing::Test {
 protected:
  // Every answer is the host's for the frame that was captured for it, and was
  // given before the next frame was begun.
  void ExpectAnswersOfHost(std::size_t at_least) {
    EXPECT_EQ(board_.failure(), "");
    std::size_t answers = 0;
    std::set<std::string> different;
    for (const std::string& line : board_.Lines("\"detections\"")) {
      const Json json = Json::parse(line);
      const auto number = json["frame"].get<std::size_t>();
      ASSERT_LE(number, board_.captures().size());
      const int frame = board_.captures()[number - 1].frame;
      const std::string expected = host_.Answer(MakeFrame(frame));
      EXPECT_EQ(line.substr(line.find("\"detections\"")), expected)
          << "frame " << number;
      EXPECT_NEAR(json["temperature"].get<double>(), 41.5, 0.05);
      EXPECT_GT(json["detections"].size(), 1u);
      if (number < board_.captures().size()) {
        EXPECT_LE(board_.console().find(line) + line.size() + 1,
                  board_.captures()[number].console_bytes);
      }
      different.insert(expected);
      ++answers;
    }
    EXPECT_GE(answers, at_least);
    EXPECT_EQ(different.size(), answers) << "the frames look alike";
  }

  // For messages: the console without the answers.
  std::string Story() const {
    std::string story = board_.failure() + "\n";
    for (const std::string& line : board_.Lines("")) {
      story += line.substr(0, 120) + "\n";
    }
    return story;
  }

  bool SaysAnswers(int count, int milliseconds = 3000) {
    return board_.RunUntilSaid("\"detections\"", count, milliseconds);
  }

  EmulatedOv2640 camera_{MakeFrame};
  EmulatedBoard board_{OCELLUS_WEACT_H743, camera_};
  Host host_{PixelFormat::kRgb565};
};

TEST_F(EmulatedBoardTest, AnswersAsTheHostDoes) {
  ASSERT_TRUE(SaysAnswers(4)) << Story();
  ExpectAnswersOfHost(4);
  const Json start = Json::parse(board_.Lines("\"board\"").at(0));
  EXPECT_EQ(start["board"], "weact-h743");
  EXPECT_EQ(start["model"], "tiny");
  EXPECT_EQ(start["cpu_mhz"], 480);
  EXPECT_EQ(start["reset"], "power");
  EXPECT_EQ(board_.cpu_hz(), 480'000'000u);
  EXPECT_THAT(board_.Lines("error"), testing::IsEmpty());
}

TEST_F(EmulatedBoardTest, GivesPinsToTheirPeripherals) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  constexpr uint32_t kDcmi = 13;
  for (const auto& [port, pin] :
       std::vector<std::pair<char, uint32_t>>{{'C', 6},
                                              {'C', 7},
                                              {'E', 0},
                                              {'E', 1},
                                              {'E', 4},
                                              {'D', 3},
                                              {'E', 5},
                                              {'E', 6},
                                              {'A', 6},
                                              {'A', 4},
                                              {'B', 7}}) {
    EXPECT_EQ(board_.PinFunction(port, pin), kDcmi) << port << pin;
  }
  EXPECT_EQ(board_.PinFunction('A', 8), 0u);  // MCO1
  EXPECT_EQ(board_.PinFunction('B', 8), 4u);  // I2C1
  EXPECT_EQ(board_.PinFunction('B', 9), 4u);
  EXPECT_EQ(board_.PinFunction('A', 9), 7u);  // USART1
  EXPECT_EQ(board_.PinFunction('A', 10), 7u);
  EXPECT_EQ(board_.PinFunction('A', 7), 16u);  // power-down: an output
}

TEST_F(EmulatedBoardTest, ReportsAMissingSensorUntilItIsThere) {
  camera_.Unplug(true);
  ASSERT_TRUE(board_.RunUntilSaid("\"error\":\"camera\"", 2, 5000)) << Story();
  EXPECT_THAT(board_.Lines("error").at(0),
              HasSubstr("nothing answers at I2C address 0x30"));
  EXPECT_THAT(board_.captures(), testing::IsEmpty());
  camera_.Unplug(false);
  ASSERT_TRUE(SaysAnswers(2)) << Story();
  ExpectAnswersOfHost(2);
}

TEST_F(EmulatedBoardTest, DropsAFrameThatIsCutShort) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  camera_.CutNextShort(100);
  ASSERT_TRUE(board_.RunUntilSaid("cut short", 1, 5000)) << Story();
  // Bands of eight lines: 96 of the 100 arrived.
  const Json error = Json::parse(board_.Lines("cut short").at(0));
  EXPECT_EQ(error["lines"], 96);
  EXPECT_EQ(error["of"], 240);
  ASSERT_TRUE(SaysAnswers(3)) << Story();
  ExpectAnswersOfHost(3);
}

TEST_F(EmulatedBoardTest, DropsAFrameWhoseLastLineIsMissing) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  camera_.CutNextShort(239);
  ASSERT_TRUE(board_.RunUntilSaid("cut short", 1, 5000)) << Story();
  ASSERT_TRUE(SaysAnswers(3)) << Story();
  ExpectAnswersOfHost(3);
}

TEST_F(EmulatedBoardTest, DropsAFrameThatOverrunsItsInterface) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  camera_.StallMemoryInNext(50);
  ASSERT_TRUE(board_.RunUntilSaid("overrun", 1, 5000)) << Story();
  ASSERT_TRUE(SaysAnswers(3)) << Story();
  ExpectAnswersOfHost(3);
}

TEST_F(EmulatedBoardTest, DropsAFrameWhoseBandsOvertakeTheProcessor) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  camera_.RushNext();
  ASSERT_TRUE(board_.RunUntilSaid("overrun", 1, 5000)) << Story();
  ASSERT_TRUE(SaysAnswers(3)) << Story();
  ExpectAnswersOfHost(3);
}

TEST_F(EmulatedBoardTest, RestartsACameraThatStops) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  camera_.HangInNext(30);
  ASSERT_TRUE(board_.RunUntilSaid("camera stopped", 1, 5000)) << Story();
  ASSERT_TRUE(SaysAnswers(3)) << Story();
  ExpectAnswersOfHost(3);
  EXPECT_EQ(board_.Lines("\"camera\":\"started\"").size(), 2u);
}

TEST_F(EmulatedBoardTest, SaysWhereAndWhyItFailedAndStartsAgain) {
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  board_.FailBusAt(0x24001234);
  ASSERT_TRUE(board_.RunUntilSaid("\"fault\"", 1, 1000)) << Story();
  const Json fault = Json::parse(board_.Lines("\"fault\"").at(0));
  EXPECT_EQ(fault["fault"], "bus error, precise");
  EXPECT_EQ(fault["address"], "0x24001234");
  char pc[16];
  std::snprintf(pc, sizeof pc, "0x%08x", board_.fault_pc());
  EXPECT_EQ(fault["pc"], pc);
  EXPECT_EQ(fault["exception"], "0x00000005");
  ASSERT_TRUE(SaysAnswers(2)) << Story();
  EXPECT_EQ(board_.resets(), 1);
  EXPECT_THAT(board_.Lines("\"board\"").at(1),
              HasSubstr("\"reset\":\"software\""));
}

TEST_F(EmulatedBoardTest, SendsThePictureThatTheNetworkSaw) {
  board_.Type("d");
  ASSERT_TRUE(SaysAnswers(2)) << Story();
  const std::vector<std::string> lines = board_.Lines("{\"dump\"");
  ASSERT_EQ(lines.size(), 1u);
  const Json dump = Json::parse(lines[0])["dump"];
  EXPECT_EQ(dump["width"], 64);
  EXPECT_EQ(dump["height"], 48);
  const auto number = dump["frame"].get<std::size_t>();
  const std::string expected =
      host_.Picture(MakeFrame(board_.captures().at(number - 1).frame));
  const std::size_t at = board_.console().find(lines[0]) + lines[0].size() + 1;
  EXPECT_TRUE(board_.console().compare(at, expected.size(), expected) == 0);
  EXPECT_EQ(board_.console()[at + expected.size()], '\n');
  const uint32_t crc = Crc32(
      {reinterpret_cast<const uint8_t*>(expected.data()), expected.size()});
  EXPECT_EQ(dump["crc32"], Json::array({crc >> 16, crc & 0xFFFF}));
}

TEST_F(EmulatedBoardTest, RunsWithoutItsCrystal) {
  board_.BreakCrystal();
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  EXPECT_THAT(board_.Lines("\"board\"").at(0),
              HasSubstr("the crystal does not start"));
  EXPECT_EQ(board_.cpu_hz(), 480'000'000u);
}

TEST_F(EmulatedBoardTest, RunsOlderPartsAt400Mhz) {
  board_.set_revision(0x1003);
  ASSERT_TRUE(SaysAnswers(1)) << Story();
  EXPECT_EQ(board_.cpu_hz(), 400'000'000u);
  EXPECT_EQ(Json::parse(board_.Lines("\"board\"").at(0))["cpu_mhz"], 400);
}

void ExpectAnswersOfHost(EmulatedBoard& board, PixelFormat pixels) {
  ASSERT_TRUE(board.RunUntilSaid("\"detections\"", 2, 3000))
      << board.failure() << board.console().substr(0, 1000);
  Host host(pixels);
  for (const std::string& line : board.Lines("\"detections\"")) {
    const auto number = Json::parse(line)["frame"].get<std::size_t>();
    const int frame = board.captures().at(number - 1).frame;
    EXPECT_EQ(line.substr(line.find("\"detections\"")),
              host.Answer(MakeFrame(frame)));
  }
}

TEST(EmulatedOpenMv, AnswersAsTheHostDoes) {
  EmulatedOv7725 camera(MakeFrame);
  EmulatedBoard board(OCELLUS_OPENMV_H7, camera, 12'000'000);
  ExpectAnswersOfHost(board, PixelFormat::kRgb565);
  EXPECT_EQ(board.cpu_hz(), 480'000'000u);
  EXPECT_EQ(board.PinFunction('A', 8), 1u);   // TIM1_CH1
  EXPECT_EQ(board.PinFunction('B', 6), 13u);  // DCMI_D5
}

TEST(EmulatedNiclaVision, AnswersAsTheHostDoesOnYuv) {
  EmulatedGc2145 camera(MakeFrame);
  EmulatedBoard board(OCELLUS_NICLA_VISION, camera, 25'000'000);
  ExpectAnswersOfHost(board, PixelFormat::kYuyv);
  EXPECT_EQ(board.cpu_hz(), 400'000'000u);
  EXPECT_EQ(board.PinFunction('A', 7), 2u);   // TIM3_CH2
  EXPECT_EQ(board.PinFunction('G', 9), 13u);  // DCMI_VSYNC
}

TEST(EmulatedNucleo, AnswersFramesThatComeOverItsConsole) {
  NoCamera camera;
  EmulatedBoard board(OCELLUS_NUCLEO_H743ZI, camera, 8'000'000);
  Host host(PixelFormat::kRgb565);
  for (int frame = 0; frame < 2; ++frame) {
    ASSERT_TRUE(board.RunUntilSaid("\"want\":\"frame\"", frame + 1, 3000))
        << board.failure() << board.console().substr(0, 1000);
    std::string bytes = "F";
    for (const std::vector<uint8_t>& line : MakeFrame(frame)) {
      bytes.append(line.begin(), line.end());
    }
    board.Type(bytes);
    ASSERT_TRUE(board.RunUntilSaid("\"detections\"", frame + 1, 3000))
        << board.failure() << board.console().substr(0, 1000);
    const std::string line =
        board.Lines("\"detections\"")[static_cast<std::size_t>(frame)];
    EXPECT_EQ(line.substr(line.find("\"detections\"")),
              host.Answer(MakeFrame(frame)));
  }
}

}  // namespace
}  // namespace ocellus
