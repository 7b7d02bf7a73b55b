// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>
#include <span>

#include "runtime/executor.h"

namespace ocellus {

// An arena of exactly the bytes asked for, so that ASan sees one byte more.
class AlignedArena {
 public:
  explicit AlignedArena(std::size_t bytes)
      : bytes_(static_cast<std::byte*>(::operator new (
            bytes, std::align_val_t{Executor::kArenaAlignment}))),
        size_(bytes) {}
  ~AlignedArena() {
    ::operator delete (bytes_, std::align_val_t{Executor::kArenaAlignment});
  }
  AlignedArena(const AlignedArena&) = delete;
  AlignedArena& operator=(const AlignedArena&) = delete;

  std::span<std::byte> span() { return {bytes_, size_}; }

 private:
  std::byte* bytes_;
  std::size_t size_;
};

}  // namespace ocellus
