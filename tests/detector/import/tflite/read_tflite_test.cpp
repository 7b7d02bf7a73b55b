// SPDX-License-Identifier: Apache-2.0
#include "detector/import/tflite/read_tflite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "detector/compile_error.h"
#include "detector/import/tflite/tflite_generated.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/planner.h"
#include "runtime/executor.h"
#include "tests/detector/import/tflite/real_model.h"
#include "tests/detector/import/tflite/tflite_cases.h"
#include "tests/support/aligned_arena.h"

namespace ocellus {
namespace {

// What another runtime answered: CRC-32 of all outputs, by model and input.
// Lines that start with # say where they come from.
using Goldens = std::map<std::string, std::vector<uint32_t>>;

Goldens ReadGoldens() {
  std::ifstream file(OCELLUS_SOURCE_DIR
                     "/tests/detector/import/tflite/goldens.txt");
  Goldens goldens;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    words >> name >> std::hex;
    for (uint32_t sum = 0; words >> sum;) goldens[name].push_back(sum);
  }
  return goldens;
}

// A model in an arena, fed row by row.
class Runner {
 public:
  Runner(const ImportedModel& imported, const std::vector<Stage>& stages,
         const Backend& backend)
      : blob_(PackModel(imported.graph, imported.quantized,
                        PlanMemory(imported.graph, stages))) {
    EXPECT_EQ(Model::Parse(blob_, &model_), Status::kOk);
    arena_ = std::make_unique<AlignedArena>(
        Executor::MeasureArena(model_, backend).total_bytes());
    EXPECT_EQ(executor_.Prepare(model_, backend, arena_->span()), Status::kOk);
  }

  // Every output's values, in order.
  std::vector<std::vector<int8_t>> Run(const std::vector<int8_t>& image) {
    const Shape shape = model_.shape(model_.header().input);
    EXPECT_EQ(image.size(), static_cast<std::size_t>(shape.elements()));
    const auto row_bytes = static_cast<std::size_t>(shape.w * shape.c);
    executor_.Begin();
    for (int32_t y = 0; y < shape.h; ++y) {
      std::memcpy(executor_.NextInputRow(), &image[y * row_bytes], row_bytes);
      executor_.CommitInputRow();
    }
    executor_.Finish();
    std::vector<std::vector<int8_t>> outputs;
    for (const format::LevelRecord& level : model_.levels()) {
      const int8_t* data = executor_.tensor(level.class_tensor).data;
      outputs.emplace_back(data,
                           data + model_.shape(level.class_tensor).elements());
    }
    return outputs;
  }

  const Model& model() const { return model_; }

 private:
  std::vector<uint8_t> blob_;
  Model model_;
  std::unique_ptr<AlignedArena> arena_;
  Executor executor_;
};

std::vector<uint8_t> ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// CRC-32 of the outputs as int8.
uint32_t SumOf(const std::vector<std::vector<int8_t>>& outputs) {
  std::vector<uint8_t> bytes;
  for (const auto& output : outputs) {
    bytes.insert(bytes.end(), output.begin(), output.end());
  }
  return Crc32(bytes);
}

// CRC-32 of the outputs as the float32 that DEQUANTIZE makes of them.
uint32_t FloatSumOf(const std::vector<std::vector<int8_t>>& outputs,
                    const Model& model) {
  std::vector<uint8_t> bytes;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const QuantParams quant = model.quant(model.levels()[i].class_tensor);
    for (const int8_t q : outputs[i]) {
      const float real = quant.scale * static_cast<float>(q - quant.zero_point);
      const auto* begin = reinterpret_cast<const uint8_t*>(&real);
      bytes.insert(bytes.end(), begin, begin + sizeof(real));
    }
  }
  return Crc32(bytes);
}

TEST(ReadTflite, GivesTensorFlowLitesBytesForEveryOperator) {
  const Goldens goldens = ReadGoldens();
  int compared = 0;
  for (const TfliteCase& made : TfliteCases()) {
    SCOPED_TRACE(made.name);
    const auto golden = goldens.find(made.name);
    ASSERT_NE(golden, goldens.end());
    const ImportedModel imported = ReadTflite(made.name, made.file);
    Runner reference(imported, {}, ReferenceBackend());
    Runner host(imported, {}, HostBackend());
    ASSERT_EQ(golden->second.size(), made.inputs.size());
    for (std::size_t i = 0; i < made.inputs.size(); ++i) {
      EXPECT_EQ(SumOf(reference.Run(made.inputs[i])), golden->second[i]);
      EXPECT_EQ(SumOf(host.Run(made.inputs[i])), golden->second[i]);
      ++compared;
    }
  }
  EXPECT_GT(compared, 1500);
}

