// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firmware/camera/pixel_format.h"
#include "firmware/camera/sensor_bus.h"

namespace ocellus {

// Sets a GalaxyCore GC2145 up for 320x240 YUYV: the whole field of view, every
// fifth pixel. Null, or a clause that says what is wrong.
const char* StartGc2145(SensorBus& bus, FrameFormat* format);

}  // namespace ocellus
