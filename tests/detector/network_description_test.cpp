// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/network_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "detector/compile_error.h"
#include "detector/graph/build_graph.h"
#include "detector/graph/safetensors.h"

namespace ocellus {
namespace {

using nlohmann::json;

// A file of the test's own that goes with it.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            (std::string("ocellus_") + test->name() + "_" +
             std::to_string(getpid()));
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

json Description() {
  return json::parse(R"({
    "format": "ocellus-network", "version": 1, "name": "small",
    "input": {"height": 32, "width": 64, "channels": 3, "order": "rgb",
              "mean": 128, "std": 128},
    "classes": ["cat", "dog"],
    "backbone": {
      "activation": "relu6",
      "stem": {"kernel": 3, "stride": 2, "width": 8},
      "blocks": [
        {"kernel": 1, "expansion": 1, "width": 8, "depth": 2, "stride": 1},
        {"kernel": 3, "expansion": 4, "width": 12, "depth": 1, "stride": 2},
        {"kernel": 7, "expansion": 2, "width": 16, "depth": 2, "stride": 2}]},
    "head": {"type": "yolo", "encoding": "ltrb_exp", "strides": [4, 8],
             "width": 10, "kernel": 5, "tower_depth": 1,
             "score_threshold": 0.25, "nms_iou": 0.6}
  })");
}

std::string ErrorOf(const json& description) {
  const TemporaryFile file(description.dump());
  try {
    (void)ReadNetworkDescription(file.path());
  } catch (const CompileError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith(file.path() + ": "));
    return std::string(error.what()).substr(file.path().size() + 2);
  }
  return "";
}

TEST(NetworkDescription, ReadsEveryMember) {
  const TemporaryFile file(Description().dump());
  const NetworkDescription network = ReadNetworkDescription(file.path());
  EXPECT_EQ(network.name, "small");
  EXPECT_EQ(network.input, (Shape{32, 64, 3}));
  EXPECT_THAT(network.classes, testing::ElementsAre("cat", "dog"));
  EXPECT_EQ(network.stem.width, 8);
  ASSERT_EQ(network.blocks.size(), 3u);
  EXPECT_EQ(network.blocks[2].kernel, 7);
  EXPECT_EQ(network.blocks[2].depth, 2);
  EXPECT_THAT(network.head.strides, testing::ElementsAre(4, 8));
  EXPECT_FLOAT_EQ(network.head.nms_iou, 0.6f);
  EXPECT_THAT(network.head.outputs, testing::IsEmpty());
  EXPECT_THAT(network.head.separate, testing::IsEmpty());
}

TEST(NetworkDescription, NamesTheFirstBadValue) {
  const auto with = [](const char* pointer, const json& value) {
    json description = Description();
    description[json::json_pointer(pointer)] = value;
    return ErrorOf(description);
  };
  EXPECT_EQ(with("/version", 2), "version: expected 1, found 2");
  EXPECT_EQ(with("/backbone/blocks/1/kernel", 0),
            "backbone.blocks[1].kernel: expected an integer from 1 to 16, "
            "found 0");
  EXPECT_EQ(with("/head/kernel", 4), "head.kernel: expected an odd number");
  EXPECT_EQ(with("/backbone/stem/width", "eight"),
            "backbone.stem.width: expected an integer from 1 to 4096, found "
            "\"eight\"");
  EXPECT_EQ(with("/classes", json::array()),
            "classes: expected an array with elements");
  EXPECT_EQ(with("/input/width", 60),
            "input: expected height and width to be multiples of 8");
  EXPECT_EQ(with("/head/strides", {4, 16}),
            "head.strides: expected each to be twice the one before");
  EXPECT_EQ(with("/head/width", {8, 16, 32}),
            "head.width: expected 2 numbers, found 3");
  for (const json& outputs :
       {json({8}), json({8, 4}), json({4, 4}), json({4, 16})}) {
    EXPECT_EQ(with("/head/outputs", outputs),
              "head.outputs: expected the first of head.strides, and others in "
              "order");
  }
  EXPECT_EQ(with("/head/separate", {1}),
            "head.separate: expected 2 numbers, found 1");
  EXPECT_EQ(with("/head/separate", {0, 2}),
            "head.separate: expected an integer from 0 to 1, found 2");
  EXPECT_EQ(with("/head", 5), "head: expected an object");
  json missing = Description();
  missing["backbone"]["stem"].erase("stride");
  EXPECT_EQ(ErrorOf(missing), "backbone.stem.stride: missing");
}

TEST(NetworkDescription, RefusesWhatIsNoJson) {
  const TemporaryFile file("{\"format\": ");
  EXPECT_THROW((void)ReadNetworkDescription(file.path()), CompileError);
  EXPECT_THROW((void)ReadNetworkDescription("/nonexistent.json"), CompileError);
}

