// SPDX-License-Identifier: Apache-2.0

// The firmware in QEMU against the host: the same model and frames must give
// the same bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/jpeg.h"
#include "detector/graph/build_graph.h"
#include "detector/import/head_description.h"
#include "detector/import/tflite/read_tflite.h"
#include "detector/pack/pack_model.h"
#include "detector/pack/unpack_model.h"
#include "detector/plan/planner.h"
#include "postprocess/decode_head.h"
#include "postprocess/nms.h"
#include "runtime/executor.h"
#include "tests/datasets/temporary_folder.h"
#include "tests/detector/import/tflite/real_model.h"
#include "tests/detector/tiny_network.h"
#include "tests/firmware/qemu.h"
#include "tests/support/aligned_arena.h"
#include "tests/support/compile.h"

namespace ocellus {
namespace {

// As in firmware/boards/mps2_an500/run_model.cpp.
constexpr std::size_t kMaxCandidates = 512;
constexpr std::size_t kMaxDetections = 100;

std::string_view Text(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What the firmware writes for one frame, worked out on the host.
std::string ExpectedOutput(const Model& model, Executor& executor,
                           const std::vector<int8_t>& frame,
                           std::size_t* detection_count) {
  const Shape shape = model.shape(model.header().input);
  const int32_t row = shape.w * shape.c;
  executor.Begin();
  for (int32_t y = 0; y < shape.h; ++y) {
    std::memcpy(executor.NextInputRow(), frame.data() + y * row,
                static_cast<std::size_t>(row));
    executor.CommitInputRow();
  }
  executor.Finish();

  std::string bytes;
  for (const format::LevelRecord& level : model.levels()) {
    for (const int32_t tensor : {level.class_tensor, level.box_tensor}) {
      bytes.append(reinterpret_cast<const char*>(executor.tensor(tensor).data),
                   static_cast<std::size_t>(model.shape(tensor).elements()));
    }
  }
  std::vector<Detection> detections(kMaxCandidates);
  const std::size_t candidates =
      DecodeHead(model, executor, model.header().score_threshold, detections);
  const auto kept = static_cast<uint32_t>(
      SuppressNonMaximum(std::span(detections).first(candidates),
                         model.header().nms_iou, kMaxDetections));
  bytes.append(reinterpret_cast<const char*>(&kept), sizeof(kept));
  bytes.append(reinterpret_cast<const char*>(detections.data()),
               kept * sizeof(Detection));
  *detection_count += kept;
  return bytes;
}

// Quantised as cameras are, without a table: these networks take pixel - 128.
std::vector<std::vector<int8_t>> Quantise(
    const std::vector<std::vector<uint8_t>>& images) {
  std::vector<std::vector<int8_t>> frames;
  for (const std::vector<uint8_t>& pixels : images) {
    std::vector<int8_t>& frame = frames.emplace_back();
    for (const uint8_t pixel : pixels) {
      frame.push_back(static_cast<int8_t>(pixel - 128));
    }
  }
  return frames;
}

struct Outcome {
  std::size_t detections = 0;  // in all frames
  std::string uart;
};

Outcome ExpectSameBytes(const std::vector<uint8_t>& blob,
                        const std::vector<std::vector<int8_t>>& inputs,
                        const std::vector<std::string>& options = {}) {
  const auto elf = FindAn500Program("an500_model");
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
  AlignedArena arena(
      Executor::MeasureArena(model, HostBackend()).total_bytes());
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, HostBackend(), arena.span()), Status::kOk);
  std::vector<std::string> expected;
  std::vector<uint8_t> frames;
  std::size_t detections = 0;
  for (const std::vector<int8_t>& frame : inputs) {
    expected.push_back(ExpectedOutput(model, executor, frame, &detections));
    frames.insert(frames.end(), frame.begin(), frame.end());
  }

