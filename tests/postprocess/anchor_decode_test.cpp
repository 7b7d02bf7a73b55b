// SPDX-License-Identifier: Apache-2.0
#include "postprocess/anchor_decode.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace ocellus {
namespace {

using format::AnchorRecord;
using format::BoxEncoding;
using format::ScoreForm;

constexpr Shape kInput = {64, 128, 3};
constexpr QuantParams kQuant = {0.5f, 0};  // 2 is real 1

void ExpectBox(const BoundingBox& box, double x_min, double y_min, double x_max,
               double y_max) {
  EXPECT_NEAR(box.x_min, x_min / kInput.w, 1e-6);
  EXPECT_NEAR(box.y_min, y_min / kInput.h, 1e-6);
  EXPECT_NEAR(box.x_max, x_max / kInput.w, 1e-6);
  EXPECT_NEAR(box.y_max, y_max / kInput.h, 1e-6);
}

double Sigmoid64(double x) { return 1.0 / (1.0 + std::exp(-x)); }

AnchorLevel OneTensor(const int8_t* values, Shape shape, int32_t stride,
                      std::span<const AnchorRecord> anchors) {
  return {{values, shape}, kQuant, {values, shape}, kQuant, stride, anchors};
}

TEST(DecodeAnchors, MatchesAYoloV3CaseWorkedByHand) {
  // Two cells beside each other, two anchors, one class. Only the second
  // anchor of the second cell is sure of an object.
  constexpr std::array<AnchorRecord, 2> kAnchors = {{{10, 20}, {16, 8}}};
  std::array<int8_t, 2 * 2 * 6> values = {};
  for (int i = 0; i < 4; ++i) values[i * 6 + 4] = -20;
  int8_t* found = &values[3 * 6];
  found[0] = 0;  // centre x: (1 + 0.5) * 32
  found[1] = 0;  // centre y: 0.5 * 32
  found[2] = 2;  // width 16 e
  found[3] = 0;  // height 8
  found[4] = 8;  // objectness sigmoid(4)
  found[5] = 6;  // class sigmoid(3)
  std::array<Detection, 4> detections;
  const AnchorLevel level = OneTensor(values.data(), {1, 2, 12}, 32, kAnchors);
  ASSERT_EQ(
      DecodeAnchors({.class_count = 1}, {&level, 1}, kInput, 0.5f, detections),
      1u);
  EXPECT_EQ(detections[0].class_id, 0);
  EXPECT_NEAR(detections[0].score, Sigmoid64(4) * Sigmoid64(3), 1e-6);
  const double half = 8.0 * std::exp(1.0);
  ExpectBox(detections[0].box, 48 - half, 12, 48 + half, 20);
}

TEST(DecodeAnchors, MatchesAYoloXCaseWorkedByHand) {
  // One cell at (0, 0): centre (1, 0.5) strides, size e^0 and e^1 strides.
  const std::array<int8_t, 7> values = {2, 1, 0, 2, 127, -127, 127};
  std::array<Detection, 4> detections;
  const AnchorLevel level = OneTensor(values.data(), {1, 1, 7}, 8, {});
  ASSERT_EQ(DecodeAnchors({.encoding = BoxEncoding::kYoloX, .class_count = 2},
                          {&level, 1}, kInput, 0.5f, detections),
            1u);
  EXPECT_EQ(detections[0].class_id, 1);
  const double half = 4.0 * std::exp(1.0);
  ExpectBox(detections[0].box, 4, 0.0, 12, 4 + half);
}

TEST(DecodeAnchors, MatchesAnSsdCaseWorkedByHand) {
  // One anchor, two classes: logits 0 for background, 1 and 3.
  constexpr std::array<AnchorRecord, 1> kAnchors = {{{20, 10}}};
  const std::array<int8_t, 3> scores = {0, 2, 6};
  const std::array<int8_t, 4> box = {4, -2, 0, 10};  // y 2, x -1, h 0, w 5
  const AnchorLevel level = {{scores.data(), {1, 1, 3}},
                             kQuant,
                             {box.data(), {1, 1, 4}},
                             kQuant,
                             64,
                             kAnchors};
  const AnchorHead head = {.encoding = BoxEncoding::kSsd,
                           .scores = ScoreForm::kSoftmaxLogits,
                           .class_count = 2,
                           .center_variance = 0.1f,
                           .size_variance = 0.2f};
  std::array<Detection, 4> detections;
  ASSERT_EQ(DecodeAnchors(head, {&level, 1}, kInput, 0.5f, detections), 1u);
  EXPECT_EQ(detections[0].class_id, 1);
  const double sum = 1.0 + std::exp(1.0) + std::exp(3.0);
  EXPECT_NEAR(detections[0].score, std::exp(3.0) / sum, 1e-6);
  // Centre (32 - 0.1 * 20, 32 + 0.2 * 10), size 20 e by 10.
  const double half = 10.0 * std::exp(1.0);
  ExpectBox(detections[0].box, 30 - half, 29, 30 + half, 39);
}

TEST(DecodeAnchors, TakesProbabilitiesAsTheyAre) {
  // Quant 1/256 from -128: object 0.75, classes 0.25 and 1.0 - 1/256.
  constexpr QuantParams kProbability = {1.0f / 256.0f, -128};
  const std::array<int8_t, 7> values = {-128, -128, -128, -128, 64, -64, 127};
  const AnchorLevel level = {{values.data(), {1, 1, 7}},
                             kProbability,
                             {values.data(), {1, 1, 7}},
                             kProbability,
                             8,
                             {}};
  std::array<Detection, 4> detections;
  ASSERT_EQ(DecodeAnchors({.encoding = BoxEncoding::kYoloX,
                           .scores = ScoreForm::kProbabilities,
                           .class_count = 2},
                          {&level, 1}, kInput, 0.1f, detections),
            2u);
  EXPECT_EQ(detections[0].class_id, 1);
  EXPECT_FLOAT_EQ(detections[0].score, 0.75f * 255.0f / 256.0f);
  EXPECT_FLOAT_EQ(detections[1].score, 0.75f * 0.25f);
}

TEST(DecodeAnchors, KeepsTheBestWhenThereIsNoRoom) {
  std::mt19937 random(1);
  std::vector<int8_t> values(8 * 16 * 6);
  for (int8_t& value : values) value = static_cast<int8_t>(random() >> 8);
  const AnchorLevel level = OneTensor(values.data(), {8, 16, 6}, 8, {});
  const AnchorHead head = {.encoding = BoxEncoding::kYoloX, .class_count = 1};
  std::vector<Detection> all(200);
  const std::size_t count =
      DecodeAnchors(head, {&level, 1}, kInput, 0.01f, all);
  ASSERT_GT(count, 20u);
  std::vector<Detection> few(7);
  ASSERT_EQ(DecodeAnchors(head, {&level, 1}, kInput, 0.01f, few), 7u);
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i], all[i]);
}

