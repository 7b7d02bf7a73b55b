// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "datasets/average_precision.h"
#include "datasets/jpeg.h"
#include "datasets/voc/ground_truth.h"
#include "datasets/voc/voc_classes.h"
#include "datasets/voc/voc_dataset.h"

namespace ocellus {
namespace {

// Pascal VOC itself, which cannot be part of the repository.
class RealVoc : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("OCELLUS_VOC");
    const std::filesystem::path devkit =
        set != nullptr ? set : OCELLUS_DEFAULT_VOC;
    std::error_code ignored;
    if (!std::filesystem::is_directory(devkit, ignored)) {
      GTEST_SKIP() << devkit.string() << ": no such folder, expected Pascal "
                   << "VOC 2007's VOCdevkit; get it from "
                   << "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/ and set "
                   << "OCELLUS_VOC to the path of VOCdevkit";
    }
    const Result<VocDataset> dataset = VocDataset::Open(devkit, "VOC2007/val");
    ASSERT_TRUE(dataset.ok()) << dataset.error().message;
    images_ = dataset.value().images();
    const Result<GroundTruth> truth =
        ReadGroundTruth(dataset.value(), kVocClasses);
    ASSERT_TRUE(truth.ok()) << truth.error().message;
    truth_ = truth.value();
  }

  std::vector<VocImage> images_;
  GroundTruth truth_;
};

TEST_F(RealVoc, HasThePublishedCounts) {
  // "Statistics of the VOC2007 data", column val; the published object counts
  // leave out difficult ones.
  EXPECT_EQ(images_.size(), 2510u);
  std::size_t objects = 0;
  for (const auto& of_class : truth_.objects) {
    objects += static_cast<std::size_t>(
        std::count_if(of_class.begin(), of_class.end(),
                      [](const auto& object) { return !object.difficult; }));
  }
  EXPECT_EQ(objects, 6307u);
}

TEST_F(RealVoc, DecodesItsImages) {
  for (std::size_t i = 0; i < std::min<std::size_t>(200, images_.size()); ++i) {
    const Result<RgbImage> image = DecodeJpegFile(images_[i].jpeg);
    ASSERT_TRUE(image.ok()) << image.error().message;
    // Maybe resized, but of the annotated shape, up to one pixel.
    const GroundTruth::ImageSize size = truth_.image_sizes[i];
    const double scale = static_cast<double>(image.value().width) / size.width;
    EXPECT_NEAR(image.value().height, size.height * scale, 1.0 + scale)
        << images_[i].id;
  }
}

TEST_F(RealVoc, ScoresItsOwnObjectsPerfectly) {
  for (std::size_t c = 0; c < kVocClasses.size(); ++c) {
    std::vector<ScoredDetection> detections;
    for (const GroundTruthObject& object : truth_.objects[c]) {
      detections.push_back({object.image, object.box_in_image, 1.0});
    }
    const ClassScore score = AveragePrecision(truth_.objects[c], detections);
    ASSERT_GT(score.objects, 0) << kVocClasses[c];
    EXPECT_EQ(score.true_positives, score.objects) << kVocClasses[c];
    EXPECT_EQ(score.false_positives, 0) << kVocClasses[c];
    EXPECT_NEAR(*score.ap_11_point, 1.0, 1e-12) << kVocClasses[c];
    EXPECT_NEAR(*score.ap_area, 1.0, 1e-12) << kVocClasses[c];
  }
}

}  // namespace
}  // namespace ocellus
