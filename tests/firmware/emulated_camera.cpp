// SPDX-License-Identifier: Apache-2.0
#include "tests/firmware/emulated_camera.h"

namespace ocellus {
namespace {

constexpr double kBlankUs = 4000.0;  // between frames

uint8_t Of(const std::map<uint8_t, uint8_t>& registers, uint8_t reg) {
  const auto found = registers.find(reg);
  return found == registers.end() ? 0 : found->second;
}

}  // namespace

EmulatedCamera::Event EmulatedCamera::Next() {
  if (unplugged_ || !IsStreaming() ||
      (line_ >= 0 && line_ == current_.hang_line)) {
    return {.kind = Event::kNothing, .microseconds = 1000.0};
  }
  if (line_ < 0) {
    lines_ = make_frame_(frame_);
    line_ = 0;
    return {.kind = Event::kFrameStart, .frame = frame_, .microseconds = 120.0};
  }
  if (line_ == current_.lines) {
    line_ = -1;
    current_ = {};
    return {
        .kind = Event::kFrameEnd, .frame = frame_++, .microseconds = kBlankUs};
  }
  Event event = {.kind = Event::kLine,
                 .frame = frame_,
                 .line = lines_[static_cast<std::size_t>(line_)],
                 .memory_stalls = line_ == current_.stalled_line,
                 .microseconds = current_.line_us};
  ++line_;
  return event;
}

void EmulatedOv2640::WriteRegister(uint8_t reg, uint8_t value) {
  if (reg == 0xFF) {
    bank_ = value & 1;
    return;
  }
  if (bank_ == 1 && reg == 0x12 && (value & 0x80) != 0) {
    sensor_.clear();
    processor_.clear();
    processor_[0x05] = 1;  // bypassed
    Restart();
    return;
  }
  (bank_ == 1 ? sensor_ : processor_)[reg] = value;
}

uint8_t EmulatedOv2640::ReadRegister(uint8_t reg) {
  if (bank_ == 1 && reg == 0x0A) return 0x26;
  if (bank_ == 1 && reg == 0x0B) return 0x42;
  return Of(bank_ == 1 ? sensor_ : processor_, reg);
}

bool EmulatedOv2640::IsStreaming() const {
  const int width =
      4 * (Of(processor_, 0x5A) | (Of(processor_, 0x5C) & 3) << 8);
  const int height =
      4 * (Of(processor_, 0x5B) | (Of(processor_, 0x5C) >> 2 & 1) << 8);
  const bool is_rgb565 = (Of(processor_, 0xDA) & 0x1D) == 0x08;
  const bool runs =
      (Of(processor_, 0x05) & 1) == 0 && Of(processor_, 0xE0) == 0;
  return width == kWidth && height == kHeight && is_rgb565 && runs &&
         (Of(sensor_, 0x12) & 0x70) == 0x40;
}

void EmulatedOv7725::WriteRegister(uint8_t reg, uint8_t value) {
  registers_[reg] = value;
  if (reg != 0x12 || (value & 0x80) == 0) return;
  registers_.clear();
  Restart();
}

uint8_t EmulatedOv7725::ReadRegister(uint8_t reg) {
  return reg == 0x0A ? 0x77 : Of(registers_, reg);
}

bool EmulatedOv7725::IsStreaming() const {
  return Of(registers_, 0x12) == 0x46 && 4 * Of(registers_, 0x29) == kWidth &&
         2 * Of(registers_, 0x2C) == kHeight;
}

void EmulatedGc2145::WriteRegister(uint8_t reg, uint8_t value) {
  registers_[reg] = value;
  if (reg != 0xFE || (value & 0x80) == 0) return;
  registers_.clear();
  Restart();
}

uint8_t EmulatedGc2145::ReadRegister(uint8_t reg) {
  return reg == 0xF0 ? 0x21 : Of(registers_, reg);
}

bool EmulatedGc2145::IsStreaming() const {
  const int height = Of(registers_, 0x95) << 8 | Of(registers_, 0x96);
  const int width = Of(registers_, 0x97) << 8 | Of(registers_, 0x98);
  return Of(registers_, 0x84) == 2 && Of(registers_, 0x99) == 0x55 &&
         Of(registers_, 0xF2) == 0x0F && width == kWidth && height == kHeight;
}

}  // namespace ocellus