TEST(BestClasses, RanksAndNormalises) {
  const std::array<int8_t, 4> logits = {0, 4, 2, 4};
  std::array<ClassProbability, 3> best;
  ASSERT_EQ(BestClasses({logits.data(), {1, 1, 4}}, kQuant,
                        ScoreForm::kSoftmaxLogits, best),
            3u);
  EXPECT_EQ(best[0].class_id, 1);  // of equal ones the first
  EXPECT_EQ(best[1].class_id, 3);
  EXPECT_EQ(best[2].class_id, 2);
  const double sum = 1.0 + 2.0 * std::exp(2.0) + std::exp(1.0);
  EXPECT_NEAR(best[0].score, std::exp(2.0) / sum, 1e-6);
  EXPECT_NEAR(best[2].score, std::exp(1.0) / sum, 1e-6);
}

TEST(BestClasses, GivesFewerWhereThereAreFewer) {
  const std::array<int8_t, 2> logits = {-4, 2};
  std::array<ClassProbability, 5> best;
  ASSERT_EQ(
      BestClasses({logits.data(), {1, 1, 2}}, kQuant, ScoreForm::kLogits, best),
      2u);
  EXPECT_EQ(best[0].class_id, 1);
  EXPECT_NEAR(best[0].score, Sigmoid64(1.0), 1e-6);
}

}  // namespace
}  // namespace ocellus
