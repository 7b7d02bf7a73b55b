// SPDX-License-Identifier: Apache-2.0
#include "host_demo/detector_session.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "host_demo/box_mapping.h"
#include "host_demo/detection_json.h"
#include "host_demo/failure.h"
#include "host_demo/output_file.h"
#include "tests/host_demo/tiny_model.h"

namespace ocellus {
namespace {

class DetectorSessionTest : public testing::Test {
 protected:
  DetectorSessionTest()
      : path_(testing::TempDir() + "tiny_" + std::to_string(getpid()) +
              ".ocellus") {
    WriteFile(path_, TinyModel());
  }
  ~DetectorSessionTest() override { std::filesystem::remove(path_); }

  std::string path_;
};

TEST_F(DetectorSessionTest, FindsTheTinyModelsPersonWithEveryBackend) {
  const ModelFile file(path_);
  const cv::Mat picture(30, 40, CV_8UC3, cv::Scalar(1, 2, 3));
  for (const char* backend : {"host", "reference"}) {
    DetectorSession session(file, FindBackend(backend));
    const auto found = session.Detect(picture, ChannelOrder::kBgr, 0.01f, 100);
    ASSERT_EQ(found.size(), 1u) << backend;
    EXPECT_EQ(found[0].class_id, 14);
    EXPECT_NEAR(found[0].score, kTinyModelScore, 1e-5f);
    EXPECT_EQ(BoxInImage(found[0].box, 40, 30),
              (BoundingBox{0.0f, 0.0f, 40.0f, 30.0f}));
  }
}

TEST_F(DetectorSessionTest, FindsNothingAboveTheThreshold) {
  const ModelFile file(path_);
  DetectorSession session(file, FindBackend("host"));
  const cv::Mat picture(8, 8, CV_8UC3, cv::Scalar::all(0));
  EXPECT_TRUE(session.Detect(picture, ChannelOrder::kBgr, 0.89f, 100).empty());
}

TEST_F(DetectorSessionTest, SaysAsJsonWhatIsWhere) {
  const ModelFile file(path_);
  const Detection detections[] = {
      {{0.25f, 0.5f, 1.0f, 0.6666667f}, 14, 0.87654321f}};
  EXPECT_EQ(
      DetectionsJson("a \"b\".jpg", 3, 40, 30, detections, file.class_names()),
      R"({"file":"a \"b\".jpg","frame":3,"width":40,"height":30,)"
      R"("detections":[{"class":"person","score":0.8765,)"
      R"("box":[10.0,15.0,40.0,20.0]}]})");
  EXPECT_EQ(DetectionsJson("x", 0, 1, 2, {}, file.class_names()),
            R"({"file":"x","frame":0,"width":1,"height":2,"detections":[]})");
}

TEST_F(DetectorSessionTest, NamesFileAndReasonOfAModelThatIsNone) {
  WriteFile(path_, TinyModel().substr(0, 500));
  try {
    const ModelFile file(path_);
    FAIL() << "was accepted";
  } catch (const Failure& failure) {
    EXPECT_EQ(std::string(failure.what()), path_ + ": truncated model");
  }
}

}  // namespace
}  // namespace ocellus