  const TemporaryFolder folder;
  std::vector<std::string> arguments = {
      folder.Write("model.ocellus", Text(blob)),
      folder.Write("frames.bin", Text(frames)), folder.path() / "outputs.bin"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const QemuRun run = RunInQemu(*elf, arguments, folder.path());
  EXPECT_EQ(run.exit_status, 0) << run.uart;
  const std::string outputs = ContentOf(folder.path() / "outputs.bin");
  std::size_t at = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(outputs.substr(std::min(at, outputs.size()),
                               expected[i].size()) == expected[i])
        << "frame " << i << "\n"
        << run.uart;
    at += expected[i].size();
  }
  EXPECT_EQ(outputs.size(), at);
  return {detections, run.uart};
}

Outcome ExpectSameBytes(const std::vector<uint8_t>& blob,
                        const std::vector<std::vector<uint8_t>>& images,
                        const std::vector<std::string>& options = {}) {
  return ExpectSameBytes(blob, Quantise(images), options);
}

class An500 : public ::testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "what runs in QEMU is the same in every host build";
#endif
    if (!FindAn500Program("an500_model")) {
      GTEST_SKIP() << "an500_model.elf is not built: cmake --preset cortex-m7 "
                      "&& cmake --build --preset cortex-m7";
    }
  }
};

Graph TinyGraph(uint32_t seed) {
  return BuildGraph(TinyNetwork(), RandomWeights(seed));
}

TEST_F(An500, GivesTheBytesOfTheHostLayerByLayer) {
  const std::vector<std::vector<uint8_t>> images =
      RandomImages(TinyNetwork().input, 8, 5);
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    const Graph graph = TinyGraph(seed);
    const CompiledModel compiled = Compile(graph, images, nullptr);
    ExpectSameBytes(
        PackModel(graph, compiled.quantized, compiled.plan, Target::kCortexM7),
        images);
    if (seed > 1) continue;
    ExpectSameBytes(compiled.blob, images);
    ExpectSameBytes(compiled.blob, images, {"reference"});
  }
}

TEST_F(An500, GivesTheBytesOfTheHostWhenRowsAreFed) {
  const std::vector<std::vector<uint8_t>> images =
      RandomImages(TinyNetwork().input, 8, 6);
  const Graph graph = TinyGraph(4);
  const CompiledModel compiled = Compile(graph, images, nullptr);
  const std::vector<PlanCandidate> plans =
      FindPlans(graph, ImageFeed::kRows, 2);
  ASSERT_FALSE(plans.empty());
  for (const PlanCandidate& plan : {plans.front(), plans.back()}) {
    SCOPED_TRACE(plan.description);
    ExpectSameBytes(
        PackModel(graph, compiled.quantized, PlanMemory(graph, plan.stages)),
        images);
  }
}

