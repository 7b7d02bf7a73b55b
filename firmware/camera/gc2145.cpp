// SPDX-License-Identifier: Apache-2.0
#include "firmware/camera/gc2145.h"

#include "firmware/camera/sensor_setup.h"

namespace ocellus {
namespace {

// Registers as GalaxyCore names them; what is not here keeps its reset value,
// the tuning of colours too.
constexpr uint8_t kAddress = 0x3C;
constexpr uint8_t kChipIdHigh = 0xF0;
constexpr uint8_t kExpectedId = 0x21;
constexpr uint8_t kPage = 0xFE;
constexpr SensorRegister kReset[] = {{kPage, 0x80}};
constexpr SensorRegister kSetup[] = {
    {kPage, 0x00}, {0xFC, 0x06},  // analog part: powered
    {0xF6, 0x00},                 // pads: not pulled
    {0xF7, 0x1D},                 // PLL_mode1, PLL_mode2: on, the multiplier
    {0xF8, 0x85},  {0xFA, 0x00},  // CLK_DIV_mode: not divided
    {0xF9, 0xFE},                 // cm_mode: clocks of all blocks
    {0xF2, 0x0F},                 // outputs drive the pads
    {0x80, 0x7F},                 // block_enable1: all corrections
    {0x82, 0xFA},  // block_enable3: automatic white balance among them
    {0x84, 0x02},  // output_format: Y Cb Y Cr
    {0x86, 0x03},  // sync_mode: VSYNC and HSYNC high while there is data
    {0xB6, 0x01},  // AEC_enable: automatic exposure
    {0x99, 0x55},  // subsample: one of 5 rows and columns, 1600x1200 to 320x240
    {0x9A, 0x06},  // sub_mode
    {0x90, 0x01},  // crop: on
    {0x91, 0x00},  // out_win_y1, out_win_x1: from the upper left corner
    {0x92, 0x00},  {0x93, 0x00},
    {0x94, 0x00},  {0x95, 0x00},  // out_win_height: 240
    {0x96, 0xF0},  {0x97, 0x01},  // out_win_width: 320
    {0x98, 0x40},
};

}  // namespace

const char* StartGc2145(SensorBus& bus, FrameFormat* format) {
  if (!WriteRegisters(bus, kAddress, kReset)) {
    return "no GC2145: nothing answers at I2C address 0x3c";
  }
  bus.DelayMilliseconds(10);
  uint8_t id = 0;
  if (!bus.Read(kAddress, kChipIdHigh, &id)) {
    return "the GC2145 stopped answering on I2C";
  }
  if (id != kExpectedId) {
    return "no GC2145: another sensor answers at I2C address 0x3c";
  }
  if (!WriteRegisters(bus, kAddress, kSetup)) {
    return "the GC2145 stopped answering on I2C";
  }
  *format = {.pixels = PixelFormat::kYuyv, .width = 320, .height = 240};
  return nullptr;
}

}  // namespace ocellus
