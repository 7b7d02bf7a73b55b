// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus::an500 {

void StartUart();

// Each returns when the last character has left.
void Print(const char* text);
void PrintNumber(uint64_t value, int width = 0);
void PrintHex(uint32_t value);
// `value` / `scale` with as many decimals as `scale`, a power of ten, has
// zeros.
void PrintFixed(uint64_t value, uint32_t scale, int width = 0);
// `text` and spaces up to `width` characters.
void PrintPadded(const char* text, int width);

}  // namespace ocellus::an500
