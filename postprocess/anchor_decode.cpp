// SPDX-License-Identifier: Apache-2.0
#include "postprocess/anchor_decode.h"

#include <algorithm>

#include "postprocess/best_detections.h"
#include "postprocess/exp.h"

namespace ocellus {
namespace {

using format::AnchorRecord;
using format::BoxEncoding;
using format::ScoreForm;

float Dequantize(QuantParams quant, int32_t value) {
  return quant.scale * static_cast<float>(value - quant.zero_point);
}

float Probability(ScoreForm form, QuantParams quant, int8_t value) {
  const float real = Dequantize(quant, value);
  return form == ScoreForm::kProbabilities ? real : Sigmoid(real);
}

float FractionOf(float position, int32_t extent) {
  const float size = static_cast<float>(extent);
  return std::min(std::max(position, 0.0f), size) / size;
}

// The box around a centre, in input pixels, as fractions of the input.
BoundingBox BoxAround(float x, float y, float w, float h, Shape input) {
  return {FractionOf(x - w * 0.5f, input.w), FractionOf(y - h * 0.5f, input.h),
          FractionOf(x + w * 0.5f, input.w), FractionOf(y + h * 0.5f, input.h)};
}

// 1 / sum of e^(logit - largest), and the largest.
struct SoftmaxSum {
  int32_t largest = -128;
  float factor = 0.0f;
};

SoftmaxSum SumOf(const int8_t* logits, int32_t count, QuantParams quant) {
  SoftmaxSum sum;
  for (int32_t i = 0; i < count; ++i) {
    sum.largest = std::max<int32_t>(sum.largest, logits[i]);
  }
  float total = 0.0f;
  for (int32_t i = 0; i < count; ++i) {
    total += Exp(quant.scale * static_cast<float>(logits[i] - sum.largest));
  }
  sum.factor = 1.0f / total;
  return sum;
}

float Share(const SoftmaxSum& sum, QuantParams quant, int8_t logit) {
  return sum.factor *
         Exp(quant.scale * static_cast<float>(logit - sum.largest));
}

// Everything about one level that its cells share.
class LevelDecoder {
 public:
  LevelDecoder(const AnchorHead& head, const AnchorLevel& level, Shape input,
               float score_threshold, BestDetections* best)
      : head_(head),
        level_(level),
        input_(input),
        threshold_(score_threshold),
        best_(*best) {}

  void Run() {
    const Shape shape = level_.classes.shape;
    for (int32_t y = 0; y < shape.h; ++y) {
      for (int32_t x = 0; x < shape.w; ++x) {
        if (head_.encoding == BoxEncoding::kSsd) {
          SsdCell(x, y);
        } else {
          YoloCell(x, y);
        }
      }
    }
  }

 private:
  void YoloCell(int32_t x, int32_t y) {
    const int8_t* values = level_.classes.Row(y) + x * level_.classes.shape.c;
    const bool has_anchors = head_.encoding == BoxEncoding::kYoloV3;
    const std::size_t count = has_anchors ? level_.anchors.size() : 1;
    constexpr int32_t kBoxAndObject = 5;
    for (std::size_t i = 0; i < count;
         ++i, values += kBoxAndObject + head_.class_count) {
      const QuantParams quant = level_.classes_quant;
      // No class can score more.
      const float object = Probability(head_.scores, quant, values[4]);
      if (!(object >= threshold_)) continue;
      const BoundingBox box = has_anchors
                                  ? YoloV3Box(values, x, y, level_.anchors[i])
                                  : YoloXBox(values, x, y);
      for (int32_t c = 0; c < head_.class_count; ++c) {
        const float score = object * Probability(head_.scores, quant,
                                                 values[kBoxAndObject + c]);
        if (score >= threshold_) best_.Offer({box, c, score});
      }
    }
  }

  float Real(int8_t value) const {
    return Dequantize(level_.boxes_quant, value);
  }

