// SPDX-License-Identifier: Apache-2.0
#include "firmware/camera/ov7725.h"

#include "firmware/camera/sensor_setup.h"

namespace ocellus {
namespace {

// Registers from the OV7725 data sheet, version 1.1, table 6.
constexpr uint8_t kAddress = 0x21;
constexpr uint8_t kProductId = 0x0A;
constexpr uint8_t kExpectedId = 0x77;
constexpr SensorRegister kReset[] = {{0x12, 0x80}};  // COM7
constexpr SensorRegister kSetup[] = {
    {0x0D, 0x41},  // COM4: PLL at 4 times the clock that comes in
    {0x11, 0x01},  // CLKRC: that by 4
    {0x12, 0x46},  // COM7: QVGA, RGB565
    {0x17, 0x3F},  // HSTART, HSIZE, VSTRT, VSIZE: the window of QVGA
    {0x18, 0x50}, {0x19, 0x03},
    {0x1A, 0x78}, {0x32, 0x00},  // HREF: no lower bits of these
    {0x29, 0x50},                // HOutSize: 320, in units of 4
    {0x2C, 0x78},                // VOutSize: 240, in units of 2
    {0x2A, 0x00},                // EXHCH: no lower bits of these
    {0x15, 0x00},  // COM10: VSYNC high between frames, data at the rising clock
    {0x13, 0xE7},  // COM8: automatic gain, white balance and exposure; banding
};

}  // namespace

const char* StartOv7725(SensorBus& bus, FrameFormat* format) {
  if (!WriteRegisters(bus, kAddress, kReset)) {
    return "no OV7725: nothing answers at I2C address 0x21";
  }
  bus.DelayMilliseconds(10);
  uint8_t id = 0;
  if (!bus.Read(kAddress, kProductId, &id)) {
    return "the OV7725 stopped answering on I2C";
  }
  if (id != kExpectedId) {
    return "no OV7725: another sensor answers at I2C address 0x21";
  }
  if (!WriteRegisters(bus, kAddress, kSetup)) {
    return "the OV7725 stopped answering on I2C";
  }
  *format = {.pixels = PixelFormat::kRgb565, .width = 320, .height = 240};
  return nullptr;
}

}  // namespace ocellus
