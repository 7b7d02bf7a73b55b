// SPDX-License-Identifier: Apache-2.0
#include "host_demo/detection_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "host_demo/box_mapping.h"

namespace ocellus {
namespace {

double Rounded(float value, double steps_per_unit) {
  return std::round(static_cast<double>(value) * steps_per_unit) /
         steps_per_unit;
}

}  // namespace

std::string DetectionsJson(const std::string& file, int64_t frame, int width,
                           int height, std::span<const Detection> detections,
                           std::span<const std::string> class_names) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const Detection& detection : detections) {
    const BoundingBox box = BoxInImage(detection.box, width, height);
    list.push_back({{"class", class_names[detection.class_id]},
                    {"score", Rounded(detection.score, 1e4)},
                    {"box",
                     {Rounded(box.x_min, 100), Rounded(box.y_min, 100),
                      Rounded(box.x_max, 100), Rounded(box.y_max, 100)}}});
  }
  const Json line = {{"file", file},
                     {"frame", frame},
                     {"width", width},
                     {"height", height},
                     {"detections", std::move(list)}};
  // File names need not be UTF-8.
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ClassesJson(const std::string& file, int64_t frame,
                        std::span<const ClassProbability> classes,
                        std::span<const std::string> class_names) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const ClassProbability& one : classes) {
    list.push_back({{"class", class_names[one.class_id]},
                    {"score", Rounded(one.score, 1e4)}});
  }
  const Json line = {
      {"file", file}, {"frame", frame}, {"classes", std::move(list)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ocellus
