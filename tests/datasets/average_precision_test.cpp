// SPDX-License-Identifier: Apache-2.0
#include "datasets/average_precision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace ocellus {
namespace {

using ::testing::DoubleNear;
using ::testing::Optional;

using Objects = std::vector<GroundTruthObject>;
using Detections = std::vector<ScoredDetection>;

// A box of 10 x 10 pixels whose left edge is `x`.
BoundingBox Square(float x) { return {x, 1, x + 9, 10}; }

auto Near(double value) { return Optional(DoubleNear(value, 1e-12)); }

TEST(AveragePrecision, EqualsHandWorkedCurve) {
  // Hit, miss, hit of 2 objects: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1.
  // 11 points: 1 at 0 .. 0.5 (6 of them), 2/3 at 0.6 .. 1 (5 of them).
  // Area: 1/2 * 1 + 1/2 * 2/3 = 5/6.
  const Objects objects = {{0, Square(1)}, {1, Square(1)}};
  const Detections detections = {
      {1, Square(1), 0.5}, {0, Square(1), 0.9}, {0, Square(50), 0.7}};
  const ClassScore score = AveragePrecision(objects, detections);
  EXPECT_EQ(score.objects, 2);
  EXPECT_EQ(score.true_positives, 2);
  EXPECT_EQ(score.false_positives, 1);
  EXPECT_THAT(score.ap_11_point, Near((6.0 + 5.0 * 2.0 / 3.0) / 11.0));
  EXPECT_THAT(score.ap_area, Near(5.0 / 6.0));
  ASSERT_EQ(score.curve.size(), 3u);
  EXPECT_EQ(score.curve[1].recall, 0.5);
  EXPECT_EQ(score.curve[1].precision, 0.5);
  EXPECT_EQ(score.curve[1].score, 0.7);
}

TEST(AveragePrecision, IsOneForPerfectDetections) {
  const Objects objects = {{0, Square(1)}, {0, Square(30)}, {5, Square(1)}};
  const Detections detections = {
      {0, Square(1), 0.1}, {0, Square(30), 0.2}, {5, Square(1), 0.3}};
  const ClassScore score = AveragePrecision(objects, detections);
  EXPECT_THAT(score.ap_11_point, Near(1.0));
  EXPECT_THAT(score.ap_area, Near(1.0));
}

TEST(AveragePrecision, CountsPixelsInclusively) {
  // 10 x 10 and 10 x 5 within it share 50 of 100: exactly 0.5, a hit. With
  // continuous coordinates they would share 9 * 4 of 81, a miss.
  const Objects objects = {{0, {1, 1, 10, 10}}};
  EXPECT_EQ(AveragePrecision(objects, Detections{{0, {1, 1, 10, 5}, 0.5}})
                .true_positives,
            1);
  EXPECT_EQ(AveragePrecision(objects, Detections{{0, {1, 1, 10, 4}, 0.5}})
                .true_positives,
            0);
  // A box of one pixel has an area of 1.
  EXPECT_EQ(AveragePrecision(Objects{{0, {3, 3, 3, 3}}},
                             Detections{{0, {3, 3, 3, 3}, 0.5}})
                .true_positives,
            1);
}

TEST(AveragePrecision, CountsTheSecondDetectionOfAnObjectAsMiss) {
  // The second takes the found object although a free one overlaps it by 0.5
  // too: 8/12 of the first object, 7/13 of the other.
  const Objects objects = {{0, Square(1)}, {0, Square(6)}};
  const Detections detections = {{0, Square(1), 0.9}, {0, Square(3), 0.8}};
  const ClassScore score = AveragePrecision(objects, detections);
  EXPECT_EQ(score.true_positives, 1);
  EXPECT_EQ(score.false_positives, 1);
}

TEST(AveragePrecision, IgnoresDetectionsOfDifficultObjects) {
  const Objects objects = {{0, Square(1), true}, {0, Square(50), false}};
  const Detections detections = {
      {0, Square(1), 0.9}, {0, Square(1), 0.8}, {0, Square(50), 0.7}};
  const ClassScore score = AveragePrecision(objects, detections);
  EXPECT_EQ(score.objects, 1);
  EXPECT_EQ(score.true_positives, 1);
  EXPECT_EQ(score.false_positives, 0);
  EXPECT_EQ(score.curve.size(), 1u);
  EXPECT_THAT(score.ap_area, Near(1.0));
}

TEST(AveragePrecision, PrefersADifficultObjectThatOverlapsMore) {
  // 9/11 of the difficult one, 8/12 of the other, which stays unfound.
  const Objects objects = {{0, Square(1), false}, {0, Square(4), true}};
  const ClassScore score =
      AveragePrecision(objects, Detections{{0, Square(3), 0.9}});
  EXPECT_EQ(score.true_positives, 0);
  EXPECT_EQ(score.false_positives, 0);
}

TEST(AveragePrecision, GivesATieOfOverlapToTheFirstObject) {
  // Square(3) overlaps Square(1) and Square(5) by 8/12 both.
  const Detections detections = {{0, Square(3), 0.9}};
  EXPECT_EQ(AveragePrecision(Objects{{0, Square(1), true}, {0, Square(5)}},
                             detections)
                .true_positives,
            0);
  EXPECT_EQ(AveragePrecision(Objects{{0, Square(5)}, {0, Square(1), true}},
                             detections)
                .true_positives,
            1);
}

TEST(AveragePrecision, TakesEqualScoresInTheOrderGiven) {
  const Objects objects = {{0, Square(1)}};
  const ScoredDetection hit{0, Square(1), 0.5};
  const ScoredDetection miss{0, Square(90), 0.5};
  EXPECT_THAT(AveragePrecision(objects, Detections{hit, miss}).ap_area,
              Near(1.0));
  EXPECT_THAT(AveragePrecision(objects, Detections{miss, hit}).ap_area,
              Near(0.5));
}

TEST(AveragePrecision, LetsRecallExactlyAtAThresholdReachIt) {
  // 10 objects, the first k found: recall k / 10 reaches k + 1 thresholds,
  // also where k * 0.1 in floating point lies above k / 10 (3, 6, 7).
  Objects objects;
  for (int32_t i = 0; i < 10; ++i) objects.push_back({i, Square(1)});
  Detections detections;
  for (int32_t k = 0; k <= 10; ++k) {
    EXPECT_THAT(AveragePrecision(objects, detections).ap_11_point,
                Near(k == 0 ? 0.0 : (k + 1) / 11.0))
        << k;
    detections.push_back({k, Square(1), 1.0 - k});
  }
}

TEST(AveragePrecision, HasNoValueWithoutObjects) {
  const ClassScore score =
      AveragePrecision(Objects{{0, Square(1), true}},
                       Detections{{0, Square(1), 0.5}, {1, Square(1), 0.5}});
  EXPECT_EQ(score.objects, 0);
  EXPECT_EQ(score.false_positives, 1);
  EXPECT_FALSE(score.ap_11_point.has_value());
  EXPECT_FALSE(score.ap_area.has_value());
  EXPECT_TRUE(score.curve.empty());
}

TEST(AveragePrecision, IsZeroWithoutDetections) {
  const ClassScore score = AveragePrecision(Objects{{0, Square(1)}}, {});
  EXPECT_THAT(score.ap_11_point, Near(0.0));
  EXPECT_THAT(score.ap_area, Near(0.0));
}

TEST(MeanOf, LeavesOutClassesWithoutObjects) {
  ClassScore half;
  half.ap_11_point = 0.5;
  half.ap_area = 0.25;
  ClassScore one;
  one.ap_11_point = 1.0;
  one.ap_area = 0.75;
  const MeanAveragePrecision mean =
      MeanOf(std::vector<ClassScore>{half, ClassScore{}, one});
  EXPECT_EQ(mean.classes, 2);
  EXPECT_EQ(mean.ap_11_point, 0.75);
  EXPECT_EQ(mean.ap_area, 0.5);
  EXPECT_EQ(MeanOf({}).classes, 0);
}

// The six rules of VOC scoring, written down one after the other as loops over
// arrays, after the shape of the kit's MATLAB rather than of the library.
struct NaiveScore {
  int objects = 0;
  int hits = 0;
  int misses = 0;
  double ap_11_point = 0.0;
  double ap_area = 0.0;
};

NaiveScore NaivelyScored(const Objects& objects, Detections detections) {
  NaiveScore score;
  for (const GroundTruthObject& object : objects) {
    if (!object.difficult) score.objects += 1;
  }
  // Insertion sort: stable, falling.
  for (std::size_t i = 1; i < detections.size(); ++i) {
    for (std::size_t j = i;
         j > 0 && detections[j - 1].score < detections[j].score; --j) {
      std::swap(detections[j - 1], detections[j]);
    }
  }
  std::vector<int> matched(objects.size(), 0);
  std::vector<int> tp(detections.size(), 0);
  std::vector<int> fp(detections.size(), 0);
  for (std::size_t d = 0; d < detections.size(); ++d) {
    const BoundingBox& bb = detections[d].box_in_image;
    double ovmax = -1.0;
    int jmax = -1;
    for (int j = 0; j < static_cast<int>(objects.size()); ++j) {
      const GroundTruthObject& object = objects[static_cast<std::size_t>(j)];
      if (object.image != detections[d].image) continue;
      const BoundingBox& gt = object.box_in_image;
      const double iw = static_cast<double>(std::min(bb.x_max, gt.x_max)) -
                        static_cast<double>(std::max(bb.x_min, gt.x_min)) + 1;
      const double ih = static_cast<double>(std::min(bb.y_max, gt.y_max)) -
                        static_cast<double>(std::max(bb.y_min, gt.y_min)) + 1;
      if (iw <= 0 || ih <= 0) continue;
      const double bb_area =
          (static_cast<double>(bb.x_max) - static_cast<double>(bb.x_min) + 1) *
          (static_cast<double>(bb.y_max) - static_cast<double>(bb.y_min) + 1);
      const double gt_area =
          (static_cast<double>(gt.x_max) - static_cast<double>(gt.x_min) + 1) *
          (static_cast<double>(gt.y_max) - static_cast<double>(gt.y_min) + 1);
      const double ov = iw * ih / (bb_area + gt_area - iw * ih);
      if (ov > ovmax) {
        ovmax = ov;
        jmax = j;
      }
    }
    if (ovmax >= 0.5) {
      const std::size_t best = static_cast<std::size_t>(jmax);
      if (!objects[best].difficult) {
        if (matched[best] == 0) {
          tp[d] = 1;
          matched[best] = 1;
        } else {
          fp[d] = 1;
        }
      }
    } else {
      fp[d] = 1;
    }
  }

  std::vector<int> hits;
  std::vector<double> precision;
  for (std::size_t d = 0; d < detections.size(); ++d) {
    score.hits += tp[d];
    score.misses += fp[d];
    hits.push_back(score.hits);
    precision.push_back(score.hits + score.misses == 0
                            ? 0.0
                            : static_cast<double>(score.hits) /
                                  (score.hits + score.misses));
  }
  if (score.objects == 0) return score;

  for (int t = 0; t <= 10; ++t) {
    // The least count of hits with recall >= t / 10.
    const int needed = (t * score.objects + 9) / 10;
    double p = 0.0;
    for (std::size_t d = 0; d < hits.size(); ++d) {
      if (hits[d] >= needed && precision[d] > p) p = precision[d];
    }
    score.ap_11_point += p / 11.0;
  }

  std::vector<double> mrec = {0.0};
  std::vector<double> mpre = {0.0};
  for (std::size_t d = 0; d < hits.size(); ++d) {
    mrec.push_back(static_cast<double>(hits[d]) / score.objects);
    mpre.push_back(precision[d]);
  }
  mrec.push_back(1.0);
  mpre.push_back(0.0);
  for (std::size_t i = mpre.size() - 1; i > 0; --i) {
    mpre[i - 1] = std::max(mpre[i - 1], mpre[i]);
  }
  for (std::size_t i = 1; i < mrec.size(); ++i) {
    score.ap_area += (mrec[i] - mrec[i - 1]) * mpre[i];
  }
  return score;
}

TEST(AveragePrecision, EqualsTheSixRulesOverRandomCases) {
  int cases_with_exact_threshold = 0;
  for (uint32_t seed = 0; seed < 6000; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto draw = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    // Few images and coarse boxes, so that overlaps tie, meet 0.5 exactly and
    // compete; few scores, so that those tie.
    const auto draw_box = [&] {
      const int x = draw(1, 6) * 2;
      const int y = draw(1, 3) * 2;
      return BoundingBox{static_cast<float>(x), static_cast<float>(y),
                         static_cast<float>(x + draw(0, 9)),
                         static_cast<float>(y + draw(0, 5))};
    };
    Objects objects;
    const int object_count = draw(0, 3) * draw(0, 10);
    for (int i = 0; i < object_count; ++i) {
      objects.push_back({draw(0, 7), draw_box(), draw(0, 3) == 0});
    }
    Detections detections;
    const int detection_count = draw(0, 3) * draw(0, 20);
    for (int i = 0; i < detection_count; ++i) {
      ScoredDetection detection{draw(0, 8), draw_box(), draw(0, 15) / 16.0};
      const int kind = draw(0, 9);
      if (kind < 5 && !objects.empty()) {
        // On an object, or half a pixel beside it.
        const GroundTruthObject& object = objects[static_cast<std::size_t>(
            draw(0, static_cast<int>(objects.size()) - 1))];
        detection.image = object.image;
        detection.box_in_image = object.box_in_image;
        if (kind < 2) detection.box_in_image.x_max += 0.5f;
      } else if (kind == 5 && !detections.empty()) {
        detection = detections.back();
      } else if (kind == 6) {
        // Inverted: matches nothing.
        std::swap(detection.box_in_image.x_min, detection.box_in_image.x_max);
      }
      detections.push_back(detection);
    }

    const ClassScore score = AveragePrecision(objects, detections);
    const NaiveScore expected = NaivelyScored(objects, detections);
    ASSERT_EQ(score.objects, expected.objects);
    ASSERT_EQ(score.true_positives, expected.hits);
    ASSERT_EQ(score.false_positives, expected.misses);
    ASSERT_EQ(score.ap_11_point.has_value(), expected.objects > 0);
    ASSERT_EQ(score.ap_area.has_value(), expected.objects > 0);
    if (expected.objects == 0) continue;
    ASSERT_TRUE(std::fabs(*score.ap_11_point - expected.ap_11_point) <= 1e-9);
    ASSERT_TRUE(std::fabs(*score.ap_area - expected.ap_area) <= 1e-9);
    if (expected.objects % 10 == 0 && expected.hits > 0) {
      ++cases_with_exact_threshold;
    }
  }
  EXPECT_GT(cases_with_exact_threshold, 100);
}

}  // namespace
}  // namespace ocellus
