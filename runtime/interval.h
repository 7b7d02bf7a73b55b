// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus {

// Rows or columns [begin, end) of a feature map.
struct Interval {
  int32_t begin = 0;
  int32_t end = 0;

  constexpr int32_t size() const { return end - begin; }
  constexpr bool Contains(const Interval& other) const {
    return begin <= other.begin && other.end <= end;
  }
  // What of it lies in [0, extent).
  constexpr Interval Within(int32_t extent) const {
    return {begin < 0 ? 0 : begin, end > extent ? extent : end};
  }
  friend constexpr bool operator==(const Interval&, const Interval&) = default;
};

// What a convolution reads to write `output`, along one axis, padding
// included.
constexpr Interval InputOf(const Interval& output, int32_t kernel,
                           int32_t stride, int32_t pad) {
  const int32_t begin = output.begin * stride - pad;
  return {begin, (output.end - 1) * stride - pad + kernel};
}

}  // namespace ocellus
