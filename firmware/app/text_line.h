// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace ocellus {

// A line of text that is put together without a heap. What does not fit is left
// out, whole pieces at a time.
class TextLine {
 public:
  static constexpr std::size_t kCapacity = 4096;

  void Clear() { size_ = 0; }
  std::size_t room() const { return kCapacity - size_; }
  std::span<const char> text() const { return {text_.data(), size_}; }

  TextLine& Add(std::string_view text);
  TextLine& Add(int32_t number);
  // With `digits` behind the point, halves away from zero. |value| * 10^digits
  // below 2^31.
  TextLine& AddFixed(float value, int digits);
  // In quotes, escaped as JSON wants it.
  TextLine& AddQuoted(std::string_view text);

 private:
  std::array<char, kCapacity> text_{};
  std::size_t size_ = 0;
};

}  // namespace ocellus