std::vector<uint8_t> ReadShippedModel(const std::string& name = "voc_h7") {
  std::ifstream file(OCELLUS_SOURCE_DIR "/detector/models/" + name + ".ocellus",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same network, planned anew and packed for the Cortex-M7.
std::vector<uint8_t> Replan(const std::vector<uint8_t>& blob, ImageFeed feed) {
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
  const UnpackedModel unpacked = UnpackModel(model);
  const auto plan = ChoosePlan(FindPlans(unpacked.graph, feed), 0);
  if (!plan) return {};
  return PackModel(unpacked.graph, unpacked.quantized,
                   PlanMemory(unpacked.graph, plan->stages), Target::kCortexM7);
}

// Photographs of Debian's opencv-doc, nearest pixels at the model's size.
std::vector<std::vector<uint8_t>> Photographs(Shape shape) {
  std::vector<std::vector<uint8_t>> images;
  for (const char* name : {"aero1", "baboon", "building", "butterfly", "fruits",
                           "home", "left01", "messi5"}) {
    const Result<RgbImage> read =
        DecodeJpegFile(std::string("/usr/share/doc/opencv-doc/examples/data/") +
                       name + ".jpg");
    if (!read.ok()) return {};
    const RgbImage& photograph = read.value();
    std::vector<uint8_t>& image = images.emplace_back();
    for (int32_t y = 0; y < shape.h; ++y) {
      for (int32_t x = 0; x < shape.w; ++x) {
        const int32_t from =
            y * photograph.height / shape.h * photograph.width +
            x * photograph.width / shape.w;
        const uint8_t* pixel = photograph.pixels.data() + 3 * from;
        image.insert(image.end(), pixel, pixel + 3);
      }
    }
  }
  return images;
}

// The first number behind the last `label` of a text.
uint64_t NumberBehind(const std::string& text, const std::string& label) {
  const std::size_t at = text.rfind(label);
  if (at == std::string::npos) return 0;
  return std::stoull(text.substr(at + label.size()));
}

struct ShippedCase {
  std::string name;
  double most_instructions_per_mac;
};

void PrintTo(const ShippedCase& shipped, std::ostream* out) {
  *out << shipped.name;
}

class ShippedOnAn500 : public An500,
                       public testing::WithParamInterface<ShippedCase> {};

TEST_P(ShippedOnAn500, RunsWithTheBytesOfTheHost) {
  std::vector<uint8_t> blob =
      Replan(ReadShippedModel(GetParam().name), ImageFeed::kRows);
  // So low that there are boxes to suppress.
  reinterpret_cast<format::Header*>(blob.data())->score_threshold = 0.05f;
  Model model;
  ASSERT_EQ(Model::Parse(blob, &model), Status::kOk);
  const std::vector<std::vector<uint8_t>> images =
      Photographs(model.shape(model.header().input));
  if (images.empty()) GTEST_SKIP() << "photographs of opencv-doc missing";
  const Outcome outcome = ExpectSameBytes(blob, images, {"profile"});
  EXPECT_GE(outcome.detections, 8u);
  const int64_t macs = MacsUnder(UnpackModel(model).graph, {});
  const uint64_t instructions = NumberBehind(outcome.uart, "frame 0: ");
  const double each =
      static_cast<double>(instructions) / static_cast<double>(macs);
  std::printf("%s%s: %.3f instructions for each of %lld MACs\n",
              outcome.uart.c_str(), model.name(), each,
              static_cast<long long>(macs));
  EXPECT_GT(instructions, 0u);
  EXPECT_LE(each, GetParam().most_instructions_per_mac);
}

INSTANTIATE_TEST_SUITE_P(Shipped, ShippedOnAn500,
                         testing::Values(ShippedCase{"voc_h7", 1.25},
                                         ShippedCase{"voc_m4", 1.3}),
                         [](const auto& test) { return test.param.name; });

// Of the person detector that RealModelPath() names.
constexpr char kPersonHead[] = R"({
  "format": "ocellus-head", "version": 1, "name": "mcunet_person",
  "input": {"mean": 127.5, "std": 127.5, "order": "rgb"},
  "classes": ["person"],
  "head": {
    "kind": "yolov3", "scores": "logits",
    "score_threshold": 0.3, "nms_iou": 0.45,
    "levels": [
      {"output": 2, "stride": 8, "anchors": [[10, 13], [16, 30], [33, 23]]},
      {"output": 1, "stride": 16, "anchors": [[30, 61], [62, 45], [59, 119]]},
      {"output": 0, "stride": 32,
       "anchors": [[116, 90], [156, 198], [373, 326]]}]
  }
})";

// With the image resident. The peers: TinyEngine 53.2 M instructions and 257 kB
// without the image, TensorFlow Lite Micro with CMSIS-NN 75.2 M and 380 kB.
constexpr uint64_t kPersonInstructions = 28'000'000;
constexpr uint64_t kPersonArenaBytes = 128'000;

TEST_F(An500, RunsAnImportedPersonDetectorWithTheBytesOfTheHost) {
  std::ifstream file(RealModelPath(), std::ios::binary);
  if (!file) {
    GTEST_SKIP() << "no model at " << RealModelPath()
                 << " (OCELLUS_TFLITE names another place)";
  }
  const std::vector<uint8_t> tflite{std::istreambuf_iterator<char>(file), {}};
  ImportedModel imported = ReadTflite("mcunet", tflite);
  const TemporaryFolder folder;
  ApplyHeadDescription(folder.Write("head.json", kPersonHead), &imported.graph);
  // As `ocellus compile --budget 127kB` does; the executor's tables come on
  // top.
  const Backend& backend = CortexM7Backend();
  const PlanCandidate plan = JoinTileRows(
      imported.graph,
      FindPlans(imported.graph, ImageFeed::kWhole, kDefaultTiles, &backend)
          .back(),
      127'000, &backend);
  const std::vector<uint8_t> blob = PackModel(
      imported.graph, imported.quantized,
      PlanMemory(imported.graph, plan.stages, &backend), Target::kCortexM7);
  // Noise, and pictures where there are some.
  std::vector<std::vector<int8_t>> inputs = RealModelInputs({128, 160, 3});
  inputs.erase(inputs.begin() + 2, inputs.end() - 10);

  const Outcome outcome = ExpectSameBytes(blob, inputs);
  const uint64_t arena = NumberBehind(outcome.uart, "arena: ");
  std::printf("%sperson detector, %s\n", outcome.uart.c_str(),
              plan.description.c_str());
  EXPECT_GT(arena, 61'440u);
  EXPECT_LE(arena, kPersonArenaBytes);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const uint64_t instructions =
        NumberBehind(outcome.uart, "frame " + std::to_string(i) + ": ");
    EXPECT_GT(instructions, 0u);
    EXPECT_LE(instructions, kPersonInstructions);
  }
}

// What the committed baseline says of a layer; "-" where it says nothing.
struct BaselineLayer {
  std::string name;
  uint64_t instructions = 0;
  std::string limit;
  std::string cmsis_nn;
  std::string tiny_engine;
};

std::vector<BaselineLayer> ReadBaseline() {
  std::ifstream file(OCELLUS_SOURCE_DIR
                     "/tests/firmware/kernel_instructions.txt");
  std::vector<BaselineLayer> layers;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    BaselineLayer& layer = layers.emplace_back();
    words >> layer.name >> layer.instructions >> layer.limit >>
        layer.cmsis_nn >> layer.tiny_engine;
  }
  return layers;
}

