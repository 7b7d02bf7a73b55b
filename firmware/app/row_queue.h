// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace ocellus {

// Rows on their way from the camera's interrupt, which adds them, to the
// network, which takes them. One of each.
//
// A row stays readable after it was taken until its place is needed again, so
// a queue as long as the image holds all of it at the end of the frame.
class RowQueue {
 public:
  // Rows of `row_bytes`, as many as `memory` holds but no more than `max_rows`.
  void Start(std::span<int8_t> memory, int32_t row_bytes, int32_t max_rows) {
    memory_ = memory.data();
    row_bytes_ = row_bytes;
    const auto fit = static_cast<int32_t>(memory.size()) / row_bytes;
    capacity_ = fit < max_rows ? fit : max_rows;
    Clear();
  }
  void Clear() {
    added_ = 0;
    taken_ = 0;
  }

  int32_t capacity() const { return capacity_; }

  // Where the next row goes; null when all places are taken.
  int8_t* NextFree() {
    return added_ - taken_ < capacity_ ? Place(added_) : nullptr;
  }
  void Add() {
    asm volatile("" ::: "memory");  // the row before its number
    added_ = added_ + 1;
  }

  // The oldest row not yet taken; null if there is none.
  const int8_t* Front() {
    if (added_ == taken_) return nullptr;
    asm volatile("" ::: "memory");
    return Place(taken_);
  }
  void Take() {
    asm volatile("" ::: "memory");
    taken_ = taken_ + 1;
  }

  // Row y of the frame that was added last, if the queue is that long.
  const int8_t* Row(int32_t y) const { return Place(y); }

 private:
  int8_t* Place(int32_t row) const {
    return memory_ + row % capacity_ * row_bytes_;
  }

  int8_t* memory_ = nullptr;
  int32_t row_bytes_ = 1;
  int32_t capacity_ = 1;
  volatile int32_t added_ = 0;
  volatile int32_t taken_ = 0;
};

}  // namespace ocellus
