// SPDX-License-Identifier: Apache-2.0
#include "tests/detector/import/tflite/real_model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "datasets/jpeg.h"
#include "tests/detector/import/tflite/tflite_cases.h"

namespace ocellus {
namespace {

std::string FromEnvironment(const char* variable, const char* in_shared) {
  const char* named = std::getenv(variable);
  if (named != nullptr && *named != '\0') return named;
  return std::filesystem::path(OCELLUS_SOURCE_DIR).parent_path() / "shared" /
         in_shared;
}

// The nearest pixel of each place, less 128.
std::vector<int8_t> Shrunk(const RgbImage& image, Shape to) {
  std::vector<int8_t> values;
  for (int32_t y = 0; y < to.h; ++y) {
    for (int32_t x = 0; x < to.w; ++x) {
      const int32_t from =
          (y * image.height / to.h) * image.width + x * image.width / to.w;
      for (int32_t c = 0; c < 3; ++c) {
        values.push_back(static_cast<int8_t>(image.pixels[from * 3 + c] - 128));
      }
    }
  }
  return values;
}

}  // namespace

std::string RealModelPath() {
  return FromEnvironment("OCELLUS_TFLITE", "tflite/mcunet_detection.tflite");
}

std::vector<std::vector<int8_t>> RealModelInputs(Shape input) {
  std::vector<std::vector<int8_t>> inputs;
  const auto size = static_cast<std::size_t>(input.elements());
  for (uint32_t i = 0; i < kRandomInputs; ++i) {
    inputs.push_back(PseudoRandomInt8(900000 + i, size));
  }
  const std::filesystem::path voc =
      FromEnvironment("OCELLUS_VOC", "voc/VOCdevkit") + "/VOC2007";
  std::ifstream list(voc / "ImageSets/Main/val.txt");
  std::string name;
  while (inputs.size() < kRandomInputs + kPictures && list >> name) {
    const auto image = DecodeJpegFile(voc / "JPEGImages" / (name + ".jpg"));
    if (image.ok()) inputs.push_back(Shrunk(image.value(), input));
  }
  return inputs;
}

}  // namespace ocellus
