// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "postprocess/detection.h"
#include "runtime/tensor.h"

namespace ocellus {

// One scale of a detection head, as format::BoxEncoding::kLtrbExp describes.
struct YoloLevel {
  Tensor<const int8_t> classes;  // [H, W, classes], logits
  QuantParams classes_quant;
  // [H, W, 4], logarithms of the distances from the cell's centre to the left,
  // top, right and bottom edge, in units of the stride.
  Tensor<const int8_t> boxes;
  QuantParams boxes_quant;
  int32_t stride = 0;  // input pixels per cell
};

// The smallest int8 value q whose Sigmoid(scale * (q - zero_point)) is at least
// `score_threshold`; 128 when there is none.
int32_t MinPassingLogit(QuantParams quant, float score_threshold);

// Decodes the outputs of a detection head into boxes and scores.
//
//   levels           both tensors of a level have the same H and W; scales are
//                    finite and > 0
//   input            shape of the network's input, H and W > 0
//   score_threshold  a pair (cell, class) is a candidate if its score, the
//                    Sigmoid of its logit, is at least this; one cell may give
//                    several classes
//   detections       receives the candidates, clipped to the input, as
//                    fractions of it
//
// Cell (x, y) has its centre at ((x + 0.5) * stride, (y + 0.5) * stride).
//
// Returns how many were written, sorted by BetterDetection(). When there are
// more candidates than `detections` holds, the best by that order stay.
std::size_t DecodeYolo(std::span<const YoloLevel> levels, Shape input,
                       float score_threshold, std::span<Detection> detections);

}  // namespace ocellus