class RealModel : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(RealModelPath())) {
      GTEST_SKIP() << "no model at " << RealModelPath()
                   << " (OCELLUS_TFLITE names another place)";
    }
    imported_ = ReadTflite("mcunet", ReadBytes(RealModelPath()));
  }

  // What must be: `inputs` of them, at every step.
  void ExpectGoldens(Runner& runner, std::size_t step) {
    const std::vector<uint32_t> golden = ReadGoldens()["mcunet_detection"];
    const auto inputs = RealModelInputs({128, 160, 3});
    ASSERT_EQ(golden.size(), kRandomInputs + kPictures);
    ASSERT_LE(inputs.size(), golden.size());
    for (std::size_t i = 0; i < inputs.size(); i += step) {
      ASSERT_EQ(FloatSumOf(runner.Run(inputs[i]), runner.model()), golden[i])
          << "input " << i;
    }
  }

  ImportedModel imported_;
};

TEST_F(RealModel, GivesTensorFlowLitesBytes) {
  Runner host(imported_, {}, HostBackend());
  ExpectGoldens(host, 1);
  Runner reference(imported_, {}, ReferenceBackend());
  ExpectGoldens(reference, 40);
}

TEST_F(RealModel, GivesTheSameBytesUnderEveryPlan) {
  for (const ImageFeed feed : {ImageFeed::kWhole, ImageFeed::kRows}) {
    const std::vector<PlanCandidate> plans = FindPlans(imported_.graph, feed);
    ASSERT_FALSE(plans.empty());
    for (const PlanCandidate& plan : plans) {
      SCOPED_TRACE(plan.description);
      Runner runner(imported_, plan.stages, HostBackend());
      ExpectGoldens(runner, 50);
    }
  }
}

std::string ErrorOf(std::span<const uint8_t> file) {
  try {
    (void)ReadTflite("nets/m.tflite", file);
  } catch (const CompileError& error) {
    return error.what();
  }
  return "no error";
}

// Elements of 8 bytes in a file are where its writer, or nobody, put them.
TEST(ReadTflite, ReadsElementsOfEightBytesAtAnyAddress) {
  constexpr std::size_t kShift = 4;
  const TfliteCase made = TfliteCases().front();
  std::vector<uint8_t> shifted(kShift + made.file.size());
  std::ranges::copy(made.file, shifted.begin() + kShift);
  const ImportedModel there =
      ReadTflite(made.name, std::span(shifted).subspan(kShift));
  const ImportedModel here = ReadTflite(made.name, made.file);
  ASSERT_EQ(there.quantized.quant.size(), here.quantized.quant.size());
  for (std::size_t i = 0; i < here.quantized.quant.size(); ++i) {
    EXPECT_EQ(there.quantized.quant[i].scale, here.quantized.quant[i].scale);
    EXPECT_EQ(there.quantized.quant[i].zero_point,
              here.quantized.quant[i].zero_point);
  }
}

TEST(ReadTflite, NamesTheNetworkByItsFile) {
  const std::vector<uint8_t> file = TfliteCases().front().file;
  EXPECT_EQ(ReadTflite("nets/person.v2.tflite", file).graph.name, "person.v2");
}

TEST(ReadTflite, NamesTheOperatorItDoesNotKnow) {
  tflite::ModelT model;
  const std::vector<uint8_t> original = TfliteCases().front().file;
  tflite::GetModel(original.data())->UnPackTo(&model);
  model.operator_codes[0]->builtin_code = 24;
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(tflite::Model::Pack(builder, &model), "TFL3");
  const std::span file(builder.GetBufferPointer(), builder.GetSize());
  EXPECT_THAT(
      ErrorOf(file),
      testing::StartsWith("nets/m.tflite: op 0 (builtin operator 24): not "
                          "supported; supported are ADD, "));
}

TEST(ReadTflite, RefusesOtherAndBrokenFiles) {
  EXPECT_EQ(ErrorOf({}),
            "nets/m.tflite: expected a TensorFlow Lite file (TFL3)");
  const std::vector<uint8_t> file = TfliteCases().front().file;
  EXPECT_EQ(ErrorOf(std::span(file).first(file.size() / 2)),
            "nets/m.tflite: truncated or corrupt");
}

}  // namespace
}  // namespace ocellus
