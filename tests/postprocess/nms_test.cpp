// SPDX-License-Identifier: Apache-2.0
#include "postprocess/nms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
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

// Equal up to the rounding of a mean of boxes.
bool Alike(const Detection& a, const Detection& b) {
  const auto near = [](float x, float y) { return std::abs(x - y) < 1e-5f; };
  return a.class_id == b.class_id && a.score == b.score &&
         near(a.box.x_min, b.box.x_min) && near(a.box.y_min, b.box.y_min) &&
         near(a.box.x_max, b.box.x_max) && near(a.box.y_max, b.box.y_max);
}

MATCHER_P(AreLike, expected, "") {
  return std::equal(arg.begin(), arg.end(), expected.begin(), expected.end(),
                    Alike);
}

// Straight from the definition, by repeated search instead of sorting: the best
// of what is left survives, removes its class's overlapping rest, lies at the
// mean of both, and is as sure as they are together. Exact in the scores where
// their sums are.
std::vector<Detection> SuppressedNaively(std::vector<Detection> left,
                                         float iou_threshold,
                                         std::size_t max_detections) {
  std::vector<Detection> survivors;
  while (!left.empty() && survivors.size() < max_detections) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < left.size(); ++i) {
      if (BetterDetection(left[i], left[best])) best = i;
    }
    Detection survivor = left[best];
    std::vector<Detection> rest;
    double weight = 0.0;
    std::array<double, 4> sum = {};
    for (std::size_t i = 0; i < left.size(); ++i) {
      const auto& [box, class_id, score] = left[i];
      const bool overlaps = class_id == survivor.class_id &&
                            IoU(box, survivor.box) > iou_threshold;
      if (i == best || overlaps) {
        weight += score;
        sum[0] += score * double{box.x_min};
        sum[1] += score * double{box.y_min};
        sum[2] += score * double{box.x_max};
        sum[3] += score * double{box.y_max};
      } else {
        rest.push_back(left[i]);
      }
    }
    if (weight > 0) {
      for (double& side : sum) side /= weight;
      survivor.box = {static_cast<float>(sum[0]), static_cast<float>(sum[1]),
                      static_cast<float>(sum[2]), static_cast<float>(sum[3])};
      const auto together = static_cast<float>(weight);
      survivor.score = together / (together + 1.0f - survivor.score);
    }
    survivors.push_back(survivor);
    left = rest;
  }
  std::stable_sort(
      survivors.begin(), survivors.end(),
      [](const Detection& a, const Detection& b) { return a.score > b.score; });
  return survivors;
}

TEST(SuppressNonMaximum, KeepsHandWorkedSurvivorsBestFirst) {
  // b overlaps a by 3/5 and goes. c overlaps a by 1/7 and stays although it
  // overlaps b by 1/3: b is gone. d is another class. Of a and b, three parts
  // and one, the mean begins at 1/4; the odds of a, 3, become 4.
  const Detection a{{0, 0, 4, 1}, 0, 0.75f};
  const Detection b{{1, 0, 5, 1}, 0, 0.25f};
  const Detection c{{3, 0, 7, 1}, 0, 0.125f};
  const Detection d{{0, 0, 4, 1}, 1, 0.1f};
  const Detection a_and_b{{0.25f, 0, 4.25f, 1}, 0, 0.8f};
  EXPECT_THAT(Suppressed({d, c, b, a}, 0.3f), ElementsAre(a_and_b, c, d));
}

TEST(SuppressNonMaximum, KeepsOverlapEqualToTheThreshold) {
  const Detection a{{0, 0, 4, 4}, 0, 0.75f};
  const Detection half{{0, 0, 4, 2}, 0, 0.25f};
  EXPECT_THAT(Suppressed({a, half}, 0.5f), ElementsAre(a, half));
  const Detection mean{{0, 0, 4, 3.5f}, 0, 0.8f};
  EXPECT_THAT(Suppressed({a, half}, 0.4999f), ElementsAre(mean));
}

TEST(SuppressNonMaximum, StopsAtTheLimit) {
  const Detection a{{0, 0, 1, 1}, 0, 0.9f};
  const Detection b{{2, 0, 3, 1}, 0, 0.8f};
  const Detection c{{4, 0, 5, 1}, 0, 0.7f};
  EXPECT_THAT(Suppressed({c, b, a}, 0.5f, 2), ElementsAre(a, b));
  EXPECT_THAT(Suppressed({c, b, a}, 0.5f, 0), IsEmpty());
}

TEST(SuppressNonMaximum, PutsWhatOthersAgreeOnBeforeWhatOneBoxSays) {
  const Detection alone{{0, 0, 1, 1}, 0, 0.6f};
  const Detection twice{{2, 0, 3, 1}, 0, 0.5f};
  const Detection together{{2, 0, 3, 1}, 0, 1.0f / 1.5f};
  EXPECT_THAT(Suppressed({alone, twice, twice}, 0.5f),
              ElementsAre(together, alone));
}

TEST(SuppressNonMaximum, AcceptsNoDetections) {
  EXPECT_THAT(Suppressed({}, 0.5f), IsEmpty());
}

TEST(SuppressNonMaximum, LeavesABoxThatSuppressesNothingAsItIs) {
  // 0.7 * 0.1 / 0.7 is not 0.1 in float.
  const Detection a{{0.1f, 0.3f, 0.7f, 0.9f}, 0, 0.7f};
  const Detection b{{0.1f, 0.3f, 0.7f, 0.9f}, 1, 0.0f};
  EXPECT_THAT(Suppressed({a, b, b}, 0.5f), ElementsAre(a, b));
}

TEST(SuppressNonMaximum, KeepsMeanBoxesInsideTheImage) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> score(0.001f, 1.0f);
    std::vector<Detection> input(20);
    for (Detection& each : input) each = {{0, 0, 1, 1}, 0, score(random)};
    const std::vector<Detection> found = Suppressed(input, 0.5f);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].box, (BoundingBox{0, 0, 1, 1})) << "seed " << seed;
    EXPECT_LE(found[0].score, 1.0f) << "seed " << seed;
  }
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
          ASSERT_THAT(Suppressed(input, iou_threshold, limit),
                      AreLike(SuppressedNaively(input, iou_threshold, limit)))
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
    const std::vector<Detection> expected = Suppressed(input, iou_threshold);
    EXPECT_THAT(expected,
                AreLike(SuppressedNaively(input, iou_threshold, kNoLimit)));
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(Suppressed(input, iou_threshold), expected);
      std::shuffle(input.begin(), input.end(), random);
    }
  }
}

}  // namespace
}  // namespace ocellus
