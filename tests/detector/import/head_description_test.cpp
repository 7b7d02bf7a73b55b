// SPDX-License-Identifier: Apache-2.0
#include "detector/import/head_description.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "detector/compile_error.h"

namespace ocellus {
namespace {

using nlohmann::json;

// A network with two outputs, 4 x 5 and 8 x 10 pixels of 18 channels.
Graph TwoOutputs() {
  Graph graph;
  graph.input = graph.AddTensor("image", {32, 40, 3});
  for (const Shape shape : {Shape{4, 5, 18}, Shape{8, 10, 18}}) {
    const int32_t output = graph.AddTensor("output", shape);
    graph.levels.push_back({output, output, 1});
  }
  graph.head.encoding = format::BoxEncoding::kNone;
  return graph;
}

json YoloV3() {
  return json::parse(R"({
    "format": "ocellus-head", "version": 1,
    "input": {"mean": [1, 2, 3], "std": 58.5, "order": "bgr"},
    "classes": ["person"],
    "head": {"kind": "yolov3", "scores": "logits", "score_threshold": 0.25,
             "nms_iou": 0.45,
             "levels": [{"output": 1, "stride": 4,
                         "anchors": [[10, 13], [16, 30], [33, 23]]},
                        {"output": 0, "stride": 8,
                         "anchors": [[30, 61], [62, 45], [59, 119]]}]}})");
}

class HeadDescription : public testing::Test {
 protected:
  HeadDescription()
      : path_(std::filesystem::temp_directory_path() /
              (std::to_string(::getpid()) + "_ocellus_head.json")) {}
  ~HeadDescription() override { std::filesystem::remove(path_); }

  Graph Apply(const json& document) {
    std::ofstream(path_) << document;
    Graph graph = TwoOutputs();
    ApplyHeadDescription(path_, &graph);
    return graph;
  }

  // The message without the file's name.
  std::string ErrorOf(const json& document) {
    try {
      (void)Apply(document);
    } catch (const CompileError& error) {
      return std::string(error.what()).substr(path_.string().size() + 2);
    }
    return "no error";
  }

  std::string ErrorWith(const char* pointer, const json& value) {
    json document = YoloV3();
    document[json::json_pointer(pointer)] = value;
    return ErrorOf(document);
  }

  std::filesystem::path path_;
};

TEST_F(HeadDescription, SetsEveryMember) {
  const Graph graph = Apply(YoloV3());
  EXPECT_EQ(graph.input_mean, (std::array<float, 3>{1, 2, 3}));
  EXPECT_EQ(graph.input_std, (std::array<float, 3>{58.5f, 58.5f, 58.5f}));
  EXPECT_EQ(graph.channel_order, format::ChannelOrder::kBgr);
  EXPECT_EQ(graph.head.encoding, format::BoxEncoding::kYoloV3);
  EXPECT_EQ(graph.head.scores, format::ScoreForm::kLogits);
  EXPECT_EQ(graph.classes, std::vector<std::string>{"person"});
  EXPECT_FLOAT_EQ(graph.score_threshold, 0.25f);
  ASSERT_EQ(graph.levels.size(), 2u);
  EXPECT_EQ(graph.shape(graph.levels[0].class_tensor), (Shape{8, 10, 18}));
  EXPECT_EQ(graph.levels[0].stride, 4);
  ASSERT_EQ(graph.levels[1].anchors.size(), 3u);
  EXPECT_FLOAT_EQ(graph.levels[1].anchors[2].h, 119.0f);
}

TEST_F(HeadDescription, NamesTheFirstBadValue) {
  EXPECT_EQ(ErrorWith("/format", "other"),
            "format: expected \"ocellus-head\", found \"other\"");
  EXPECT_EQ(ErrorWith("/input/mean", json::array({1, 2})),
            "input.mean: expected 3 numbers, found 2");
  EXPECT_EQ(ErrorWith("/head/kind", "detr"),
            "head.kind: expected one of classifier, ssd, yolov3, yolox");
  EXPECT_EQ(ErrorWith("/head/levels/0/output", 2),
            "head.levels[0].output: expected an integer from 0 to 1, found 2");
  EXPECT_EQ(ErrorWith("/head/levels/0/anchors/0", json::array({10, 0})),
            "head.levels[0].anchors: expected [width, height] in pixels, "
            "found [10,0]");
  EXPECT_EQ(ErrorWith("/classes", json::array({"a", "b"})),
            "head.levels[0]: its output is 8x10x18, expected 21 channels");
}

TEST_F(HeadDescription, WantsOneOutputOfAClassifier) {
  json document = YoloV3();
  document["head"] = {{"kind", "classifier"}, {"scores", "softmax_logits"}};
  EXPECT_EQ(ErrorOf(document),
            "classes: the network has 360 scores in 2 outputs, expected one "
            "for each class in one");
}

}  // namespace
}  // namespace ocellus
