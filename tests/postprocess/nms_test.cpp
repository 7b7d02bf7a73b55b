// SPDX-License-Identifier: Apache-2.0
#include "postprocess/nms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

namespace ocellus {

void PrintTo(const Detection& d, std::ostream* out) {
  *out << "class " << d.class_id << " score " << d.score << " box ("
       << d.box.x_min << " " << d.box.y_min << " " << d.box.x_max << " "
       << d.box.y_max << ")";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kNoLimit = 1000;

std::vector<Detection> Suppressed(std::vector<Detection> detections,
                                  float iou_threshold,
                                  std::size_t max_detections = kNoLimit) {
  detections.resize(
      SuppressNonMaximum(detections, iou_threshold, max_detections));
  return detections;
}

// Straight from the definition, by repeated search instead of sorting: the best
// of what is left survives, and removes its class's overlapping rest.
std::vector<Detection> SuppressedNaively(std::vector<Detection> left,
                                         float iou_threshold,
                                         std::size_t max_detections) {
  std::vector<Detection> survivors;
  while (!left.empty() && survivors.size() < max_detections) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < left.size(); ++i) {
      if (BetterDetection(left[i], left[best])) best = i;
    }
    const Detection survivor = left[best];
    survivors.push_back(survivor);
    std::vector<Detection> rest;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const bool overlaps = left[i].class_id == survivor.class_id &&
                            IoU(left[i].box, survivor.box) > iou_threshold;
      if (i != best && !overlaps) rest.push_back(left[i]);
    }
    left = rest;
  }
  return survivors;
}

TEST(SuppressNonMaximum, KeepsHandWorkedSurvivorsBestFirst) {
  // b overlaps a by 3/5 and goes. c overlaps a by 1/7 and stays although it
  // overlaps b by 1/3: b is gone. d is another class.
  const Detection a{{0, 0, 4, 1}, 0, 0.9f};
  const Detection b{{1, 0, 5, 1}, 0, 0.8f};
  const Detection c{{3, 0, 7, 1}, 0, 0.7f};
  const Detection d{{0, 0, 4, 1}, 1, 0.6f};
  EXPECT_THAT(Suppressed({d, c, b, a}, 0.3f), ElementsAre(a, c, d));
}

TEST(SuppressNonMaximum, KeepsOverlapEqualToTheThreshold) {
  const Detection a{{0, 0, 4, 4}, 0, 0.9f};
  const Detection half{{0, 0, 4, 2}, 0, 0.8f};
  EXPECT_THAT(Suppressed({a, half}, 0.5f), ElementsAre(a, half));
  EXPECT_THAT(Suppressed({a, half}, 0.4999f), ElementsAre(a));
}

TEST(SuppressNonMaximum, StopsAtTheLimit) {
  const Detection a{{0, 0, 1, 1}, 0, 0.9f};
  const Detection b{{2, 0, 3, 1}, 0, 0.8f};
  const Detection c{{4, 0, 5, 1}, 0, 0.7f};
  EXPECT_THAT(Suppressed({c, b, a}, 0.5f, 2), ElementsAre(a, b));
  EXPECT_THAT(Suppressed({c, b, a}, 0.5f, 0), IsEmpty());
}

TEST(SuppressNonMaximum, AcceptsNoDetections) {
  EXPECT_THAT(Suppressed({}, 0.5f), IsEmpty());
}

TEST(SuppressNonMaximum, EqualsDefinitionOverAllTinyInputs) {
  // Boxes on a line: equal, nested, half overlapping, apart; two classes and
  // two scores, so that ties of every kind occur. All sequences of up to four.
  constexpr std::array<BoundingBox, 4> kBoxes = {
      {{0, 0, 2, 1}, {1, 0, 3, 1}, {0, 0, 4, 1}, {3, 0, 4, 1}}};
  std::vector<Detection> alphabet;
  for (const BoundingBox& box : kBoxes) {
    for (const int32_t class_id : {0, 1}) {
      for (const float score : {0.5f, 0.75f}) {
        alphabet.push_back({box, class_id, score});
      }
    }
  }
  for (std::size_t length = 1; length <= 4; ++length) {
    std::size_t sequences = 1;
    for (std::size_t i = 0; i < length; ++i) sequences *= alphabet.size();
    for (std::size_t code = 0; code < sequences; ++code) {
      std::vector<Detection> input;
      for (std::size_t i = 0, rest = code; i < length; ++i) {
        input.push_back(alphabet[rest % alphabet.size()]);
        rest /= alphabet.size();
      }
      // 1/3 is the overlap of the first two boxes.
      for (const float iou_threshold : {0.0f, 1.0f / 3.0f, 0.4f, 1.0f}) {
        for (const std::size_t limit : {std::size_t{2}, kNoLimit}) {
          ASSERT_EQ(Suppressed(input, iou_threshold, limit),
                    SuppressedNaively(input, iou_threshold, limit))
              << "length " << length << " code " << code << " threshold "
              << iou_threshold << " limit " << limit;
        }
      }
    }
  }
}

TEST(SuppressNonMaximum, DoesNotDependOnTheOrderOfRandomInputs) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> small(0, 5);
    std::vector<Detection> input(
        std::uniform_int_distribution<std::size_t>(0, 60)(random));
    for (Detection& detection : input) {
      const float x = static_cast<float>(small(random));
      const float y = static_cast<float>(small(random));
      detection = {{x, y, x + static_cast<float>(1 + small(random)),
                    y + static_cast<float>(1 + small(random))},
                   small(random) / 2,
                   static_cast<float>(small(random)) / 8.0f};
    }
    const float iou_threshold = static_cast<float>(small(random)) / 6.0f;
    const std::vector<Detection> expected =
        SuppressedNaively(input, iou_threshold, kNoLimit);
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(Suppressed(input, iou_threshold), expected);
      std::shuffle(input.begin(), input.end(), random);
    }
  }
}

}  // namespace
}  // namespace ocellus
