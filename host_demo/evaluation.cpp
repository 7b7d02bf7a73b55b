// SPDX-License-Identifier: Apache-2.0
#include "host_demo/evaluation.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <opencv2/core/mat.hpp>
#include <string>
#include <thread>
#include <vector>

#include "datasets/jpeg.h"
#include "datasets/voc/pixel_box.h"
#include "host_demo/detector_session.h"
#include "host_demo/failure.h"

namespace ocellus {
namespace {

// By the model's class: its place among `classes`, or -1.
std::vector<int32_t> PlacesOfModelClasses(
    const ModelFile& model, std::span<const std::string_view> classes) {
  const auto& names = model.class_names();
  std::vector<int32_t> places(names.size(), -1);
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto found = std::find(names.begin(), names.end(), classes[c]);
    if (found == names.end()) {
      throw Failure(model.path() + ": detects no " + std::string(classes[c]));
    }
    places[found - names.begin()] = static_cast<int32_t>(c);
  }
  return places;
}

// What the threads share.
struct Work {
  const VocDataset& dataset;
  const ModelFile& model;
  const Backend& backend;
  const EvaluationOptions& options;
  std::vector<std::vector<Detection>> detections;  // by image
  std::vector<double> inference_ms;                // by image
  std::atomic<std::size_t> next_image{0};
  std::atomic<int64_t> images_done{0};
  std::atomic<int> threads_running{0};
  std::mutex mutex;
  std::exception_ptr first_error;  // guarded by mutex
};

void DetectUntilDone(Work* work) {
  try {
    DetectorSession session(work->model, work->backend);
    const Model& model = work->model.model();
    const Shape input = model.shape(model.header().input);
    while (true) {
      const std::size_t i = work->next_image++;
      if (i >= work->options.image_count) break;
      RgbImage image =
          OrFail(DecodeJpegFile(work->dataset.images()[i].jpeg,
                                {.min_width = input.w, .min_height = input.h}));
      const cv::Mat picture(image.height, image.width, CV_8UC3,
                            image.pixels.data());
      const std::span<const Detection> found = session.Detect(
          picture, ChannelOrder::kRgb, work->options.score_threshold,
          work->options.max_detections);
      work->detections[i].assign(found.begin(), found.end());
      work->inference_ms[i] = session.inference_ms();
      ++work->images_done;
    }
  } catch (...) {
    const std::lock_guard lock(work->mutex);
    if (!work->first_error) work->first_error = std::current_exception();
    work->next_image = work->options.image_count;
  }
  --work->threads_running;
}

}  // namespace

EvaluationRun DetectInDataset(const VocDataset& dataset,
                              const GroundTruth& truth, const ModelFile& model,
                              const Backend& backend,
                              const EvaluationOptions& options,
                              const std::function<void(int64_t)>& progress) {
  const std::vector<int32_t> places =
      PlacesOfModelClasses(model, options.classes);
  Work work{.dataset = dataset,
            .model = model,
            .backend = backend,
            .options = options,
            .detections = {},
            .inference_ms = {},
            .mutex = {},
            .first_error = nullptr};
  work.detections.resize(options.image_count);
  work.inference_ms.resize(options.image_count);
  work.threads_running = options.threads;

  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (int i = 0; i < options.threads; ++i) {
    threads.emplace_back(DetectUntilDone, &work);
  }
  while (work.threads_running > 0) {
    progress(work.images_done);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  threads.clear();  // joins
  if (work.first_error) std::rethrow_exception(work.first_error);

  EvaluationRun run;
  run.wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  run.detections.resize(options.classes.size());
  for (std::size_t i = 0; i < options.image_count; ++i) {
    run.mean_inference_ms += work.inference_ms[i];
    const GroundTruth::ImageSize size = truth.image_sizes[i];
    for (const Detection& detection : work.detections[i]) {
      const int32_t place = places[detection.class_id];
      if (place < 0) continue;
      run.detections[place].push_back(
          {.image = static_cast<int32_t>(i),
           .box_in_image = PixelBox(detection.box, size.width, size.height),
           .score = static_cast<double>(detection.score)});
    }
  }
  run.mean_inference_ms /=
      static_cast<double>(std::max<std::size_t>(1, options.image_count));
  return run;
}

void KeepFirstImages(std::size_t image_count, GroundTruth* truth,
                     DetectionsByClass* detections) {
  const auto is_beyond = [image_count](const auto& item) {
    return static_cast<std::size_t>(item.image) >= image_count;
  };
  for (auto& objects : truth->objects) std::erase_if(objects, is_beyond);
  for (auto& found : *detections) std::erase_if(found, is_beyond);
}

}  // namespace ocellus
