// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "postprocess/bounding_box.h"

// Detection scoring as the Pascal VOC development kit does it (VOCevaldet.m,
// VOCap.m). Boxes are in pixels of the annotated image, 1-based and inclusive:
// a box of one pixel has x_min == x_max and is 1 wide.
namespace ocellus {

// An object of the class being scored.
struct GroundTruthObject {
  int32_t image = 0;  // any numbering that the detections share
  BoundingBox box_in_image;
  bool difficult = false;
};

// A detection of the class being scored.
struct ScoredDetection {
  int32_t image = 0;
  BoundingBox box_in_image;
  // Not float: a third party's text file may tell more digits apart.
  double score = 0.0;

  friend bool operator==(const ScoredDetection&,
                         const ScoredDetection&) = default;
};

// Where one more counted detection, in order of falling score, leaves things.
struct PrecisionRecallPoint {
  double recall = 0.0;     // hits so far / all objects
  double precision = 0.0;  // hits so far / hits and misses so far
  double score = 0.0;
};

struct ClassScore {
  int64_t objects = 0;  // non-difficult ones, the kit's `npos`
  int64_t true_positives = 0;
  int64_t false_positives = 0;
  // One point for each true or false positive. Detections that are ignored,
  // for they found a difficult object, add none. Empty without objects.
  std::vector<PrecisionRecallPoint> curve;
  // VOC 2007: mean of the best precision at recall >= 0, 0.1 .. 1.
  // VOC 2010 on: area under the precision that is made monotone.
  // Without objects recall is 0 / 0 (the kit says NaN), so there is neither.
  std::optional<double> ap_11_point;
  std::optional<double> ap_area;
};

// Scores one class.
//
//   objects     of this class, in the order of their annotations: of several
//               with the same overlap, the first is matched
//   detections  of this class; equal scores are taken in the order given
//
// Each detection takes the object of its image that it overlaps most,
// difficult and already found ones included. Overlap of at least 0.5 is a hit
// the first time, a miss when the object was already found, and ignored on a
// difficult object; less is a miss. Scores must not be NaN.
//
// Recall at exactly 0.3 reaches the threshold 0.3: the comparison is between
// integers, for 3 * 0.1 in floating point is more than 0.3.
ClassScore AveragePrecision(std::span<const GroundTruthObject> objects,
                            std::span<const ScoredDetection> detections);

struct MeanAveragePrecision {
  int64_t classes = 0;  // that have objects; the mean is over these
  double ap_11_point = 0.0;
  double ap_area = 0.0;
};

// Classes without objects are left out; all 0 when no class has any.
MeanAveragePrecision MeanOf(std::span<const ClassScore> classes);

}  // namespace ocellus
