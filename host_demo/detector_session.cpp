// SPDX-License-Identifier: Apache-2.0
#include "host_demo/detector_session.h"

#include <array>
#include <chrono>
#include <cstring>

#include "host_demo/failure.h"
#include "postprocess/nms.h"
#include "postprocess/yolo_decode.h"
#include "runtime/status.h"

namespace ocellus {
namespace {

// Before suppression. The best stay, so this bounds time and not quality: the
// 100 best boxes after suppression come from far fewer.
constexpr std::size_t kMaxCandidates = 4096;

}  // namespace

const Backend& FindBackend(const std::string& name) {
  if (name == "host") return HostBackend();
  if (name == "reference") return ReferenceBackend();
  throw Failure("unknown backend " + name + ", expected host or reference");
}

void RunNetwork(Executor& executor, Tensor<const int8_t> image) {
  const auto row_bytes =
      static_cast<std::size_t>(image.shape.w) * image.shape.c;
  if (executor.holds_whole_input()) {
    std::memcpy(executor.input().Row(0), image.data, row_bytes * image.shape.h);
    executor.Invoke();
    return;
  }
  executor.Begin();
  for (int32_t y = 0; y < image.shape.h; ++y) {
    std::memcpy(executor.NextInputRow(), image.Row(y), row_bytes);
    executor.CommitInputRow();
  }
  executor.Finish();
}

DetectorSession::DetectorSession(const ModelFile& file, const Backend& backend)
    : model_(file.model()),
      table_(MakeInputTable(model_)),
      input_(model_.shape(model_.header().input).elements()),
      detections_(kMaxCandidates) {
  const std::size_t bytes =
      Executor::MeasureArena(model_, backend).total_bytes();
  arena_ = AllocateAligned(bytes);
  const Status status =
      executor_.Prepare(model_, backend, {arena_.get(), bytes});
  if (status != Status::kOk) {
    throw Failure(file.path() + ": " + StatusText(status));
  }
}

std::span<const Detection> DetectorSession::Detect(const cv::Mat& image,
                                                   ChannelOrder order,
                                                   float score_threshold,
                                                   std::size_t max_detections) {
  const Shape input_shape = model_.shape(model_.header().input);
  FillInput(image, order, table_, {input_.data(), input_shape});
  const auto start = std::chrono::steady_clock::now();
  RunNetwork(executor_, {input_.data(), input_shape});
  inference_ms_ = std::chrono::duration<double, std::milli>(
                      std::chrono::steady_clock::now() - start)
                      .count();

  std::array<YoloLevel, format::kMaxLevels> levels;
  std::size_t level_count = 0;
  for (const format::LevelRecord& level : model_.levels()) {
    levels[level_count++] = {
        .classes = executor_.tensor(level.class_tensor),
        .classes_quant = model_.quant(level.class_tensor),
        .boxes = executor_.tensor(level.box_tensor),
        .boxes_quant = model_.quant(level.box_tensor),
        .stride = level.stride,
    };
  }
  const std::size_t candidates = DecodeYolo(
      std::span(levels).first(level_count), model_.shape(model_.header().input),
      score_threshold, detections_);
  const std::size_t kept =
      SuppressNonMaximum(std::span(detections_).first(candidates),
                         model_.header().nms_iou, max_detections);
  return std::span(detections_).first(kept);
}

}  // namespace ocellus
