// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/devkit_detections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<std::string_view, 2> kClasses = {"cat", "dog"};

class DevkitDetections : public ::testing::Test {
 protected:
  DevkitDetections() : dataset_(MakeDataset(folder_)) {}

  static VocDataset MakeDataset(const TemporaryFolder& folder) {
    folder.Write("kit/VOC1/ImageSets/Main/val.txt", "000001\n000002\n2008_3\n");
    return VocDataset::Open(folder.path() / "kit", "VOC1/val").value();
  }

  Result<DetectionsByClass> Read(const std::string& source) const {
    return ReadDevkitDetections(folder_.path() / source, dataset_, kClasses);
  }

  // The message, with the temporary folder cut off.
  std::string ReadError(const std::string& source) const {
    const Result<DetectionsByClass> result = Read(source);
    if (result.ok()) return "no error";
    std::string message = result.error().message;
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    const std::string prefix = folder_.path().string() + "/";
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.substr(prefix.size());
  }

  TemporaryFolder folder_;
  VocDataset dataset_;
};

TEST_F(DevkitDetections, ReadsTheKitsLines) {
  folder_.Write("r/comp4_det_val_cat.txt",
                "000002 0.125 1 2.5 30 40\n\n2008_3 -1e-3 5 6 7 8\r\n");
  folder_.Write("r/comp4_det_val_dog.txt", "");
  for (const char* source : {"r", "r/comp4_det_val_%s.txt"}) {
    const Result<DetectionsByClass> result = Read(source);
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_EQ(result.value().size(), 2u);
    EXPECT_THAT(result.value()[0],
                ElementsAre(ScoredDetection{1, {1, 2.5f, 30, 40}, 0.125},
                            ScoredDetection{2, {5, 6, 7, 8}, -0.001}));
    EXPECT_TRUE(result.value()[1].empty());
  }
}

TEST_F(DevkitDetections, NamesTheLineThatIsBad) {
  folder_.Write("r/comp4_det_val_dog.txt", "");
  const auto error = [&](const std::string& line) {
    folder_.Write("r/comp4_det_val_cat.txt", "000001 1 1 1 1 1\n" + line);
    return ReadError("r");
  };
  const std::string place = "r/comp4_det_val_cat.txt:2: ";
  EXPECT_EQ(
      error("000001 1 1 1 1"),
      place + "5 fields, expected 6: image id, score, xmin, ymin, xmax, ymax");
  EXPECT_THAT(error("000001 1 1 1 1 1 1"), HasSubstr("7 fields, expected 6"));
  EXPECT_EQ(error("000009 1 1 1 1 1"),
            place + "image \"000009\", expected one of the image list");
  EXPECT_EQ(error("000001 high 1 1 1 1"),
            place + "score \"high\", expected a finite number");
  EXPECT_EQ(error("000001 nan 1 1 1 1"),
            place + "score \"nan\", expected a finite number");
  EXPECT_EQ(error("000001 1 1 1 1,5 1"),
            place + "coordinate \"1,5\", expected a finite number");
  EXPECT_EQ(error("000001 1 1 inf 1 1"),
            place + "coordinate \"inf\", expected a finite number");
}

TEST_F(DevkitDetections, RefusesMissingAndAmbiguousFiles) {
  EXPECT_EQ(ReadError("nowhere"),
            "nowhere: no such folder, expected one, or a pattern with %s where "
            "the class goes");
  folder_.Write("r/comp4_det_val_cat.txt", "");
  EXPECT_EQ(ReadError("r"),
            "r: no detections, expected a file *_det_val_dog.txt");
  EXPECT_EQ(ReadError("r/comp4_det_val_%s.txt"),
            "r/comp4_det_val_dog.txt: cannot read: No such file or directory");
  folder_.Write("r/comp3_det_val_cat.txt", "");
  EXPECT_THAT(ReadError("r"), HasSubstr("expected one file for each class"));
}

TEST_F(DevkitDetections, ReadsBackWhatItWroteBitForBit) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> unit(0.0f, 1.0f);
    DetectionsByClass detections(2);
    for (int i = 0; i < 200; ++i) {
      // A float's score, a double's, and neighbours that 6 digits would merge.
      const double score =
          i % 3 == 0   ? static_cast<double>(unit(random))
          : i % 3 == 1 ? std::nextafter(0.25, i % 2)
                       : std::ldexp(static_cast<double>(unit(random)), -40);
      detections[i % 2].push_back({static_cast<int32_t>(i % 3),
                                   {unit(random) * 500.0f, unit(random),
                                    unit(random) * 1e-20f, -unit(random)},
                                   score});
    }
    const auto written = WriteDevkitDetections(
        folder_.path() / "out/deep", "comp4", dataset_, kClasses, detections);
    ASSERT_TRUE(written.ok()) << written.error().message;
    EXPECT_THAT(written.value(),
                ElementsAre(folder_.path() / "out/deep/comp4_det_val_cat.txt",
                            folder_.path() / "out/deep/comp4_det_val_dog.txt"));
    const Result<DetectionsByClass> read = Read("out/deep");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read.value(), detections);
  }
}

TEST_F(DevkitDetections, WritesTheKitsLines) {
  const DetectionsByClass detections = {{{2, {1, 2, 30.5f, 40}, 0.25}}, {}};
  const auto written = WriteDevkitDetections(folder_.path(), "comp4", dataset_,
                                             kClasses, detections);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(ContentOf(written.value()[0]), "2008_3 0.25 1 2 30.5 40\n");
  EXPECT_EQ(ContentOf(written.value()[1]), "");
}

TEST_F(DevkitDetections, RefusesToWriteWhatItCouldNotRead) {
  const auto error = [&](const DetectionsByClass& detections,
                         std::string_view prefix = "comp4") {
    const auto written = WriteDevkitDetections(folder_.path() / "out", prefix,
                                               dataset_, kClasses, detections);
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "out"));
    return written.ok() ? "no error" : written.error().message;
  };
  EXPECT_THAT(error({{}}),
              EndsWith("out: detections of 1 classes, expected 2"));
  EXPECT_THAT(error({{{3, {}, 0.5}}, {}}),
              EndsWith("out/comp4_det_val_cat.txt: image index 3, expected 0 "
                       "to 2"));
  EXPECT_THAT(error({{{-1, {}, 0.5}}, {}}), HasSubstr("image index -1"));
  EXPECT_THAT(error({{{0, {}, std::nan("")}}, {}}),
              HasSubstr("expected finite numbers"));
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(error({{}, {{1, {0, 0, infinity, 1}, 0.5}}}),
              HasSubstr("detection in image 000002"));
  EXPECT_THAT(error({{}, {}}, "a/b"),
              HasSubstr("expected one without a slash"));
}

TEST_F(DevkitDetections, NamesAFolderThatCannotBeMade) {
  folder_.Write("file", "");
  const auto written = WriteDevkitDetections(
      folder_.path() / "file/out", "comp4", dataset_, kClasses, {{}, {}});
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message,
              HasSubstr("file/out: cannot make this folder"));
}

}  // namespace
}  // namespace ocellus
