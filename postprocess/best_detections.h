// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "postprocess/detection.h"

namespace ocellus {

// The best detections offered so far, by BetterDetection(). `storage` is a
// heap whose front is the worst of them, the one to give way.
class BestDetections {
 public:
  explicit BestDetections(std::span<Detection> storage) : storage_(storage) {}

  void Offer(const Detection& candidate) {
    if (count_ < storage_.size()) {
      storage_[count_++] = candidate;
      std::push_heap(begin(), end(), BetterDetection);
    } else if (count_ > 0 && BetterDetection(candidate, storage_.front())) {
      std::pop_heap(begin(), end(), BetterDetection);
      storage_[count_ - 1] = candidate;
      std::push_heap(begin(), end(), BetterDetection);
    }
  }

  // Best first. Returns how many there are.
  std::size_t Sort() {
    std::sort_heap(begin(), end(), BetterDetection);
    return count_;
  }

 private:
  Detection* begin() const { return storage_.data(); }
  Detection* end() const { return storage_.data() + count_; }

  std::span<Detection> storage_;
  std::size_t count_ = 0;
};

}  // namespace ocellus
