// SPDX-License-Identifier: Apache-2.0
//
// What run_emitted.cpp must answer, by the host's kernels:
//
//   run_on_host MODEL PICTURE OUTPUT
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "postprocess/anchor_decode.h"
#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
#include "runtime/executor.h"
#include "runtime/input_table.h"
#include "tests/support/aligned_arena.h"

namespace {

using namespace ocellus;

std::vector<uint8_t> ReadBytes(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
void Append(std::ofstream& file, const T* values, std::size_t count) {
  file.write(reinterpret_cast<const char*>(values),
             static_cast<std::streamsize>(count * sizeof(T)));
}

void Append(std::ofstream& file, int32_t class_id, float score,
            const BoundingBox& box) {
  const float numbers[] = {score, box.x_min, box.y_min, box.x_max, box.y_max};
  Append(file, &class_id, 1);
  Append(file, numbers, 5);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::vector<uint8_t> blob = ReadBytes(argv[1]);
  const std::vector<uint8_t> picture = ReadBytes(argv[2]);
  Model model;
  if (Model::Parse(blob, &model) != Status::kOk) return 1;
  AlignedArena arena(
      Executor::MeasureArena(model, HostBackend()).total_bytes());
  Executor executor;
  if (executor.Prepare(model, HostBackend(), arena.span()) != Status::kOk) {
    return 1;
  }
  const Shape input = model.shape(model.header().input);
  if (picture.size() != static_cast<std::size_t>(input.elements())) return 1;
  const std::size_t row_bytes = static_cast<std::size_t>(input.w) * 3;
  executor.Begin();
  for (std::size_t y = 0; y < static_cast<std::size_t>(input.h); ++y) {
    int8_t* row = executor.NextInputRow();
    for (std::size_t i = 0; i < row_bytes; ++i) {
      const InputTable table =
          MakeInputTable(model, static_cast<int32_t>(i % 3));
      row[i] = table[picture[y * row_bytes + i]];
    }
    executor.CommitInputRow();
  }
  executor.Finish();
  std::ofstream output(argv[3], std::ios::binary);
  for (const format::LevelRecord& level : model.levels()) {
    Append(
        output, executor.tensor(level.class_tensor).data,
        static_cast<std::size_t>(model.shape(level.class_tensor).elements()));
  }
  if (model.header().encoding ==
      static_cast<uint16_t>(format::BoxEncoding::kClassifier)) {
    std::vector<ClassProbability> best(5);
    best.resize(BestClasses(
        executor.tensor(model.levels()[0].class_tensor),
        model.quant(model.levels()[0].class_tensor),
        static_cast<format::ScoreForm>(model.header().scores), best));
    for (const ClassProbability& one : best) {
      Append(output, one.class_id, one.score, {0.0f, 0.0f, 1.0f, 1.0f});
    }
  } else {
    std::vector<Detection> found(128);
    found.resize(
        DecodeHead(model, executor, model.header().score_threshold, found));
    found.resize(SuppressNonMaximum(found, model.header().nms_iou, 100));
    for (const Detection& one : found) {
      Append(output, one.class_id, one.score, one.box);
    }
  }
  return output.flush() ? 0 : 1;
}
