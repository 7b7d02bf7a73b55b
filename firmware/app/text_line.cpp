// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/text_line.h"

#include <algorithm>

namespace ocellus {

TextLine& TextLine::Add(std::string_view text) {
  if (text.size() > room()) return *this;
  std::copy(text.begin(), text.end(), text_.begin() + size_);
  size_ += text.size();
  return *this;
}

TextLine& TextLine::Add(int32_t number) {
  std::array<char, 11> digits;
  std::size_t first = digits.size();
  uint32_t rest = static_cast<uint32_t>(number);
  if (number < 0) rest = 0 - rest;
  do {
    digits[--first] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (number < 0) digits[--first] = '-';
  return Add(std::string_view(&digits[first], digits.size() - first));
}

TextLine& TextLine::AddFixed(float value, int digits) {
  int32_t unit = 1;
  for (int i = 0; i < digits; ++i) unit *= 10;
  const float scaled = value * static_cast<float>(unit);
  const auto rounded =
      static_cast<int32_t>(scaled + (scaled < 0.0f ? -0.5f : 0.5f));
  if (rounded < 0) Add("-");
  const int32_t size = rounded < 0 ? -rounded : rounded;
  Add(size / unit);
  if (digits == 0) return *this;
  Add(".");
  for (int32_t place = unit / 10; place > 0; place /= 10) {
    const char digit = static_cast<char>('0' + size / place % 10);
    Add(std::string_view(&digit, 1));
  }
  return *this;
}

TextLine& TextLine::AddQuoted(std::string_view text) {
  Add("\"");
  for (const char& c : text) {
    if (c == '"' || c == '\\') Add("\\");
    // Control characters have no place in names: a question mark instead.
    Add(static_cast<unsigned char>(c) < 0x20 ? "?" : std::string_view(&c, 1));
  }
  return Add("\"");
}

}  // namespace ocellus
