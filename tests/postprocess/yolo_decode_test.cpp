// SPDX-License-Identifier: Apache-2.0
#include "postprocess/yolo_decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "postprocess/exp.h"

namespace ocellus {
namespace {

using ::testing::FloatNear;

// A level and what its tensors view.
struct OwnedLevel {
  std::vector<int8_t> classes;
  std::vector<int8_t> boxes;
  YoloLevel level;
};

// One cell of `logits.size()` classes.
OwnedLevel OneCell(std::vector<int8_t> logits, std::vector<int8_t> distances,
                   int32_t stride) {
  OwnedLevel owned{std::move(logits), std::move(distances), {}};
  owned.level.classes = Tensor<const int8_t>(
      owned.classes.data(),
      Shape{1, 1, static_cast<int32_t>(owned.classes.size())});
  owned.level.boxes = Tensor<const int8_t>(owned.boxes.data(), Shape{1, 1, 4});
  owned.level.stride = stride;
  return owned;
}

std::vector<Detection> Decoded(std::span<const YoloLevel> levels, Shape input,
                               float score_threshold, std::size_t capacity) {
  std::vector<Detection> detections(capacity);
  detections.resize(DecodeYolo(levels, input, score_threshold, detections));
  return detections;
}

TEST(DecodeYolo, EqualsHandWorkedCell) {
  // Cell (0, 0) of stride 16 has its centre at (8, 8). With scale 0.5 and zero
  // point 2 the distances 2, 4, 0, 6 are real 0, 1, -1, 2: left edge
  // 8 - 16 = -8, clipped to 0; top 8 - 16e < 0, clipped; right
  // 8 + 16 / e = 13.886 of 64; bottom 8 + 16 e^2 = 126.22, clipped to 32.
  OwnedLevel owned = OneCell({-10, 6}, {2, 4, 0, 6}, 16);
  owned.level.boxes_quant = {0.5f, 2};
  // Logit of class 1: 0.25 * (6 - 2) = 1, score 1 / (1 + 1 / e) = 0.73106.
  owned.level.classes_quant = {0.25f, 2};
  const std::vector<Detection> detections =
      Decoded({&owned.level, 1}, {32, 64, 3}, 0.5f, 10);
  ASSERT_EQ(detections.size(), 1u);
  EXPECT_EQ(detections[0].class_id, 1);
  EXPECT_THAT(detections[0].score, FloatNear(0.731058579f, 1e-7f));
  EXPECT_EQ(detections[0].box.x_min, 0.0f);
  EXPECT_EQ(detections[0].box.y_min, 0.0f);
  EXPECT_THAT(detections[0].box.x_max, FloatNear(13.8860711f / 64.0f, 1e-7f));
  EXPECT_EQ(detections[0].box.y_max, 1.0f);
}

TEST(DecodeYolo, GivesEveryClassOfACellThatPasses) {
  OwnedLevel owned = OneCell({1, -1, 2, 0}, {0, 0, 0, 0}, 8);
  const std::vector<Detection> detections =
      Decoded({&owned.level, 1}, {8, 8, 3}, 0.5f, 10);
  ASSERT_EQ(detections.size(), 3u);
  EXPECT_EQ(detections[0].class_id, 2);
  EXPECT_EQ(detections[1].class_id, 0);
  EXPECT_EQ(detections[2].class_id, 3);
  EXPECT_EQ(detections[2].score, 0.5f);
}

TEST(DecodeYolo, ClipsBoxesThatOverflow) {
  // e^127 is beyond float: distances are infinite, edges are those of the
  // input.
  OwnedLevel owned = OneCell({0}, {127, 127, 127, 127}, 8);
  const std::vector<Detection> detections =
      Decoded({&owned.level, 1}, {8, 8, 3}, 0.1f, 1);
  ASSERT_EQ(detections.size(), 1u);
  EXPECT_EQ(detections[0].box, (BoundingBox{0, 0, 1, 1}));
}

TEST(DecodeYolo, GivesNothingWithoutRoomOrLevelsOrPassingLogits) {
  OwnedLevel owned = OneCell({127}, {0, 0, 0, 0}, 8);
  EXPECT_TRUE(Decoded({&owned.level, 1}, {8, 8, 3}, 0.5f, 0).empty());
  EXPECT_TRUE(Decoded({}, {8, 8, 3}, 0.5f, 5).empty());
  EXPECT_TRUE(Decoded({&owned.level, 1}, {8, 8, 3}, 1.5f, 5).empty());
  EXPECT_TRUE(Decoded({&owned.level, 1}, {8, 8, 3},
                      std::numeric_limits<float>::quiet_NaN(), 5)
                  .empty());
}

TEST(MinPassingLogit, AgreesWithTheScoreOfAll256Logits) {
  const float lowest = std::numeric_limits<float>::lowest();
  for (const float scale :
       {1e-9f, 1e-4f, 0.01f, 0.0625f, 0.1234f, 1.0f, 7.0f}) {
    for (const int32_t zero_point : {-128, -37, 0, 5, 127}) {
      const auto score = [&](int32_t logit) {
        return Sigmoid(scale * static_cast<float>(logit - zero_point));
      };
      std::vector<float> thresholds = {lowest, -1.0f, 0.0f,  1e-30f, 0.01f,
                                       0.3f,   0.5f,  0.99f, 1.0f,   1.5f};
      // The threshold met exactly, and missed by the least.
      for (int32_t logit = -128; logit < 128; ++logit) {
        thresholds.push_back(score(logit));
        thresholds.push_back(std::nextafter(score(logit), 2.0f));
      }
      for (const float threshold : thresholds) {
        const int32_t min_logit =
            MinPassingLogit({scale, zero_point}, threshold);
        for (int32_t logit = -128; logit < 128; ++logit) {
          ASSERT_EQ(logit >= min_logit, score(logit) >= threshold)
              << "scale " << scale << " zero point " << zero_point
              << " threshold " << threshold << " logit " << logit;
        }
      }
    }
  }
}

// A random level. Its classes are rows of a ring that wraps around, its boxes
// dense.
OwnedLevel RandomLevel(std::mt19937& random, int32_t stride, Shape input,
                       int32_t classes) {
  const int32_t h = (input.h + stride - 1) / stride;
  const int32_t w = (input.w + stride - 1) / stride;
  const int32_t pitch = w * classes + 3;
  const int32_t slots = h + 2;
  std::uniform_int_distribution<int> logit(-128, 127);
  OwnedLevel owned;
  owned.classes.resize(static_cast<std::size_t>(pitch * slots));
  owned.boxes.resize(static_cast<std::size_t>(h * w * 4));
  for (int8_t& value : owned.classes) {
    // Few values, hence many ties.
    value = static_cast<int8_t>(logit(random) / 32 * 32);
  }
  for (int8_t& value : owned.boxes) value = static_cast<int8_t>(logit(random));
  const int32_t first_slot = slots - 1;
  owned.level = {Tensor<const int8_t>(owned.classes.data(), {h, w, classes},
                                      pitch, slots, first_slot),
                 {0.03f, logit(random) / 4},
                 Tensor<const int8_t>(owned.boxes.data(), {h, w, 4}),
                 {0.025f, logit(random) / 4},
                 stride};
  return owned;
}

// From the definition, in double and without shortcuts: all candidates.
struct NaiveCandidate {
  int32_t class_id;
  double score;
  double box[4];
};
std::vector<NaiveCandidate> NaiveCandidates(std::span<const YoloLevel> levels,
                                            Shape input, float threshold) {
  std::vector<NaiveCandidate> candidates;
  for (const YoloLevel& level : levels) {
    for (int32_t y = 0; y < level.classes.shape.h; ++y) {
      for (int32_t x = 0; x < level.classes.shape.w; ++x) {
        for (int32_t c = 0; c < level.classes.shape.c; ++c) {
          const auto real = [](Tensor<const int8_t> tensor, QuantParams quant,
                               int32_t row, int32_t index) {
            return static_cast<double>(quant.scale) *
                   (tensor.Row(row)[index] - quant.zero_point);
          };
          const double logit = real(level.classes, level.classes_quant, y,
                                    x * level.classes.shape.c + c);
          const double score = 1.0 / (1.0 + std::exp(-logit));
          if (score < static_cast<double>(threshold)) continue;
          NaiveCandidate candidate{c, score, {}};
          for (int side = 0; side < 4; ++side) {
            const double cell = side % 2 == 0 ? x : y;
            const double extent = side % 2 == 0 ? input.w : input.h;
            const double sign = side < 2 ? -1.0 : 1.0;
            const double distance =
                std::exp(real(level.boxes, level.boxes_quant, y, x * 4 + side));
            const double edge =
                (cell + 0.5 + sign * distance) * level.stride / extent;
            candidate.box[side] = std::clamp(edge, 0.0, 1.0);
          }
          candidates.push_back(candidate);
        }
      }
    }
  }
  return candidates;
}

TEST(DecodeYolo, MatchesDefinitionOverRandomLevels) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> side(20, 90);
    const Shape input{side(random), side(random), 3};
    std::vector<OwnedLevel> owned;
    std::vector<YoloLevel> levels;
    for (const int32_t stride : {8, 16, 32}) {
      owned.push_back(RandomLevel(random, stride, input, 3));
      levels.push_back(owned.back().level);
    }
    // Between two scores: at this threshold rounding cannot decide.
    const float threshold = 0.4567f;