TEST(BuildGraph, FollowsTheDescription) {
  const TemporaryFile file(Description().dump());
  const Graph graph =
      BuildGraph(ReadNetworkDescription(file.path()), RandomWeights(1));
  std::vector<std::string> names;
  for (const GraphOp& op : graph.ops) {
    names.push_back(graph.tensors[op.output].name);
  }
  EXPECT_THAT(
      names, testing::ElementsAre(
                 "stem", "blocks.0.project", "blocks.0.add", "blocks.1.project",
                 "blocks.1.add", "blocks.2.expand", "blocks.2.depthwise",
                 "blocks.2.project", "blocks.3.expand", "blocks.3.depthwise",
                 "blocks.3.project", "blocks.4.expand", "blocks.4.depthwise",
                 "blocks.4.project", "blocks.4.add", "head.lateral.1",
                 "head.tower.1.0.depthwise", "head.tower.1.0.pointwise",
                 "head.cls.1", "head.box.1", "head.lateral.0", "head.resize.0",
                 "head.add.0", "head.fuse.0.depthwise", "head.fuse.0.pointwise",
                 "head.tower.0.0.depthwise", "head.tower.0.0.pointwise",
                 "head.cls.0", "head.box.0"));
  EXPECT_EQ(graph.shape(graph.levels[0].class_tensor), (Shape{8, 16, 2}));
  EXPECT_EQ(graph.shape(graph.levels[1].box_tensor), (Shape{4, 8, 4}));
  // The stem: 16 x 32 pixels, 8 filters of 3 x 3 x 3.
  EXPECT_EQ(graph.Macs(graph.ops[0]), 16 * 32 * 8 * 27);
}

TEST(BuildGraph, ReducesWhatAWiderLevelGivesANarrowerOne) {
  json description = Description();
  description["head"]["width"] = {10, 24};
  const TemporaryFile file(description.dump());
  const NetworkDescription network = ReadNetworkDescription(file.path());
  EXPECT_EQ(json::parse(NetworkDescriptionText(network))["head"]["width"],
            json({10, 24}));
  const Graph graph = BuildGraph(network, RandomWeights(1));
  std::map<std::string, Shape> shapes;
  for (const GraphTensor& tensor : graph.tensors) {
    shapes[tensor.name] = tensor.shape;
  }
  EXPECT_EQ(shapes.at("head.tower.1.0.pointwise"), (Shape{4, 8, 24}));
  EXPECT_EQ(shapes.at("head.reduce.0"), (Shape{4, 8, 10}));
  EXPECT_EQ(shapes.at("head.resize.0"), (Shape{8, 16, 10}));
  EXPECT_EQ(shapes.at("head.tower.0.0.pointwise"), (Shape{8, 16, 10}));
}

TEST(BuildGraph, SeparatesTowersAndLeavesOutputsOut) {
  json description = Description();
  description["head"]["tower_depth"] = 2;
  description["head"]["outputs"] = {4};
  description["head"]["separate"] = {1, 0};
  const TemporaryFile file(description.dump());
  const NetworkDescription network = ReadNetworkDescription(file.path());
  const json text = json::parse(NetworkDescriptionText(network));
  EXPECT_EQ(text["head"]["outputs"], description["head"]["outputs"]);
  EXPECT_EQ(text["head"]["separate"], description["head"]["separate"]);
  const Graph graph = BuildGraph(network, RandomWeights(1));
  std::map<std::string, std::string> input_of;
  for (const GraphOp& op : graph.ops) {
    input_of[graph.tensors[op.output].name] = graph.tensors[op.input].name;
  }
  const std::string shared = "head.tower.0.0.pointwise";
  EXPECT_EQ(input_of.at("head.tower.0.1.depthwise"), shared);
  EXPECT_EQ(input_of.at("head.box_tower.0.0.depthwise"), shared);
  EXPECT_EQ(input_of.at("head.cls.0"), "head.tower.0.1.pointwise");
  EXPECT_EQ(input_of.at("head.box.0"), "head.box_tower.0.0.pointwise");
  EXPECT_EQ(input_of.at("head.resize.0"), "head.lateral.1");
  EXPECT_EQ(input_of.count("head.tower.1.0.depthwise"), 0u);
  EXPECT_EQ(input_of.count("head.cls.1"), 0u);
  ASSERT_EQ(graph.levels.size(), 1u);
  EXPECT_EQ(graph.levels[0].stride, 4);
}

TEST(BuildGraph, NamesAStrideWithoutBlocks) {
  json description = Description();
  description["head"]["strides"] = {8, 16};
  const TemporaryFile file(description.dump());
  const NetworkDescription network = ReadNetworkDescription(file.path());
  EXPECT_THROW((void)BuildGraph(network, RandomWeights(1)), CompileError);
}

// header length, header, then 1.0f and 2.0f.
std::string SafetensorsBytes(const std::string& header) {
  const uint64_t length = header.size();
  const float values[2] = {1.0f, 2.0f};
  return std::string(reinterpret_cast<const char*>(&length), 8) + header +
         std::string(reinterpret_cast<const char*>(values), 8);
}

TEST(Safetensors, ReadsATensor) {
  const TemporaryFile file(SafetensorsBytes(
      R"({"a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}})"));
  const Safetensors weights = Safetensors::Read(file.path());
  EXPECT_THAT(weights.Get("a", {2, 1}), testing::ElementsAre(1.0f, 2.0f));
  EXPECT_THROW((void)weights.Get("a", {2}), CompileError);
  EXPECT_THROW((void)weights.Get("b", {2, 1}), CompileError);
}

TEST(Safetensors, RefusesContradictingFiles) {
  for (const char* header : {
           R"({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})",
           R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
           R"({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}})",
           R"({"a": {"dtype": "F32", "shape": [4611686018427387904, 4],
               "data_offsets": [0, 8]}})",
           R"({"a": {"dtype": "F32", "shape": [2]}})",
           R"(not json)",
       }) {
    const TemporaryFile file(SafetensorsBytes(header));
    EXPECT_THROW((void)Safetensors::Read(file.path()), CompileError) << header;
  }
  const TemporaryFile short_file("abc");
  EXPECT_THROW((void)Safetensors::Read(short_file.path()), CompileError);
  const TemporaryFile long_header(std::string(8, '\x7F') + "{}");
  EXPECT_THROW((void)Safetensors::Read(long_header.path()), CompileError);
}

}  // namespace
}  // namespace ocellus
