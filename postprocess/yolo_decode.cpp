// SPDX-License-Identifier: Apache-2.0
#include "postprocess/yolo_decode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "postprocess/best_detections.h"
#include "postprocess/exp.h"

namespace ocellus {
namespace {

float Dequantize(QuantParams quant, int32_t value) {
  return quant.scale * static_cast<float>(value - quant.zero_point);
}

float FractionOf(float position, int32_t extent) {
  const float size = static_cast<float>(extent);
  return std::min(std::max(position, 0.0f), size) / size;
}

// `distances`: the four values of cell (x, y).
BoundingBox DecodeBox(const YoloLevel& level, Shape input, int32_t x, int32_t y,
                      const int8_t* distances) {
  const float stride = static_cast<float>(level.stride);
  const float center_x = (static_cast<float>(x) + 0.5f) * stride;
  const float center_y = (static_cast<float>(y) + 0.5f) * stride;
  const auto distance = [&](int side) {
    return Exp(Dequantize(level.boxes_quant, distances[side])) * stride;
  };
  return {FractionOf(center_x - distance(0), input.w),
          FractionOf(center_y - distance(1), input.h),
          FractionOf(center_x + distance(2), input.w),
          FractionOf(center_y + distance(3), input.h)};
}

}  // namespace

int32_t MinPassingLogit(QuantParams quant, float score_threshold) {
  // Invariant: every logit below `low` fails, every logit from `high` on
  // passes. Holds because Sigmoid() never decreases.
  int32_t low = -128;
  int32_t high = 128;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (Sigmoid(Dequantize(quant, middle)) >= score_threshold) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

std::size_t DecodeYolo(std::span<const YoloLevel> levels, Shape input,
                       float score_threshold, std::span<Detection> detections) {
  BestDetections best(detections);
  for (const YoloLevel& level : levels) {
    const int32_t min_logit =
        MinPassingLogit(level.classes_quant, score_threshold);
    const Shape shape = level.classes.shape;
    for (int32_t y = 0; y < shape.h; ++y) {
      const int8_t* logits = level.classes.Row(y);
      const int8_t* distances = level.boxes.Row(y);
      for (int32_t x = 0; x < shape.w; ++x, logits += shape.c, distances += 4) {
        // Most cells end here: one comparison a class, no arithmetic.
        if (std::none_of(logits, logits + shape.c,
                         [=](int8_t logit) { return logit >= min_logit; })) {
          continue;
        }
        const BoundingBox box = DecodeBox(level, input, x, y, distances);
        for (int32_t c = 0; c < shape.c; ++c) {
          if (logits[c] < min_logit) continue;
          best.Offer(
              {box, c, Sigmoid(Dequantize(level.classes_quant, logits[c]))});
        }
      }
    }
  }
  return best.Sort();
}

}  // namespace ocellus
