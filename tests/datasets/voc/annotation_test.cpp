// SPDX-License-Identifier: Apache-2.0
#include "datasets/voc/annotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSize[] =
    "<size><width>50</width><height>40</height><depth>3</depth></size>";
constexpr char kBox[] =
    "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>"
    "</bndbox>";

std::string Annotation(const std::string& content) {
  return "<annotation>" + content + "</annotation>";
}

std::string Box(const std::string& x_min, const std::string& y_min,
                const std::string& x_max, const std::string& y_max) {
  return "<bndbox><xmin>" + x_min + "</xmin><ymin>" + y_min + "</ymin><xmax>" +
         x_max + "</xmax><ymax>" + y_max + "</ymax></bndbox>";
}

std::string Cat(const std::string& content) {
  return "<object><name>cat</name>" + content + "</object>";
}

Result<VocAnnotation> Read(const std::string& xml) {
  const TemporaryFolder folder;
  return ReadAnnotation(folder.Write("7.xml", xml));
}

// The message behind "<path>/7.xml: ".
std::string ErrorOf(const std::string& xml) {
  const Result<VocAnnotation> result = Read(xml);
  if (result.ok()) return "no error";
  const std::string& message = result.error().message;
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  const std::size_t place = message.find("/7.xml: ");
  EXPECT_NE(place, std::string::npos) << message;
  return message.substr(place + 8);
}

TEST(ReadAnnotation, ReadsObjectsInOrder) {
  const Result<VocAnnotation> result = Read(Annotation(
      std::string(kSize) +
      "<object><name> dog\n</name><truncated>1</truncated><difficult>1"
      "</difficult>" +
      Box("3", "4", "5", "6") + "</object>" +
      // As in VOC: <part> before the box, and a coordinate with a fraction.
      "<object><name>person</name><part><name>head</name>" +
      Box("9", "9", "9", "9") + "</part>" + Box(" 1.25 ", "2", "50", "40") +
      "</object>"));
  ASSERT_TRUE(result.ok()) << result.error().message;
  const VocAnnotation& annotation = result.value();
  EXPECT_EQ(annotation.width, 50);
  EXPECT_EQ(annotation.height, 40);
  ASSERT_EQ(annotation.objects.size(), 2u);
  EXPECT_EQ(annotation.objects[0].class_name, "dog");
  EXPECT_EQ(annotation.objects[0].box_in_image, (BoundingBox{3, 4, 5, 6}));
  EXPECT_TRUE(annotation.objects[0].difficult);
  EXPECT_TRUE(annotation.objects[0].truncated);
  EXPECT_EQ(annotation.objects[1].class_name, "person");
  EXPECT_EQ(annotation.objects[1].box_in_image,
            (BoundingBox{1.25f, 2, 50, 40}));
  EXPECT_FALSE(annotation.objects[1].difficult);
  EXPECT_FALSE(annotation.objects[1].truncated);
}

TEST(ReadAnnotation, TakesAnImageWithoutObjects) {
  const Result<VocAnnotation> result = Read(Annotation(kSize));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(result.value().objects.empty());
}

TEST(ReadAnnotation, TakesBoxesThatBarelyTouchTheImage) {
  // One pixel, and numbered from 0.
  EXPECT_EQ(ErrorOf(Annotation(kSize + Cat(Box("9", "9", "9", "9")))),
            "no error");
  EXPECT_EQ(ErrorOf(Annotation(kSize + Cat(Box("0", "0", "50", "40")))),
            "no error");
  EXPECT_EQ(ErrorOf(Annotation(kSize + Cat(Box("-3", "1", "60", "45")))),
            "no error");
}

TEST(ReadAnnotation, NamesAFileThatIsNotThere) {
  const Result<VocAnnotation> result = ReadAnnotation("/nowhere/1.xml");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "/nowhere/1.xml: cannot read: No such file or directory");
}

TEST(ReadAnnotation, RefusesWhatIsNotAnAnnotation) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("not readable as XML"));
  EXPECT_THAT(ErrorOf("no xml"), HasSubstr("not readable as XML"));
  EXPECT_THAT(ErrorOf("<annotation><size>"),
              HasSubstr("not readable as XML: "));
  EXPECT_EQ(ErrorOf("<html/>"), "no <annotation>, expected a VOC annotation");
}

TEST(ReadAnnotation, RefusesAMissingOrImpossibleSize) {
  EXPECT_EQ(ErrorOf(Annotation(Cat(kBox))),
            "no <size>, expected one with width and height");
  EXPECT_EQ(ErrorOf(Annotation("<size><width>50</width></size>")),
            "<size> has <height> \"\", expected a number of pixels from 1 to "
            "1048576");
  for (const char* width : {"0", "-5", "x", "1e3", "50.5", "99999999999"}) {
    EXPECT_THAT(ErrorOf(Annotation("<size><width>" + std::string(width) +
                                   "</width><height>4</height></size>")),
                HasSubstr("<size> has <width> \"" + std::string(width) + "\""));
  }
}

TEST(ReadAnnotation, RefusesAnObjectWithoutNameOrBox) {
  EXPECT_EQ(
      ErrorOf(Annotation(kSize + Cat(kBox) + "<object>" + kBox + "</object>")),
      "object 2: no <name>, expected the name of a class");
  EXPECT_EQ(ErrorOf(Annotation(kSize + Cat(""))),
            "object 1: (cat) no <bndbox>, expected one with xmin, ymin, xmax, "
            "ymax");
  // A part's box is not the object's.
  EXPECT_THAT(ErrorOf(Annotation(
                  kSize + Cat("<part>" + std::string(kBox) + "</part>"))),
              HasSubstr("no <bndbox>"));
}

TEST(ReadAnnotation, RefusesBrokenBoxes) {
  const auto error = [](const std::string& box) {
    return ErrorOf(Annotation(kSize + Cat(box)));
  };
  EXPECT_EQ(error(Box("20", "1", "10", "5")),
            "object 1: (cat) broken <bndbox>: xmin 20, xmax 10, expected xmin "
            "<= xmax");
  EXPECT_THAT(error(Box("1", "5.5", "10", "5")),
              HasSubstr("ymin 5.5, ymax 5, expected ymin <= ymax"));
  EXPECT_THAT(error(Box("1", "1", "ten", "5")),
              HasSubstr("<xmax> is \"ten\", expected a number"));
  EXPECT_THAT(error(Box("1", "", "10", "5")), HasSubstr("<ymin> is \"\""));
  EXPECT_THAT(error(Box("nan", "1", "10", "5")),
              HasSubstr("<xmin> is \"nan\""));
  EXPECT_THAT(error(Box("1", "1", "inf", "5")), HasSubstr("<xmax> is \"inf\""));
  EXPECT_THAT(error("<bndbox><xmin>1</xmin></bndbox>"),
              HasSubstr("<xmax> is \"\""));
  EXPECT_THAT(error(Box("51", "1", "60", "5")),
              EndsWith("xmin 51, xmax 60, expected a box that touches the "
                       "image, 1 to 50"));
  EXPECT_THAT(error(Box("1", "-9", "60", "-1")),
              HasSubstr("touches the image"));
}

TEST(ReadAnnotation, RefusesAnUnclearDifficult) {
  EXPECT_EQ(ErrorOf(Annotation(
                kSize + Cat(std::string(kBox) + "<difficult>no</difficult>"))),
            "object 1: (cat) <difficult> is \"no\", expected 0 or 1");
}

}  // namespace
}  // namespace ocellus