  BoundingBox YoloV3Box(const int8_t* values, int32_t x, int32_t y,
                        const AnchorRecord& anchor) const {
    const float stride = static_cast<float>(level_.stride);
    return BoxAround(
        (static_cast<float>(x) + Sigmoid(Real(values[0]))) * stride,
        (static_cast<float>(y) + Sigmoid(Real(values[1]))) * stride,
        anchor.w * Exp(Real(values[2])), anchor.h * Exp(Real(values[3])),
        input_);
  }

  BoundingBox YoloXBox(const int8_t* values, int32_t x, int32_t y) const {
    const float stride = static_cast<float>(level_.stride);
    return BoxAround((static_cast<float>(x) + Real(values[0])) * stride,
                     (static_cast<float>(y) + Real(values[1])) * stride,
                     stride * Exp(Real(values[2])),
                     stride * Exp(Real(values[3])), input_);
  }

  void SsdCell(int32_t x, int32_t y) {
    const int8_t* scores = level_.classes.Row(y) + x * level_.classes.shape.c;
    const int8_t* box = level_.boxes.Row(y) + x * level_.boxes.shape.c;
    const int32_t score_count = 1 + head_.class_count;
    for (std::size_t i = 0; i < level_.anchors.size();
         ++i, scores += score_count, box += 4) {
      SoftmaxSum sum;
      if (head_.scores == ScoreForm::kSoftmaxLogits) {
        sum = SumOf(scores, score_count, level_.classes_quant);
      }
      for (int32_t c = 0; c < head_.class_count; ++c) {
        // Behind the background.
        const int8_t value = scores[1 + c];
        const float score =
            head_.scores == ScoreForm::kSoftmaxLogits
                ? Share(sum, level_.classes_quant, value)
                : Probability(head_.scores, level_.classes_quant, value);
        if (score >= threshold_) {
          best_.Offer({SsdBox(box, x, y, level_.anchors[i]), c, score});
        }
      }
    }
  }

  BoundingBox SsdBox(const int8_t* values, int32_t x, int32_t y,
                     const AnchorRecord& anchor) const {
    const float stride = static_cast<float>(level_.stride);
    const float center_x = (static_cast<float>(x) + 0.5f) * stride;
    const float center_y = (static_cast<float>(y) + 0.5f) * stride;
    return BoxAround(
        center_x + Real(values[1]) * head_.center_variance * anchor.w,
        center_y + Real(values[0]) * head_.center_variance * anchor.h,
        anchor.w * Exp(Real(values[3]) * head_.size_variance),
        anchor.h * Exp(Real(values[2]) * head_.size_variance), input_);
  }

  const AnchorHead& head_;
  const AnchorLevel& level_;
  Shape input_;
  float threshold_;
  BestDetections& best_;
};

}  // namespace

std::size_t DecodeAnchors(const AnchorHead& head,
                          std::span<const AnchorLevel> levels, Shape input,
                          float score_threshold,
                          std::span<Detection> detections) {
  BestDetections best(detections);
  for (const AnchorLevel& level : levels) {
    LevelDecoder(head, level, input, score_threshold, &best).Run();
  }
  return best.Sort();
}

std::size_t BestClasses(Tensor<const int8_t> classes, QuantParams quant,
                        ScoreForm form, std::span<ClassProbability> best) {
  const auto count = static_cast<int32_t>(classes.shape.elements());
  const int8_t* values = classes.Row(0);
  SoftmaxSum sum;
  if (form == ScoreForm::kSoftmaxLogits) sum = SumOf(values, count, quant);
  std::size_t found = 0;
  for (int32_t c = 0; c < count; ++c) {
    const float score = form == ScoreForm::kSoftmaxLogits
                            ? Share(sum, quant, values[c])
                            : Probability(form, quant, values[c]);
    // Insertion into a short sorted list.
    std::size_t place = found;
    while (place > 0 && best[place - 1].score < score) --place;
    if (place == best.size()) continue;
    if (found < best.size()) ++found;
    for (std::size_t i = found - 1; i > place; --i) best[i] = best[i - 1];
    best[place] = {c, score};
  }
  return found;
}

}  // namespace ocellus
