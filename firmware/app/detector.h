// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "postprocess/detection.h"
#include "runtime/executor.h"
#include "runtime/kernels/backend.h"
#include "runtime/model.h"
#include "runtime/status.h"

namespace ocellus {

// The model, its arena and what becomes of its outputs.
class Detector {
 public:
  static constexpr std::size_t kMaxDetections = 32;

  // Checks the model and lays out the arena. Anything but kOk: as
  // Model::Parse() and Executor::Prepare() say.
  Status Start(std::span<const uint8_t> blob, const Backend& backend,
               std::span<std::byte> arena);

  const Model& model() const { return model_; }
  Shape input() const { return model_.shape(model_.header().input); }
  Executor& executor() { return executor_; }

  // Ends a frame whose rows were all fed to the executor. Best first, at the
  // model's own thresholds; valid until the next call.
  std::span<const Detection> Finish();

 private:
  // Before suppression; the best stay.
  static constexpr std::size_t kMaxCandidates = 512;

  Model model_;
  Executor executor_;
  std::array<Detection, kMaxCandidates> detections_{};
};

}  // namespace ocellus
