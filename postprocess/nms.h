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
// score (Bazarevsky et al. 2019, arXiv 1907.05047). And it has a say in whether
// there is one: the survivor's odds, score / (1 - score), grow by as much as
// the scores of them all sum up to more than its own. detector/training/RUNS.md
// says what both are worth.
//
//   detections  in any order; no NaN, scores in [0, 1]. The survivors move to
//               the front, best first by what their scores have become; what
//               lies behind them is unspecified.
//
// Returns how many survived. Ties are broken by BetterDetection(), so the
// answer does not depend on the order of the input.
std::size_t SuppressNonMaximum(std::span<Detection> detections,
                               float iou_threshold, std::size_t max_detections);

}  // namespace ocellus
