// SPDX-License-Identifier: Apache-2.0
#include "postprocess/decode_head.h"

#include <array>

#include "postprocess/anchor_decode.h"
#include "postprocess/yolo_decode.h"

namespace ocellus {
namespace {

using format::BoxEncoding;

// The levels of a head, as YoloLevel or AnchorLevel.
template <typename Level>
class Levels {
 public:
  Levels(const Model& model, const Executor& executor) {
    for (const format::LevelRecord& record : model.levels()) {
      Level& level = levels_[count_++];
      level.classes = executor.tensor(record.class_tensor);
      level.classes_quant = model.quant(record.class_tensor);
      level.boxes = executor.tensor(record.box_tensor);
      level.boxes_quant = model.quant(record.box_tensor);
      level.stride = record.stride;
      if constexpr (requires { level.anchors; }) {
        level.anchors =
            model.anchors().subspan(record.first_anchor, record.anchor_count);
      }
    }
  }

  std::span<const Level> get() const {
    return std::span(levels_).first(count_);
  }

 private:
  std::array<Level, format::kMaxLevels> levels_;
  std::size_t count_ = 0;
};

std::size_t DecodeOwn(const Model& model, const Executor& executor,
                      float score_threshold, std::span<Detection> detections) {
  return DecodeYolo(Levels<YoloLevel>(model, executor).get(),
                    model.shape(model.header().input), score_threshold,
                    detections);
}

std::size_t DecodeForeign(const Model& model, const Executor& executor,
                          float score_threshold,
                          std::span<Detection> detections) {
  const format::Header& header = model.header();
  const AnchorHead head = {
      .encoding = static_cast<BoxEncoding>(header.encoding),
      .scores = static_cast<format::ScoreForm>(header.scores),
      .class_count = model.class_count(),
      .center_variance = header.center_variance,
      .size_variance = header.size_variance,
  };
  return DecodeAnchors(head, Levels<AnchorLevel>(model, executor).get(),
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
