// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/detector.h"

#include "postprocess/nms.h"

namespace ocellus {

Status Detector::Start(std::span<const uint8_t> blob, const Backend& backend,
                       std::span<std::byte> arena) {
  if (const Status status = Model::Parse(blob, &model_);
      status != Status::kOk) {
    return status;
  }
  if (const Status status = executor_.Prepare(model_, backend, arena);
      status != Status::kOk) {
    return status;
  }
  level_count_ = 0;
  for (const format::LevelRecord& level : model_.levels()) {
    levels_[level_count_++] = {
        .classes = executor_.tensor(level.class_tensor),
        .classes_quant = model_.quant(level.class_tensor),
        .boxes = executor_.tensor(level.box_tensor),
        .boxes_quant = model_.quant(level.box_tensor),
        .stride = level.stride,
    };
  }
  return Status::kOk;
}

std::span<const Detection> Detector::Finish() {
  executor_.Finish();
  const std::size_t candidates =
      DecodeYolo(std::span(levels_).first(level_count_), input(),
                 model_.header().score_threshold, detections_);
  const std::size_t kept =
      SuppressNonMaximum(std::span(detections_).first(candidates),
                         model_.header().nms_iou, kMaxDetections);
  return std::span(detections_).first(kept);
}

}  // namespace ocellus
