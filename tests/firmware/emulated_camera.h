// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace ocellus {

// A camera module, as far as a firmware can tell: registers on a bus, and
// frames once these are set up.
class EmulatedCamera {
 public:
  static constexpr int kWidth = 320;
  static constexpr int kHeight = 240;
  static constexpr int kLineBytes = 2 * kWidth;

  // A frame's lines, of kLineBytes each; `number` counts frames from 0.
  using Frame = std::vector<std::vector<uint8_t>>;
  using MakeFrame = std::function<Frame(int number)>;

  virtual ~EmulatedCamera() = default;
  explicit EmulatedCamera(MakeFrame make_frame)
      : make_frame_(std::move(make_frame)) {}

  virtual uint8_t bus_address() const = 0;
  virtual void WriteRegister(uint8_t reg, uint8_t value) = 0;
  virtual uint8_t ReadRegister(uint8_t reg) = 0;
  // Whether the registers ask for what this firmware expects.
  virtual bool IsStreaming() const = 0;
  virtual bool vsync_is_high_between_frames() const { return true; }

  // What goes wrong.
  void Unplug(bool unplugged) { unplugged_ = unplugged; }
  // What goes wrong with the next frame that the board captures: it ends after
  // some lines; DMA stalls while a line arrives; lines arrive faster than the
  // processor can follow; nothing arrives any more, until a reset over the bus.
  void CutNextShort(int lines) { armed_.lines = lines; }
  void StallMemoryInNext(int line) { armed_.stalled_line = line; }
  void RushNext() { armed_.line_us = 4.0; }
  void HangInNext(int line) { armed_.hang_line = line; }

  // The board began to capture the frame that just started.
  void BeginCapture() { current_ = std::exchange(armed_, {}); }

  bool unplugged() const { return unplugged_; }

  // The next thing that happens on the camera's pins.
  struct Event {
    enum Kind { kFrameStart, kLine, kFrameEnd, kNothing } kind = kNothing;
    int frame = 0;  // its number
    std::vector<uint8_t> line = {};
    bool memory_stalls = false;
    double microseconds = 0;  // until the event behind this one
  };
  Event Next();

 protected:
  // For a reset over the bus.
  void Restart() {
    current_ = {};
    line_ = -1;
  }

 private:
  MakeFrame make_frame_;
  Frame lines_;
  int frame_ = 0;
  int line_ = -1;  // -1: between frames
  bool unplugged_ = false;
  struct Faults {
    int lines = kHeight;
    int stalled_line = -1;
    int hang_line = -1;
    double line_us = 120.0;  // 30 frames a second
  };
  Faults armed_;
  Faults current_;  // of the frame that is under way
};

// OmniVision OV2640.
class EmulatedOv2640 final : public EmulatedCamera {
 public:
  using EmulatedCamera::EmulatedCamera;
  uint8_t bus_address() const override { return 0x30; }
  void WriteRegister(uint8_t reg, uint8_t value) override;
  uint8_t ReadRegister(uint8_t reg) override;
  bool IsStreaming() const override;

 private:
  uint8_t bank_ = 0;
  std::map<uint8_t, uint8_t> processor_;
  std::map<uint8_t, uint8_t> sensor_;
};

// OmniVision OV7725.
class EmulatedOv7725 final : public EmulatedCamera {
 public:
  using EmulatedCamera::EmulatedCamera;
  uint8_t bus_address() const override { return 0x21; }
  void WriteRegister(uint8_t reg, uint8_t value) override;
  uint8_t ReadRegister(uint8_t reg) override;
  bool IsStreaming() const override;

 private:
  std::map<uint8_t, uint8_t> registers_;
};

// GalaxyCore GC2145.
class EmulatedGc2145 final : public EmulatedCamera {
 public:
  using EmulatedCamera::EmulatedCamera;
  uint8_t bus_address() const override { return 0x3C; }
  void WriteRegister(uint8_t reg, uint8_t value) override;
  uint8_t ReadRegister(uint8_t reg) override;
  bool IsStreaming() const override;
  bool vsync_is_high_between_frames() const override { return false; }

 private:
  std::map<uint8_t, uint8_t> registers_;  // of page 0
};

// A board's empty connector.
class NoCamera final : public EmulatedCamera {
 public:
  NoCamera() : EmulatedCamera([](int) { return Frame(); }) { Unplug(true); }
  uint8_t bus_address() const override { return 0; }
  void WriteRegister(uint8_t, uint8_t) override {}
  uint8_t ReadRegister(uint8_t) override { return 0; }
  bool IsStreaming() const override { return false; }
};

}  // namespace ocellus
