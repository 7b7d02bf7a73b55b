// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "postprocess/detection.h"

namespace ocellus {

// Greedy non-maximum suppression, each class for itself: takes detections best
// first and drops one whose IoU with a kept detection of its class is above
// `iou_threshold` (equal is kept), until `max_detections` are kept. What is
// dropped still has a say in where the object lies: a survivor's box becomes
// the mean of its own and of those it was the first to suppress, weighted by
// score (Bazarevsky et al. 2019, arXiv 1907.05047). detector/training/RUNS.md
// says what that is worth.
//
//   detections  in any order; no NaN, no negative score. The survivors move to
//               the front, best first; what lies behind them is unspecified.
//
// Returns how many survived. Ties are broken by BetterDetection(), so the
// answer does not depend on the order of the input.
std::size_t SuppressNonMaximum(std::span<Detection> detections,
                               float iou_threshold, std::size_t max_detections);

}  // namespace ocellus
