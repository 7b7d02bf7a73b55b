// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "postprocess/detection.h"

namespace ocellus {

// Greedy non-maximum suppression, each class for itself: takes detections best
// first and drops one whose IoU with a kept detection of its class is above
// `iou_threshold` (equal is kept), until `max_detections` are kept.
//
//   detections  in any order; no NaN. The survivors move to the front, best
//               first; what lies behind them is unspecified.
//
// Returns how many survived. Ties are broken by BetterDetection(), so the
// answer does not depend on the order of the input.
std::size_t SuppressNonMaximum(std::span<Detection> detections,
                               float iou_threshold, std::size_t max_detections);

}  // namespace ocellus
