// SPDX-License-Identifier: Apache-2.0
//
// Writes what make_goldens.js runs: NAME.tflite and NAME.inputs of every case,
// and a copy of the real model with its inputs, if it is there.
//
//   write_tflite_cases DIR
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/detector/import/tflite/real_model.h"
#include "tests/detector/import/tflite/tflite_cases.h"

namespace {

namespace fs = std::filesystem;

template <typename T>
void Append(std::ofstream& file, const std::vector<T>& values) {
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(T)));
}

// As float32, which is what the model takes.
void WriteRealModel(const fs::path& folder) {
  // Scale and zero point of the QUANTIZE behind its input.
  constexpr float kScale = 0.0235196799f;
  constexpr int kZeroPoint = -18;
  std::ofstream file(folder / "mcunet_detection.inputs", std::ios::binary);
  for (const auto& input : ocellus::RealModelInputs({128, 160, 3})) {
    std::vector<float> real;
    for (const int8_t q : input) {
      real.push_back(static_cast<float>(q - kZeroPoint) * kScale);
    }
    Append(file, real);
  }
  fs::copy_file(ocellus::RealModelPath(), folder / "mcunet_detection.tflite",
                fs::copy_options::overwrite_existing);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIR\n", argv[0]);
    return 2;
  }
  const fs::path folder = argv[1];
  fs::create_directories(folder);
  for (const ocellus::TfliteCase& made : ocellus::TfliteCases()) {
    std::ofstream model(folder / (made.name + ".tflite"), std::ios::binary);
    Append(model, made.file);
    std::ofstream inputs(folder / (made.name + ".inputs"), std::ios::binary);
    for (const auto& input : made.inputs) Append(inputs, input);
  }
  if (fs::exists(ocellus::RealModelPath())) WriteRealModel(folder);
  return 0;
}
