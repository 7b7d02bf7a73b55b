// SPDX-License-Identifier: Apache-2.0
#include "postprocess/nms.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace ocellus {
namespace {

// The mean of boxes, weighted. A mean of boxes inside [0, 1] is inside too:
// rounding never brings a weighted sum above the sum of the weights.
class MeanBox {
 public:
  void Add(const BoundingBox& box, float weight) {
    weight_ += weight;
    sum_.x_min += weight * box.x_min;
    sum_.y_min += weight * box.y_min;
    sum_.x_max += weight * box.x_max;
    sum_.y_max += weight * box.y_max;
  }

  float weight() const { return weight_; }

  BoundingBox get() const {
    return {sum_.x_min / weight_, sum_.y_min / weight_, sum_.x_max / weight_,
            sum_.y_max / weight_};
  }

 private:
  float weight_ = 0.0f;
  BoundingBox sum_;
};

// The last element makes room for `added` among the others, behind its equals.
void InsertBestFirst(std::span<Detection> sorted, const Detection& added) {
  std::size_t i = sorted.size() - 1;
  for (; i > 0 && sorted[i - 1].score < added.score; --i) {
    sorted[i] = sorted[i - 1];
  }
  sorted[i] = added;
}

}  // namespace

std::size_t SuppressNonMaximum(std::span<Detection> detections,
                               float iou_threshold,
                               std::size_t max_detections) {
  std::sort(detections.begin(), detections.end(), BetterDetection);
  std::size_t kept = 0;
  std::span<Detection> left = detections;  // behind the kept ones, best first
  while (!left.empty() && kept < max_detections) {
    Detection survivor = left.front();
    MeanBox mean;
    mean.Add(survivor.box, survivor.score);
    std::size_t rest = 1;
    for (const Detection& candidate : left.subspan(1)) {
      if (candidate.class_id == survivor.class_id &&
          IoU(survivor.box, candidate.box) > iou_threshold) {
        mean.Add(candidate.box, candidate.score);
      } else {
        left[rest++] = candidate;  // at or before where it is
      }
    }
    left = left.first(rest);
    // Alone, it keeps its very bits.
    if (mean.weight() > survivor.score) {
      survivor.box = mean.get();
      survivor.score = mean.weight() / (mean.weight() + 1.0f - survivor.score);
    }
    InsertBestFirst(detections.first(kept + 1), survivor);
    ++kept;
    left = left.subspan(1);
  }
  return kept;
}

}  // namespace ocellus
