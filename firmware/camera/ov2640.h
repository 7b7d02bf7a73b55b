// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "firmware/camera/pixel_format.h"
#include "firmware/camera/sensor_bus.h"

namespace ocellus {

// Sets an OmniVision OV2640 up for 320x240 RGB565: the whole field of view,
// scaled down in the sensor. Null, or a clause that says what is wrong.
const char* StartOv2640(SensorBus& bus, FrameFormat* format);

}  // namespace ocellus
