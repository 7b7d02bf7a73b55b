// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "postprocess/detection.h"
#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus {

// One scale of a head that another framework trained, as format::BoxEncoding
// describes it. Where class and box tensor are one, both are the same.
struct AnchorLevel {
  Tensor<const int8_t> classes;
  QuantParams classes_quant;
  Tensor<const int8_t> boxes;
  QuantParams boxes_quant;
  int32_t stride = 0;                             // input pixels per cell
  std::span<const format::AnchorRecord> anchors;  // of each cell
};

struct AnchorHead {
  format::BoxEncoding encoding = format::BoxEncoding::kYoloV3;
  format::ScoreForm scores = format::ScoreForm::kLogits;
  int32_t class_count = 0;
  float center_variance = 0.0f;  // kSsd only
  float size_variance = 0.0f;
};

// Decodes kYoloV3, kYoloX and kSsd heads into boxes and scores, without a heap.
//
//   levels           as Model::Parse() has checked them
//   input            shape of the network's input, H and W > 0
//   score_threshold  a pair (anchor, class) is a candidate if its score is at
//                    least this. YOLO's score is objectness times class.
//   detections       receives the candidates, clipped to the input, as
//                    fractions of it
//
// Returns how many were written, sorted by BetterDetection(). When there are
// more candidates than `detections` holds, the best by that order stay.
//
// Sources: Redmon and Farhadi, YOLOv3 (2018); Ge et al., YOLOX (2021); Liu et
// al., SSD (2016).
std::size_t DecodeAnchors(const AnchorHead& head,
                          std::span<const AnchorLevel> levels, Shape input,
                          float score_threshold,
                          std::span<Detection> detections);

struct ClassProbability {
  int32_t class_id = 0;
  float score = 0.0f;  // probability
};

// The best classes of a kClassifier, best first, of equal ones the first. Of
// kSoftmaxLogits, scores are the softmax over all classes.
//
//   classes  [1, 1, C] or any other shape of C elements, dense
//
// Returns how many were written: all of `best`, unless there are fewer classes.
std::size_t BestClasses(Tensor<const int8_t> classes, QuantParams quant,
                        format::ScoreForm form,
                        std::span<ClassProbability> best);

}  // namespace ocellus
