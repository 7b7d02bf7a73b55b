// SPDX-License-Identifier: Apache-2.0
#include "datasets/average_precision.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <unordered_map>

namespace ocellus {
namespace {

constexpr double kMinOverlap = 0.5;

double Extent(float min, float max) {
  return static_cast<double>(max) - static_cast<double>(min) + 1.0;
}

// Intersection over union, in whole pixels; negative when the boxes do not
// touch. The order of operations is the kit's. For integer coordinates an
// overlap of exactly one half comes out as exactly 0.5.
double PixelOverlap(const BoundingBox& a, const BoundingBox& b) {
  const double width =
      Extent(std::max(a.x_min, b.x_min), std::min(a.x_max, b.x_max));
  const double height =
      Extent(std::max(a.y_min, b.y_min), std::min(a.y_max, b.y_max));
  if (!(width > 0.0 && height > 0.0)) return -1.0;
  const double intersection = width * height;
  const double union_area =
      Extent(a.x_min, a.x_max) * Extent(a.y_min, a.y_max) +
      Extent(b.x_min, b.x_max) * Extent(b.y_min, b.y_max) - intersection;
  return intersection / union_area;
}

struct Counts {
  int64_t true_positives = 0;
  int64_t false_positives = 0;

  double precision() const {
    return static_cast<double>(true_positives) /
           static_cast<double>(true_positives + false_positives);
  }
};

// `after`: the counts after each counted detection, never empty of objects.
double ElevenPointAp(std::span<const Counts> after, int64_t objects) {
  double sum = 0.0;
  for (int64_t tenths = 0; tenths <= 10; ++tenths) {
    double best = 0.0;
    for (const Counts& counts : after) {
      if (counts.true_positives * 10 >= tenths * objects) {
        best = std::max(best, counts.precision());
      }
    }
    sum += best;
  }
  return sum / 11.0;
}

double AreaAp(std::span<const Counts> after, int64_t objects) {
  // From the right: `envelope` is the best precision at this recall or above.
  // Every true positive is a step of 1 / objects in recall.
  double envelope = 0.0;
  double sum = 0.0;
  for (std::size_t i = after.size(); i-- > 0;) {
    envelope = std::max(envelope, after[i].precision());
    const int64_t before = i > 0 ? after[i - 1].true_positives : 0;
    if (after[i].true_positives > before) sum += envelope;
  }
  return sum / static_cast<double>(objects);
}

}  // namespace

ClassScore AveragePrecision(std::span<const GroundTruthObject> objects,
                            std::span<const ScoredDetection> detections) {
  ClassScore result;
  std::unordered_map<int32_t, std::vector<std::size_t>> objects_of_image;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    objects_of_image[objects[i].image].push_back(i);
    if (!objects[i].difficult) ++result.objects;
  }

  std::vector<const ScoredDetection*> by_score;
  for (const ScoredDetection& detection : detections) {
    by_score.push_back(&detection);
  }
  std::stable_sort(by_score.begin(), by_score.end(),
                   [](const ScoredDetection* a, const ScoredDetection* b) {
                     return a->score > b->score;
                   });

  std::vector<bool> found(objects.size(), false);
  std::vector<Counts> after;
  Counts counts;
  for (const ScoredDetection* detection : by_score) {
    double best_overlap = -std::numeric_limits<double>::infinity();
    std::size_t best = 0;
    if (const auto image = objects_of_image.find(detection->image);
        image != objects_of_image.end()) {
      for (const std::size_t i : image->second) {
        const double overlap =
            PixelOverlap(detection->box_in_image, objects[i].box_in_image);
        if (overlap > best_overlap) {
          best_overlap = overlap;
          best = i;
        }
      }
    }
    const bool hit = best_overlap >= kMinOverlap;
    if (hit && objects[best].difficult) continue;
    if (hit && !found[best]) {
      found[best] = true;
      ++counts.true_positives;
    } else {
      ++counts.false_positives;
    }
    after.push_back(counts);
    if (result.objects > 0) {
      result.curve.push_back({static_cast<double>(counts.true_positives) /
                                  static_cast<double>(result.objects),
                              counts.precision(), detection->score});
    }
  }

  result.true_positives = counts.true_positives;
  result.false_positives = counts.false_positives;
  if (result.objects > 0) {
    result.ap_11_point = ElevenPointAp(after, result.objects);
    result.ap_area = AreaAp(after, result.objects);
  }
  return result;
}

MeanAveragePrecision MeanOf(std::span<const ClassScore> classes) {
  MeanAveragePrecision mean;
  for (const ClassScore& score : classes) {
    if (!score.ap_11_point || !score.ap_area) continue;
    ++mean.classes;
    mean.ap_11_point += *score.ap_11_point;
    mean.ap_area += *score.ap_area;
  }
  if (mean.classes > 0) {
    mean.ap_11_point /= static_cast<double>(mean.classes);
    mean.ap_area /= static_cast<double>(mean.classes);
  }
  return mean;
}

}  // namespace ocellus
