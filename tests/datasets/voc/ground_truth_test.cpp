// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/ground_truth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::EndsWith;

constexpr std::array<std::string_view, 2> kClasses = {"cat", "dog"};

std::string Object(const std::string& name, int x, bool difficult) {
  const std::string left = std::to_string(x);
  return "<object><name>" + name + "</name><difficult>" +
         (difficult ? "1" : "0") + "</difficult><bndbox><xmin>" + left +
         "</xmin><ymin>1</ymin><xmax>" + left +
         "</xmax><ymax>5</ymax></bndbox></object>";
}

void WriteAnnotation(const TemporaryFolder& folder, const std::string& id,
                     const std::string& objects) {
  folder.Write("VOC1/Annotations/" + id + ".xml",
               "<annotation><size><width>20</width><height>10</height></size>" +
                   objects + "</annotation>");
}

Result<GroundTruth> Read(const TemporaryFolder& folder) {
  const Result<VocDataset> dataset = VocDataset::Open(folder.path(), "VOC1/a");
  if (!dataset.ok()) return dataset.error();
  return ReadGroundTruth(dataset.value(), kClasses);
}

TEST(ReadGroundTruth, SortsObjectsByClass) {
  const TemporaryFolder folder;
  folder.Write("VOC1/ImageSets/Main/a.txt", "p\nq\nr\n");
  WriteAnnotation(folder, "p",
                  Object("dog", 1, false) + Object("cat", 2, true));
  WriteAnnotation(folder, "q", "");
  WriteAnnotation(folder, "r", Object("dog", 3, false));
  const Result<GroundTruth> truth = Read(folder);
  ASSERT_TRUE(truth.ok()) << truth.error().message;
  ASSERT_EQ(truth.value().image_sizes.size(), 3u);
  EXPECT_EQ(truth.value().image_sizes[1].width, 20);
  EXPECT_EQ(truth.value().image_sizes[1].height, 10);
  ASSERT_EQ(truth.value().objects.size(), 2u);
  const auto& cats = truth.value().objects[0];
  ASSERT_EQ(cats.size(), 1u);
  EXPECT_EQ(cats[0].image, 0);
  EXPECT_TRUE(cats[0].difficult);
  EXPECT_EQ(cats[0].box_in_image, (BoundingBox{2, 1, 2, 5}));
  const auto& dogs = truth.value().objects[1];
  ASSERT_EQ(dogs.size(), 2u);
  EXPECT_EQ(dogs[1].image, 2);
  EXPECT_FALSE(dogs[1].difficult);
}

TEST(ReadGroundTruth, LeavesOtherClassesOut) {
  const TemporaryFolder folder;
  folder.Write("VOC1/ImageSets/Main/a.txt", "p\n");
  WriteAnnotation(folder, "p",
                  Object("zebra", 1, false) + Object("cat", 2, false));
  const Result<GroundTruth> truth = Read(folder);
  ASSERT_TRUE(truth.ok()) << truth.error().message;
  EXPECT_EQ(truth.value().objects[0].size(), 1u);
  EXPECT_TRUE(truth.value().objects[1].empty());
}

TEST(ReadGroundTruth, RefusesAListWithoutAnyOfTheClasses) {
  const TemporaryFolder folder;
  folder.Write("VOC1/ImageSets/Main/a.txt", "p\n");
  WriteAnnotation(folder, "p", Object("zebra", 1, false));
  const Result<GroundTruth> truth = Read(folder);
  ASSERT_FALSE(truth.ok());
  EXPECT_EQ(truth.error().message,
            (folder.path() / "VOC1/Annotations").string() +
                ": no object of cat, dog in the 1 images of the list");
}

TEST(ReadGroundTruth, RefusesAMissingAnnotation) {
  const TemporaryFolder folder;
  folder.Write("VOC1/ImageSets/Main/a.txt", "p\n");
  const Result<GroundTruth> truth = Read(folder);
  ASSERT_FALSE(truth.ok());
  EXPECT_THAT(truth.error().message,
              EndsWith("p.xml: cannot read: No such file or directory"));
}

}  // namespace
}  // namespace ocellus
