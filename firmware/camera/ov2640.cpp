// SPDX-License-Identifier: Apache-2.0
#include "firmware/camera/ov2640.h"

#include "firmware/camera/sensor_setup.h"

namespace ocellus {
namespace {

// Registers from the OV2640 data sheet, version 1.6, tables 12 and 13.
constexpr uint8_t kAddress = 0x30;
constexpr uint8_t kBank = 0xFF;       // 0: the image processor; 1: the sensor
constexpr uint8_t kProductId = 0x0A;  // in the sensor's bank
constexpr uint8_t kExpectedId = 0x26;

constexpr SensorRegister kReset[] = {
    {kBank, 1}, {0x12, 0x80},  // COM7: reset all registers
};

// The sensor: 800x600 at a quarter of the pixels, so that four times the
// frames come from the same clock.
constexpr SensorRegister kSensor[] = {
    {kBank, 1},   {0x11, 0x00},  // CLKRC: the clock that comes in, not divided
    {0x12, 0x40},                // COM7: SVGA
    {0x17, 0x11},  // HREFST, HREFEND, VSTRT, VEND, REG32: the window of SVGA,
    {0x18, 0x43},  // each as the data sheet states its default for it
    {0x19, 0x00}, {0x1A, 0x4B}, {0x32, 0x09},
    {0x13, 0xE5},  // COM8: banding filter, automatic gain and exposure
    {0x14, 0x48},  // COM9: gain of 8 at most
};

// The image processor: 800x600 in, 320x240 out.
constexpr SensorRegister kProcessor[] = {
    {kBank, 0},
    {0xE0, 0x04},  // RESET: hold the output while it is set up
    {0xC0, 100},   // HSIZE8, VSIZE8: what comes in, in units of 8
    {0xC1, 75},
    {0x86, 0x3D},  // CTRL2: scaling, colour adjustment and matrix on
    {0x50, 0x00},  // CTRLI: no division ahead of the scaler
    {0x51, 200},   // HSIZE, VSIZE: what is scaled, in units of 4
    {0x52, 150},
    {0x53, 0},  // XOFFL, YOFFL, VHYX, TEST: from the upper left corner;
    {0x54, 0},  // no bits of the sizes above those
    {0x55, 0},
    {0x57, 0},
    {0x5A, 80},  // ZMOW, ZMOH, ZMHH: what comes out, in units of 4
    {0x5B, 60},
    {0x5C, 0},
    {0xC2, 0x0E},  // CTRL0: YUV422 and RGB paths on, raw off
    {0xC3, 0xFF},  // CTRL1: all corrections, white balance among them
    {0xDA, 0x08},  // IMAGE_MODE: RGB565, upper byte first
    {0xD3, 0x84},  // R_DVP_SP: pixel clock by itself, from a divider of 4
    {0x05, 0x00},  // R_BYPASS: use the processor
    {0xE0, 0x00},  // RESET: let it run
};

}  // namespace

const char* StartOv2640(SensorBus& bus, FrameFormat* format) {
  if (!WriteRegisters(bus, kAddress, kReset)) {
    return "no OV2640: nothing answers at I2C address 0x30";
  }
  bus.DelayMilliseconds(10);
  uint8_t id = 0;
  if (!bus.Write(kAddress, kBank, 1) || !bus.Read(kAddress, kProductId, &id)) {
    return "the OV2640 stopped answering on I2C";
  }
  if (id != kExpectedId) {
    return "no OV2640: another sensor answers at I2C address 0x30";
  }
  if (!WriteRegisters(bus, kAddress, kSensor) ||
      !WriteRegisters(bus, kAddress, kProcessor)) {
    return "the OV2640 stopped answering on I2C";
  }
  *format = {.pixels = PixelFormat::kRgb565, .width = 320, .height = 240};
  return nullptr;
}

}  // namespace ocellus
