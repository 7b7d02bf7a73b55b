// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "runtime/kernels/requantize.h"

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
#define OCELLUS_CORTEX_M7_ASM 1
#else
#define OCELLUS_CORTEX_M7_ASM 0
#endif

// The Cortex-M7's instructions on two int16 in one register, each named after
// its mnemonic, with a portable body that computes the same: so the kernels
// can be tested on a desktop processor.
//
// Source: Arm v7-M Architecture Reference Manual, A7.7.
namespace ocellus::kernels::cortex_m7 {

inline uint32_t LoadWord(const void* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

inline void StoreWord(void* bytes, uint32_t word) {
  std::memcpy(bytes, &word, sizeof(word));
}

// Copies to another place, where the C library would go byte by byte.
inline void CopyBytes(const int8_t* in, int32_t count, int8_t* out) {
  for (; count >= 8; count -= 8, in += 8, out += 8) {
    const uint32_t low = LoadWord(in);
    const uint32_t high = LoadWord(in + 4);
    StoreWord(out, low);
    StoreWord(out + 4, high);
  }
  for (; count > 0; --count) *out++ = *in++;
}

constexpr int32_t Byte(uint32_t word, int i) {
  return static_cast<int8_t>(word >> (8 * i));
}

constexpr int32_t Low(uint32_t word) { return static_cast<int16_t>(word); }
constexpr int32_t High(uint32_t word) {
  return static_cast<int16_t>(word >> 16);
}
constexpr uint32_t Halves(int32_t low, int32_t high) {
  return (static_cast<uint32_t>(low) & 0xFFFF) | static_cast<uint32_t>(high)
                                                     << 16;
}

#if OCELLUS_CORTEX_M7_ASM

// Bytes 0 and 2 of `bytes`, sign-extended, plus the halves of `halves`.
inline uint32_t Sxtab16(uint32_t halves, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2" : "=r"(result) : "r"(halves), "r"(bytes));
  return result;
}

// The same of bytes 1 and 3.
inline uint32_t Sxtab16Ror8(uint32_t halves, uint32_t bytes) {
  uint32_t result;
  asm("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(halves), "r"(bytes));
  return result;
}

// sum + low * low + high * high, modulo 2^32.
inline int32_t Smlad(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  asm("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}

// The low half of `low` below that of `high`.
inline uint32_t Pkhbt(uint32_t low, uint32_t high) {
  uint32_t result;
  asm("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(low), "r"(high));
  return result;
}

// The high half of `low` below that of `high`.
inline uint32_t Pkhtb(uint32_t low, uint32_t high) {
  uint32_t result;
  asm("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(high), "r"(low));
  return result;
}

inline int32_t Ssat8(int32_t value) {
  int32_t result;
  asm("ssat %0, #8, %1" : "=r"(result) : "r"(value));
  return result;
}

// The larger of each two signed bytes: ssub8 sets the flags that sel reads.
inline uint32_t LargerBytes(uint32_t a, uint32_t b) {
  uint32_t result;
  asm("ssub8 %0, %1, %2\n\tsel %0, %1, %2"
      : "=&r"(result)
      : "r"(a), "r"(b)
      : "cc");
  return result;
}

// The low bytes of four values, the first one lowest.
inline uint32_t PackBytes(int32_t v0, int32_t v1, int32_t v2, int32_t v3) {
  asm("bfi %0, %1, #8, #8" : "+r"(v0) : "r"(v1));
  asm("bfi %0, %1, #16, #8" : "+r"(v0) : "r"(v2));
  asm("bfi %0, %1, #24, #8" : "+r"(v0) : "r"(v3));
  return static_cast<uint32_t>(v0);
}

// Requantize() with bounds of -128 and 127.
inline int8_t RequantizeToInt8(int32_t sum, float scale, int32_t zero_point) {
  float rounded;
  asm("vcvtn.s32.f32 %0, %1"
      : "=t"(rounded)
      : "t"(static_cast<float>(sum) * scale));
  int32_t result;
  asm("qadd %0, %1, %2"
      : "=r"(result)
      : "r"(std::bit_cast<int32_t>(rounded)), "r"(zero_point));
  return static_cast<int8_t>(Ssat8(result));
}

#else

inline uint32_t Sxtab16(uint32_t halves, uint32_t bytes) {
  return Halves(Low(halves) + static_cast<int8_t>(bytes),
                High(halves) + static_cast<int8_t>(bytes >> 16));
}

inline uint32_t Sxtab16Ror8(uint32_t halves, uint32_t bytes) {
  return Sxtab16(halves, std::rotr(bytes, 8));
}

inline int32_t Smlad(uint32_t a, uint32_t b, int32_t sum) {
  const uint32_t low = static_cast<uint32_t>(Low(a) * Low(b));
  const uint32_t high = static_cast<uint32_t>(High(a) * High(b));
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + low + high);
}

inline uint32_t Pkhbt(uint32_t low, uint32_t high) {
  return (low & 0xFFFF) | high << 16;
}

inline uint32_t Pkhtb(uint32_t low, uint32_t high) {
  return low >> 16 | (high & 0xFFFF0000);
}

inline uint32_t LargerBytes(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (int i = 3; i >= 0; --i) {
    result =
        result << 8 | static_cast<uint8_t>(std::max(Byte(a, i), Byte(b, i)));
  }
  return result;
}

inline int32_t Ssat8(int32_t value) {
  return std::clamp<int32_t>(value, -128, 127);
}

inline uint32_t PackBytes(int32_t v0, int32_t v1, int32_t v2, int32_t v3) {
  return static_cast<uint8_t>(v0) | uint32_t{static_cast<uint8_t>(v1)} << 8 |
         uint32_t{static_cast<uint8_t>(v2)} << 16 |
         uint32_t{static_cast<uint8_t>(v3)} << 24;
}

inline int8_t RequantizeToInt8(int32_t sum, float scale, int32_t zero_point) {
  return Requantize(sum, scale, zero_point, -128, 127);
}

#endif

// Clamps int8 to narrower bounds in place; kernels clamp to all of int8 first.
inline void ClampInt8(int8_t* values, int32_t count, int32_t low,
                      int32_t high) {
  for (int32_t i = 0; i < count; ++i) {
    values[i] = static_cast<int8_t>(std::clamp<int32_t>(values[i], low, high));
  }
}

}  // namespace ocellus::kernels::cortex_m7
