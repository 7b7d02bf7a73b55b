// SPDX-License-Identifier: Apache-2.0
#include "host_demo/detector_session.h"

#include <chrono>
#include <cstring>
#include <string>

#include "host_demo/failure.h"
#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
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
      tables_(MakeInputTables(model_)),
      input_(model_.shape(model_.header().input).elements()),
      detections_(kMaxCandidates) {
  if (model_.shape(model_.header().input).c != 3) {
    throw Failure(file.path() + ": its input has no 3 channels");
  }
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
  if (!gives_boxes()) {
    throw Failure(std::string(model_.name()) +
                  ": a model without boxes (compile it with --head)");
  }
  Run(image, order);
  const std::size_t candidates =
      DecodeHead(model_, executor_, score_threshold, detections_);
  const std::size_t kept =
      SuppressNonMaximum(std::span(detections_).first(candidates),
                         model_.header().nms_iou, max_detections);
  return std::span(detections_).first(kept);
}

void DetectorSession::Run(const cv::Mat& image, ChannelOrder order) {
  const Shape input_shape = model_.shape(model_.header().input);
  FillInput(image, order, tables_, {input_.data(), input_shape});
  const auto start = std::chrono::steady_clock::now();
  RunNetwork(executor_, {input_.data(), input_shape});
  inference_ms_ = std::chrono::duration<double, std::milli>(
                      std::chrono::steady_clock::now() - start)
                      .count();
}

std::vector<ClassProbability> DetectorSession::Classify(const cv::Mat& image,
                                                        ChannelOrder order,
                                                        std::size_t count) {
  if (!is_classifier()) {
    throw Failure(std::string(model_.name()) + ": not a classifier");
  }
  Run(image, order);
  const int32_t output = model_.levels()[0].class_tensor;
  std::vector<ClassProbability> best(count);
  best.resize(BestClasses(
      executor_.tensor(output), model_.quant(output),
      static_cast<format::ScoreForm>(model_.header().scores), best));
  return best;
}

}  // namespace ocellus
