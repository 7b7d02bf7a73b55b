// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/report.h"

#include <cstring>

namespace ocellus {

void AddDetections(TextLine& line, std::span<const Detection> detections,
                   const Model& model, const FrameFormat& frame) {
  const auto width = static_cast<float>(frame.width);
  const auto height = static_cast<float>(frame.height);
  line.Add("\"detections\":[");
  bool first = true;
  for (const Detection& detection : detections) {
    const char* name = model.class_name(detection.class_id);
    // A name may double when it is escaped; the rest of an entry is shorter
    // than this.
    constexpr std::size_t kEntry = 128;
    if (line.room() < kEntry + 2 * std::strlen(name)) break;
    line.Add(first ? "{\"class\":" : ",{\"class\":").AddQuoted(name);
    line.Add(",\"score\":").AddFixed(detection.score, 4);
    line.Add(",\"box\":[").AddFixed(detection.box.x_min * width, 2);
    line.Add(",").AddFixed(detection.box.y_min * height, 2);
    line.Add(",").AddFixed(detection.box.x_max * width, 2);
    line.Add(",").AddFixed(detection.box.y_max * height, 2);
    line.Add("]}");
    first = false;
  }
  line.Add("]");
}

}  // namespace ocellus
