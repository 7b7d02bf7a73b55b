// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/read_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <opencv2/dnn.hpp>
#include <string>
#include <vector>

#include "detector/compile_error.h"
#include "detector/import/head_description.h"
#include "detector/quantize/float_executor.h"
#include "detector/quantize/quantisation_error.h"
#include "runtime/executor.h"
#include "runtime/input_table.h"
#include "runtime/kernels/backend.h"
#include "tests/detector/import/onnx/onnx_builder.h"
#include "tests/detector/import/onnx/onnx_cases.h"
#include "tests/support/aligned_arena.h"
#include "tests/support/compile.h"

namespace ocellus {
namespace {

// Pixels of an even noise under a slow wave, so that neighbours are alike.
std::vector<std::vector<uint8_t>> Pictures(Shape shape, int count) {
  std::vector<std::vector<uint8_t>> pictures;
  uint32_t state = 7;
  for (int i = 0; i < count; ++i) {
    std::vector<uint8_t>& picture = pictures.emplace_back();
    for (int32_t y = 0; y < shape.h; ++y) {
      for (int32_t x = 0; x < shape.w * shape.c; ++x) {
        state = state * 1664525u + 1013904223u;
        const int wave = (y * (3 + i) + x * (2 + i)) % 160;
        picture.push_back(static_cast<uint8_t>(wave + (state >> 24) % 96));
      }
    }
  }
  return pictures;
}

std::vector<float> Real(const Graph& graph,
                        const std::vector<uint8_t>& picture) {
  std::vector<float> real;
  for (std::size_t i = 0; i < picture.size(); ++i) {
    real.push_back((static_cast<float>(picture[i]) - graph.input_mean[i % 3]) /
                   graph.input_std[i % 3]);
  }
  return real;
}

// [H, W, C] to a blob [1, C, H, W].
cv::Mat ToBlob(const std::vector<float>& image, Shape shape) {
  const int dims[] = {1, shape.c, shape.h, shape.w};
  cv::Mat blob(4, dims, CV_32F);
  for (int32_t i = 0; i < shape.h * shape.w; ++i) {
    for (int32_t c = 0; c < shape.c; ++c) {
      blob.ptr<float>()[c * shape.h * shape.w + i] =
          image[static_cast<std::size_t>(i * shape.c + c)];
    }
  }
  return blob;
}

// What OpenCV gives as [1, C, H, W] is put in the order [H, W, C]; outputs of
// other dimensions are in the order of maps already.
std::vector<float> FromBlob(const cv::Mat& blob) {
  const auto size = blob.total();
  const float* from = blob.ptr<float>();
  if (blob.dims != 4) return {from, from + size};
  const int channels = blob.size[1];
  const auto pixels = static_cast<int>(size) / channels;
  std::vector<float> values(size);
  for (int c = 0; c < channels; ++c) {
    for (int i = 0; i < pixels; ++i) {
      values[static_cast<std::size_t>(i * channels + c)] = from[c * pixels + i];
    }
  }
  return values;
}

// Our float network's outputs are OpenCV's, on some pictures.
void ExpectOpenCvsFloats(const Graph& graph, std::span<const uint8_t> file) {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(
      reinterpret_cast<const char*>(file.data()), file.size());
  FloatExecutor executor(graph);
  const Shape input = graph.shape(graph.input);
  for (const auto& picture : Pictures(input, 2)) {
    const std::vector<float> real = Real(graph, picture);
    executor.Run(real);
    net.setInput(ToBlob(real, input));
    std::vector<cv::Mat> outputs;
    net.forward(outputs, net.getUnconnectedOutLayersNames());
    std::vector<float> expected;
    for (const cv::Mat& output : outputs) {
      const std::vector<float> values = FromBlob(output);
      expected.insert(expected.end(), values.begin(), values.end());
    }
    std::vector<float> found;
    for (const GraphLevel& level : graph.levels) {
      const std::span<const float> values = executor.tensor(level.class_tensor);
      found.insert(found.end(), values.begin(), values.end());
    }
    ASSERT_EQ(found.size(), expected.size());
    float largest = 1.0f;
    for (const float value : expected) {
      largest = std::max(largest, std::abs(value));
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_LE(std::abs(found[i] - expected[i]), 1e-5f * largest)
          << "value " << i << ": " << found[i] << ", not " << expected[i];
    }
  }
}

// By op, of the int8 network. `image_count` pictures calibrate and measure.
std::vector<OpError> Int8Errors(const Graph& graph) {
  const auto pictures = Pictures(graph.shape(graph.input), 4);
  const QuantizedGraph quantized =
      IsPrescribed(graph)
          ? Quantize(graph, WithoutCalibration(graph))
          : Quantize(graph, Calibrate(graph, pictures, nullptr));
  return MeasureErrors(graph, quantized, pictures, HostBackend(), nullptr);
}

TEST(ReadOnnx, GivesOpenCvsFloatsForEveryOperator) {
  for (const OnnxCase& made : OnnxCases()) {
    SCOPED_TRACE(made.name);
    Graph graph = ReadOnnx(made.name, made.file);
    graph.input_std = {255.0f, 255.0f, 255.0f};
    std::vector<uint8_t> file = made.file;
    for (const OnnxCase& other : OnnxCases()) {
      if (other.name == made.same_as) file = other.file;
    }
    ExpectOpenCvsFloats(graph, file);
  }
}

TEST(ReadOnnx, KeepsInt8NearFloatForEveryOperator) {
  for (const OnnxCase& made : OnnxCases()) {
    SCOPED_TRACE(made.name);
    Graph graph = ReadOnnx(made.name, made.file);
    graph.input_std = {255.0f, 255.0f, 255.0f};
    for (const OpError& error : Int8Errors(graph)) {
      EXPECT_GE(error.signal_to_noise(), 25.0);
    }
  }
}

TEST(ReadOnnx, FoldsWhatExportersWriteInParts) {
  const auto ops_of = [](const std::string& name) {
    for (const OnnxCase& made : OnnxCases()) {
      if (made.name == name) return ReadOnnx(name, made.file).ops.size();
    }
    return std::size_t{0};
  };
  EXPECT_EQ(ops_of("batch_norm_folded"), 2u);
  EXPECT_EQ(ops_of("clip"), 1u);
  EXPECT_EQ(ops_of("silu"), 2u);
  EXPECT_EQ(ops_of("mish"), 2u);
  EXPECT_EQ(ops_of("hard_swish_in_parts"), 2u);
  EXPECT_EQ(ops_of("pad_conv"), 2u);
  EXPECT_EQ(ops_of("identity_and_dropout"), 1u);
  EXPECT_EQ(ops_of("transposed_there_and_back"), 3u);
  EXPECT_EQ(ops_of("gemm"), 2u);
}

TEST(ReadOnnx, TakesApartTheListThatOutputsAreJoinedTo) {
  for (const OnnxCase& made : OnnxCases()) {
    if (made.name != "joined_list") continue;
    const Graph graph = ReadOnnx(made.name, made.file);
    ASSERT_EQ(graph.levels.size(), 2u);
    EXPECT_EQ(graph.shape(graph.levels[0].class_tensor), (Shape{16, 12, 8}));
    EXPECT_EQ(graph.shape(graph.levels[1].class_tensor), (Shape{8, 6, 8}));
  }
}

// --- Quantised models.

// One op of a graph on values of its own, in float, then rounded to the
// quantisation of its output.
std::vector<float> RunQuantisedOp(
    const Graph& graph, const GraphOp& op, const QuantizedGraph& quantized,
    const std::vector<std::vector<float>>& values) {
  Graph one;
  GraphOp copy = op;
  // The image of the one op is its input; a second comes by a table of its own.
  copy.input = one.input = one.AddTensor("a", graph.shape(op.input));
  std::vector<float> image = values[op.input];
  if (op.input2 != kNone) {
    // Both as channels of one image, taken apart by 1x1 convolutions.
    const int32_t first = graph.shape(op.input).c;
    const int32_t second = graph.shape(op.input2).c;
    const int32_t both = first + second;
    const Shape shape = graph.shape(op.input);
    one.tensors[0].shape.c = both;
    image.clear();
    for (int32_t i = 0; i < shape.h * shape.w; ++i) {
      const auto* a = &values[op.input][static_cast<std::size_t>(i * first)];
      const auto* b = &values[op.input2][static_cast<std::size_t>(i * second)];
      image.insert(image.end(), a, a + first);
      image.insert(image.end(), b, b + second);
    }
    const auto take = [&](int32_t begin, int32_t count) {
      GraphOp pick;
      pick.input = 0;
      pick.weights.assign(static_cast<std::size_t>(count * both), 0.0f);
      pick.bias.assign(static_cast<std::size_t>(count), 0.0f);
      for (int32_t i = 0; i < count; ++i) {
        pick.weights[static_cast<std::size_t>(i * both + begin + i)] = 1.0f;
      }
      pick.output = one.AddTensor("part", {shape.h, shape.w, count});
      one.ops.push_back(pick);
      return pick.output;
    };
    copy.input = take(0, first);
    copy.input2 = take(first, second);
  }
  copy.output = one.AddTensor("out", graph.shape(op.output));
  one.ops.push_back(copy);
  FloatExecutor executor(one);
  executor.Run(image);
  const QuantParams quant = quantized.quant[op.output];
  std::vector<float> rounded;
  for (const float value : executor.tensor(copy.output)) {
    const float steps = std::clamp(std::nearbyint(value / quant.scale) +
                                       static_cast<float>(quant.zero_point),
                                   -128.0f, 127.0f);
    rounded.push_back(quant.scale *
                      (steps - static_cast<float>(quant.zero_point)));
  }
  return rounded;
}

TEST(ReadOnnx, KeepsTheScalesOfAQuantisedModel) {
  const OnnxCase made = QuantisedOnnxCase();
  const Graph graph = ReadOnnx(made.name, made.file);
  ASSERT_TRUE(IsPrescribed(graph));
  const QuantizedGraph quantized = Quantize(graph, WithoutCalibration(graph));
  const auto quant_of = [&](std::size_t op) {
    return quantized.quant[graph.ops[op].output];
  };
  // Convolution, depthwise, sum, sigmoid, two tables to the scale of the
  // concatenation, it, pool.
  ASSERT_EQ(graph.ops.size(), 8u);
  EXPECT_EQ(quantized.quant[graph.input], (QuantParams{1.0f / 255.0f, -128}));
  EXPECT_EQ(quant_of(0), (QuantParams{0.004f, 10 - 128}));
  EXPECT_EQ(quant_of(1), (QuantParams{0.009f, 3}));
  EXPECT_EQ(quant_of(2), (QuantParams{0.01f, -20}));
  EXPECT_EQ(quant_of(3), (QuantParams{1.0f / 256.0f, -128}));
  EXPECT_EQ(quant_of(6), (QuantParams{0.006f, -100}));
  EXPECT_EQ(quant_of(7), (QuantParams{0.006f, -100}));
  // The first weights of the file, output by output: -127, -90, -53.
  EXPECT_EQ(quantized.ops[0].weights[0], -127);
  EXPECT_EQ(quantized.ops[0].weights[3], -90);
  EXPECT_EQ(quantized.ops[0].requant[1], 1.0f / 255.0f * 0.002f / 0.004f);
}

// The first output of the int8 network.
std::vector<int8_t> RunInt8(const Graph& graph, const QuantizedGraph& quantized,
                            const std::vector<uint8_t>& picture) {
  const std::vector<uint8_t> blob =
      PackModel(graph, quantized, PlanMemory(graph));
  Model model;
  EXPECT_EQ(Model::Parse(blob, &model), Status::kOk);
  AlignedArena arena(
      Executor::MeasureArena(model, HostBackend()).total_bytes());
  Executor executor;
  EXPECT_EQ(executor.Prepare(model, HostBackend(), arena.span()), Status::kOk);
  const InputTable table = MakeInputTable(model);
  for (std::size_t i = 0; i < picture.size(); ++i) {
    executor.input().data[i] = table[picture[i]];
  }
  executor.Invoke();
  const Tensor<const int8_t> output =
      executor.tensor(graph.levels[0].class_tensor);
  return {output.data, output.data + output.shape.elements()};
}

TEST(ReadOnnx, RoundsAQuantisedModelAsItsDefinitionSays) {
  const OnnxCase made = QuantisedOnnxCase();
  Graph graph = ReadOnnx(made.name, made.file);
  graph.input_std = {255.0f, 255.0f, 255.0f};
  const QuantizedGraph quantized = Quantize(graph, WithoutCalibration(graph));
  const auto pictures = Pictures(graph.shape(graph.input), 1);
  // The definition: each op in float, its output rounded. Pixels are exact.
  std::vector<std::vector<float>> values(graph.tensors.size());
  values[graph.input] = Real(graph, pictures[0]);
  for (const GraphOp& op : graph.ops) {
    values[op.output] = RunQuantisedOp(graph, op, quantized, values);
  }
  const int32_t output = graph.levels[0].class_tensor;
  const QuantParams quant = quantized.quant[output];
  const std::vector<int8_t> found = RunInt8(graph, quantized, pictures[0]);
  ASSERT_EQ(found.size(), values[output].size());
  int others = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const float steps =
        values[output][i] / quant.scale + static_cast<float>(quant.zero_point);
    const int difference =
        std::abs(found[i] - static_cast<int>(std::lrint(steps)));
    ASSERT_LE(difference, 1) << "value " << i;
    others += difference;
  }
  // Halves, and the bias at the sums' own scale.
  EXPECT_LE(others, static_cast<int>(found.size()) / 50);
}

// --- What PyTorch exports.

std::string ExportedFolder() { return OCELLUS_EXPORTED_MODELS; }

std::vector<uint8_t> ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// [C, H, W] to [H, W, C].
std::vector<float> ToPixels(const float* planes, Shape shape) {
  std::vector<float> pixels;
  for (int32_t i = 0; i < shape.h * shape.w; ++i) {
    for (int32_t c = 0; c < shape.c; ++c) {
      pixels.push_back(planes[c * shape.h * shape.w + i]);
    }
  }
  return pixels;
}

// That the float network answers as PyTorch did, see export_models.py.
void ExpectAnswers(const Graph& graph, const std::vector<uint8_t>& bytes) {
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  const Shape input = graph.shape(graph.input);
  auto next = static_cast<std::size_t>(input.elements());
  ASSERT_GT(numbers.size(), next);
  FloatExecutor executor(graph);
  executor.Run(ToPixels(numbers.data(), input));
  for (const GraphLevel& level : graph.levels) {
    const Shape shape = graph.shape(level.class_tensor);
    ASSERT_LE(next + static_cast<std::size_t>(shape.elements()),
              numbers.size());
    const std::vector<float> expected = ToPixels(&numbers[next], shape);
    const std::span<const float> found = executor.tensor(level.class_tensor);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_LE(std::abs(found[i] - expected[i]),
                1e-4f * std::max(1.0f, std::abs(expected[i])))
          << "value " << i;
    }
    next += expected.size();
  }
  EXPECT_EQ(next, numbers.size());
}

