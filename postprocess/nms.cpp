// SPDX-License-Identifier: Apache-2.0
#include "postprocess/nms.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace ocellus {

std::size_t SuppressNonMaximum(std::span<Detection> detections,
                               float iou_threshold,
                               std::size_t max_detections) {
  std::sort(detections.begin(), detections.end(), BetterDetection);
  std::size_t kept = 0;
  for (const Detection& candidate : detections) {
    if (kept == max_detections) break;
    // kept <= index of candidate, so no detection is overwritten unread.
    const auto survivors = detections.first(kept);
    const bool suppressed = std::any_of(
        survivors.begin(), survivors.end(), [&](const Detection& survivor) {
          return survivor.class_id == candidate.class_id &&
                 IoU(survivor.box, candidate.box) > iou_threshold;
        });
    if (!suppressed) detections[kept++] = candidate;
  }
  return kept;
}

}  // namespace ocellus
