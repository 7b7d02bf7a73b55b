// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firmware/camera/pixel_format.h"
#include "firmware/camera/sensor_bus.h"

namespace ocellus {

// Sets an OmniVision OV7725 up for 320x240 RGB565: the whole field of view,
// every other pixel. Null, or a clause that says what is wrong.
const char* StartOv7725(SensorBus& bus, FrameFormat* format);

}  // namespace ocellus
