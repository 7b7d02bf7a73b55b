// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/detector.h"

#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
#include "runtime/input_table.h"

namespace ocellus {

Status Detector::Start(std::span<const uint8_t> blob, const Backend& backend,
                       std::span<std::byte> arena) {
  if (const Status status = Model::Parse(blob, &model_);
      status != Status::kOk) {
    return status;
  }
  // The camera's rows go through one table, and someone wants boxes.
  if (!HasOneInputTable(model_) || model_.class_count() == 0) {
    return Status::kUnsupported;
  }
  if (const Status status = executor_.Prepare(model_, backend, arena);
      status != Status::kOk) {
    return status;
  }
  return Status::kOk;
}

std::span<const Detection> Detector::Finish() {
  executor_.Finish();
  const std::size_t candidates = DecodeHead(
      model_, executor_, model_.header().score_threshold, detections_);
  const std::size_t kept =
      SuppressNonMaximum(std::span(detections_).first(candidates),
                         model_.header().nms_iou, kMaxDetections);
  return std::span(detections_).first(kept);
}

}  // namespace ocellus