    std::vector<NaiveCandidate> expected =
        NaiveCandidates(levels, input, threshold);
    const std::vector<Detection> all = Decoded(levels, input, threshold, 4096);
    ASSERT_EQ(all.size(), expected.size());
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), BetterDetection));
    for (const Detection& detection : all) {
      // Every answer takes one candidate that it equals up to rounding.
      const auto found = std::find_if(
          expected.begin(), expected.end(), [&](const NaiveCandidate& c) {
            const float box[] = {detection.box.x_min, detection.box.y_min,
                                 detection.box.x_max, detection.box.y_max};
            bool near = detection.class_id == c.class_id &&
                        std::fabs(static_cast<double>(detection.score) -
                                  c.score) <= 1e-6;
            for (int i = 0; i < 4; ++i) {
              near = near &&
                     std::fabs(static_cast<double>(box[i]) - c.box[i]) <= 1e-5;
            }
            return near;
          });
      ASSERT_NE(found, expected.end()) << detection.score;
      expected.erase(found);
    }

    // With less room: the best of all, not the first in scan order.
    for (const std::size_t capacity :
         {std::size_t{1}, std::size_t{7}, all.size() - 1, all.size()}) {
      const std::vector<Detection> best =
          Decoded(levels, input, threshold, capacity);
      EXPECT_EQ(best, std::vector<Detection>(
                          all.begin(),
                          all.begin() + static_cast<std::ptrdiff_t>(capacity)))
          << "capacity " << capacity;
    }

    // Nor does the order of the levels show.
    std::reverse(levels.begin(), levels.end());
    EXPECT_EQ(Decoded(levels, input, threshold, 4096), all);
  }
}

}  // namespace
}  // namespace ocellus