class Exported : public testing::TestWithParam<const char*> {};

TEST_P(Exported, GivesPyTorchsFloatsAndInt8NearThem) {
  const std::string path = ExportedFolder() + "/" + GetParam();
  const std::vector<uint8_t> file = ReadBytes(path + ".onnx");
  Graph graph = ReadOnnx(GetParam(), file);
  ApplyHeadDescription(path + ".json", &graph);
  ExpectAnswers(graph, ReadBytes(path + ".answers"));
  const std::vector<OpError> errors = Int8Errors(graph);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    EXPECT_GE(errors[i].signal_to_noise(), 18.0)
        << "op " << i << " " << graph.tensors[graph.ops[i].output].name;
  }
}

INSTANTIATE_TEST_SUITE_P(FromPyTorch, Exported,
                         testing::Values("detector", "classifier", "colours"),
                         [](const auto& test) {
                           return std::string(test.param);
                         });

// --- What is refused.

std::string ErrorOf(std::span<const uint8_t> file) {
  try {
    (void)ReadOnnx("nets/m.onnx", file);
  } catch (const CompileError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReadOnnx, NamesTheNetworkByItsFile) {
  OnnxBuilder b;
  b.Output(b.Conv(b.Image(3, 8, 8), 3, 4, 1));
  EXPECT_EQ(ReadOnnx("nets/person.v2.onnx", b.Finish()).name, "person.v2");
}

TEST(ReadOnnx, NamesTheOperatorItDoesNotKnow) {
  OnnxBuilder b;
  const std::string image = b.Image(3, 8, 8);
  b.Output(b.Node("Einsum", {b.Conv(image, 3, 4, 1)}));
  EXPECT_THAT(
      ErrorOf(b.Finish()),
      testing::StartsWith("nets/m.onnx: node 1 (Einsum \"Einsum3\"): not "
                          "supported; supported are Add, Average"));
}

TEST(ReadOnnx, NamesTheOptionItDoesNotTake) {
  OnnxBuilder dilated;
  dilated.Output(dilated.Node(
      "Conv", {dilated.Image(3, 8, 8), dilated.Random({4, 3, 3, 3})},
      {IntsAttribute("dilations", {2, 2})}));
  EXPECT_EQ(ErrorOf(dilated.Finish()),
            "nets/m.onnx: node 0 (Conv \"Conv1\"): dilation 2x2: expected 1");
  // A shuffle of channels moves data.
  OnnxBuilder shuffled;
  const std::string split =
      shuffled.Node("Reshape", {shuffled.Conv(shuffled.Image(3, 8, 8), 3, 8, 1),
                                shuffled.Integers({1, 2, 4, 8, 8})});
  const std::string moved = shuffled.Node(
      "Transpose", {split}, {IntsAttribute("perm", {0, 2, 1, 3, 4})});
  const std::string joined =
      shuffled.Node("Reshape", {moved, shuffled.Integers({1, 8, 8, 8})});
  shuffled.Output(shuffled.Conv(joined, 8, 4, 1));
  EXPECT_THAT(ErrorOf(shuffled.Finish()),
              testing::HasSubstr("its input lies in another order"));
}

TEST(ReadOnnx, RefusesImagesOfOpenSizeAndBrokenFiles) {
  OnnxBuilder b;
  b.Output(b.Conv(b.Image(3, 8, 8), 3, 4, 1));
  b.model()
      .mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(2)
      ->set_dim_param("height");
  EXPECT_EQ(ErrorOf(b.Finish()),
            "nets/m.onnx: input \"image\": expected fixed sizes of 1 to 4096 "
            "(dimension 2)");
  const std::vector<uint8_t> file = OnnxCases().front().file;
  EXPECT_EQ(ErrorOf(std::span(file).first(file.size() / 2)),
            "nets/m.onnx: expected an ONNX model; truncated or corrupt");
}

}  // namespace
}  // namespace ocellus