TEST_F(An500, KernelsEqualTheReferenceAndTakeNoMoreInstructions) {
  const auto elf = FindAn500Program("an500_kernels");
  ASSERT_TRUE(elf) << "an500_kernels.elf is not built";
  const TemporaryFolder folder;
  const QemuRun run = RunInQemu(*elf, {}, folder.path());
  ASSERT_EQ(run.exit_status, 0) << run.uart;
  std::printf("%-26s %13s %8s %8s %10s   instructions, and for each MAC\n", "",
              "instructions", "here", "CMSIS-NN", "TinyEngine");
  const std::vector<BaselineLayer> baseline = ReadBaseline();
  ASSERT_FALSE(baseline.empty());
  for (const BaselineLayer& layer : baseline) {
    const std::size_t at = run.uart.find("\n" + layer.name + " ");
    ASSERT_NE(at, std::string::npos) << layer.name;
    std::istringstream words(run.uart.substr(at));
    std::string name;
    uint64_t instructions = 0;
    uint64_t work = 0;
    words >> name >> instructions >> work;
    ASSERT_GT(work, 0u);
    const double each =
        static_cast<double>(instructions) / static_cast<double>(work);
    std::printf("%-26s %13llu %8.3f %8s %10s\n", layer.name.c_str(),
                static_cast<unsigned long long>(instructions), each,
                layer.cmsis_nn.c_str(), layer.tiny_engine.c_str());
    EXPECT_LE(static_cast<double>(instructions),
              1.01 * static_cast<double>(layer.instructions))
        << layer.name << ": more than 1 % above its baseline";
    if (layer.limit != "-") {
      EXPECT_LE(each, std::stod(layer.limit)) << layer.name;
    }
  }
}

TEST_F(An500, StopsAndSaysWhereOnAFault) {
  const auto elf = FindAn500Program("an500_model");
  const TemporaryFolder folder;
  const std::array<std::array<const char*, 2>, 3> cases = {
      {{"flash", "memory protection fault at 0x"},
       {"beyond", "memory protection fault at 0x"},
       {"stack", "stack overflow"}}};
  for (const auto& [kind, message] : cases) {
    const QemuRun run = RunInQemu(*elf, {"fault", kind}, folder.path());
    EXPECT_EQ(run.exit_status, 1);
    EXPECT_NE(run.uart.find(message), std::string::npos) << run.uart;
  }
}

TEST_F(An500, RefusesABrokenModelInOneLine) {
  const auto elf = FindAn500Program("an500_model");
  const TemporaryFolder folder;
  std::vector<uint8_t> blob = ReadShippedModel();
  blob[blob.size() / 2] ^= 1;
  const QemuRun run = RunInQemu(
      *elf, {folder.Write("model.ocellus", Text(blob)), "frames", "outputs"},
      folder.path());
  EXPECT_EQ(run.exit_status, 1);
  EXPECT_EQ(run.uart, "error: corrupted model (checksum mismatch): " +
                          (folder.path() / "model.ocellus").string() + "\n");
}

}  // namespace
}  // namespace ocellus
