// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/voc_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string ErrorOf(const std::filesystem::path& devkit,
                    const std::string& list) {
  const Result<VocDataset> result = VocDataset::Open(devkit, list);
  if (result.ok()) return "no error";
  EXPECT_THAT(result.error().message, Not(HasSubstr("\n")));
  return result.error().message;
}

TEST(VocDataset, ListsImagesInOrder) {
  const TemporaryFolder folder;
  // Also with the line ends of another system, and without the last one.
  folder.Write("VOC2007/ImageSets/Main/val.txt", "000009\r\n\r\n000001\r\nx_3");
  const Result<VocDataset> result =
      VocDataset::Open(folder.path(), "VOC2007/val");
  ASSERT_TRUE(result.ok()) << result.error().message;
  const VocDataset& dataset = result.value();
  EXPECT_EQ(dataset.year(), "VOC2007");
  EXPECT_EQ(dataset.list_name(), "val");
  ASSERT_EQ(dataset.images().size(), 3u);
  EXPECT_EQ(dataset.images()[0].id, "000009");
  EXPECT_EQ(dataset.images()[1].id, "000001");
  EXPECT_EQ(dataset.images()[2].id, "x_3");
  EXPECT_EQ(dataset.images()[1].jpeg,
            folder.path() / "VOC2007/JPEGImages/000001.jpg");
  EXPECT_EQ(dataset.images()[1].annotation,
            folder.path() / "VOC2007/Annotations/000001.xml");
}

TEST(VocDataset, RefusesAListNameOfAnotherForm) {
  for (const char* list : {"", "val", "/val", "VOC2007/", "VOC2007/a/b"}) {
    EXPECT_EQ(ErrorOf("/", list),
              "image list \"" + std::string(list) +
                  "\": expected a year and a list, like VOC2007/val");
  }
}

TEST(VocDataset, RefusesFoldersThatAreNoDevkit) {
  const TemporaryFolder folder;
  EXPECT_EQ(ErrorOf("/nowhere", "VOC2007/val"),
            "/nowhere: no such folder, expected a VOCdevkit folder");
  EXPECT_EQ(ErrorOf(folder.path(), "VOC2007/val"),
            folder.path().string() +
                ": not a VOCdevkit folder, expected VOC2007/ImageSets/Main in "
                "it");
  EXPECT_THAT(ErrorOf(folder.Write("file", ""), "VOC2007/val"),
              EndsWith("file: no such folder, expected a VOCdevkit folder"));
}

TEST(VocDataset, RefusesAMissingOrBadList) {
  const TemporaryFolder folder;
  const std::string lists = (folder.path() / "VOC2007/ImageSets/Main").string();
  folder.Write("VOC2007/ImageSets/Main/empty.txt", "\n  \n");
  folder.Write("VOC2007/ImageSets/Main/car_val.txt", "1\n2 -1\n");
  folder.Write("VOC2007/ImageSets/Main/twice.txt", "1\n2\n1\n");
  std::filesystem::create_directory(lists + "/folder.txt");
  EXPECT_EQ(ErrorOf(folder.path(), "VOC2007/test"),
            lists + "/test.txt: no such image list, expected one of " + lists +
                "/*.txt");
  EXPECT_EQ(ErrorOf(folder.path(), "VOC2007/empty"),
            lists + "/empty.txt: empty, expected one image id a line");
  EXPECT_EQ(ErrorOf(folder.path(), "VOC2007/car_val"),
            lists + "/car_val.txt:2: \"2 -1\", expected one image id a line");
  EXPECT_EQ(
      ErrorOf(folder.path(), "VOC2007/twice"),
      lists + "/twice.txt:3: image 1 is listed twice, expected each once");
  EXPECT_THAT(ErrorOf(folder.path(), "VOC2007/folder"),
              StartsWith(lists + "/folder.txt: cannot read"));
}

}  // namespace
}  // namespace ocellus
