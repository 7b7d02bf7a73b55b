// SPDX-License-Identifier: Apache-2.0
#include "postprocess/decode_head.h"

#include <array>

#include "postprocess/anchor_decode.h"
#include "postprocess/yolo_decode.h"

namespace ocellus {
namespace {

using format::BoxEncoding;

std::size_t DecodeOwn(const Model& model, const Executor& executor,
                      float score_threshold, std::span<Detection> detections) {
  std::array<YoloLevel, format::kMaxLevels> levels;
  std::size_t count = 0;
  for (const format::LevelRecord& level : model.levels()) {
    levels[count++] = {
        .classes = executor.tensor(level.class_tensor),
        .classes_quant = model.quant(level.class_tensor),
        .boxes = executor.tensor(level.box_tensor),
        .boxes_quant = model.quant(level.box_tensor),
        .stride = level.stride,
    };
  }
  return DecodeYolo(std::span(levels).first(count),
                    model.shape(model.header().input), score_threshold,
                    detections);
}

std::size_t DecodeForeign(const Model& model, const Executor& executor,
                          float score_threshold,
                          std::span<Detection> detections) {
  const format::Header& header = model.header();
  std::array<AnchorLevel, format::kMaxLevels> levels;
  std::size_t count = 0;
  for (const format::LevelRecord& level : model.levels()) {
    levels[count++] = {
        .classes = executor.tensor(level.class_tensor),
        .classes_quant = model.quant(level.class_tensor),
        .boxes = executor.tensor(level.box_tensor),
        .boxes_quant = model.quant(level.box_tensor),
        .stride = level.stride,
        .anchors =
            model.anchors().subspan(level.first_anchor, level.anchor_count),
    };
  }
  const AnchorHead head = {
      .encoding = static_cast<BoxEncoding>(header.encoding),
      .scores = static_cast<format::ScoreForm>(header.scores),
      .class_count = model.class_count(),
      .center_variance = header.center_variance,
      .size_variance = header.size_variance,
  };
  return DecodeAnchors(head, std::span(levels).first(count),
                       model.shape(header.input), score_threshold, detections);
}

}  // namespace

std::size_t DecodeHead(const Model& model, const Executor& executor,
                       float score_threshold, std::span<Detection> detections) {
  switch (static_cast<BoxEncoding>(model.header().encoding)) {
    case BoxEncoding::kLtrbExp:
      return DecodeOwn(model, executor, score_threshold, detections);
    case BoxEncoding::kYoloV3:
    case BoxEncoding::kYoloX:
    case BoxEncoding::kSsd:
      return DecodeForeign(model, executor, score_threshold, detections);
    case BoxEncoding::kNone:
    case BoxEncoding::kClassifier:
      return 0;
  }
  return 0;
}

}  // namespace ocellus
