// SPDX-License-Identifier: Apache-2.0
#include "detector/import/head_description.h"

#include <algorithm>
#include <map>
#include <vector>

#include "detector/graph/object_reader.h"

namespace ocellus {
namespace {

using format::BoxEncoding;
using format::ScoreForm;

template <typename T>
T Named(const ObjectReader& object, const char* key,
        const std::map<std::string, T>& values) {
  const auto found = values.find(object.Text(key));
  if (found != values.end()) return found->second;
  std::string names;
  for (const auto& [name, value] : values) {
    names += (names.empty() ? "" : ", ") + name;
  }
  object.Fail(key, "expected one of " + names);
}

void ReadInput(const ObjectReader& input, Graph* graph) {
  const auto mean = input.Numbers("mean", 3, -1e6f, 1e6f);
  const auto std = input.Numbers("std", 3, 1e-6f, 1e6f);
  std::copy_n(mean.begin(), 3, graph->input_mean.begin());
  std::copy_n(std.begin(), 3, graph->input_std.begin());
  if (!input.Has("order")) return;
  graph->channel_order =
      Named<format::ChannelOrder>(input, "order",
                                  {{"rgb", format::ChannelOrder::kRgb},
                                   {"bgr", format::ChannelOrder::kBgr}});
}

std::vector<format::AnchorRecord> ReadAnchors(const ObjectReader& level) {
  std::vector<format::AnchorRecord> anchors;
  for (const nlohmann::json& pair : level.Array("anchors")) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() ||
        !pair[1].is_number() || !(pair[0].get<float>() > 0.0f) ||
        !(pair[1].get<float>() > 0.0f)) {
      level.Fail("anchors",
                 "expected [width, height] in pixels, found " + pair.dump());
    }
    anchors.push_back({pair[0].get<float>(), pair[1].get<float>()});
  }
  return anchors;
}

class LevelReader {
 public:
  LevelReader(const Graph& graph, BoxEncoding encoding)
      : graph_(graph), encoding_(encoding) {}

  GraphLevel Read(const ObjectReader& object) const {
    GraphLevel level;
    level.stride = object.Integer("stride", 1, format::kMaxDimension);
    const bool has_anchors =
        encoding_ == BoxEncoding::kYoloV3 || encoding_ == BoxEncoding::kSsd;
    if (has_anchors) level.anchors = ReadAnchors(object);
    if (encoding_ == BoxEncoding::kSsd) {
      level.class_tensor = Output(object, "scores");
      level.box_tensor = Output(object, "boxes");
    } else {
      level.class_tensor = level.box_tensor = Output(object, "output");
    }
    Check(object, level);
    return level;
  }

 private:
  int32_t Output(const ObjectReader& object, const char* key) const {
    const auto last = static_cast<int32_t>(graph_.levels.size()) - 1;
    return graph_.levels[object.Integer(key, 0, last)].class_tensor;
  }

  // That channels and size of the tensors are what they mean.
  void Check(const ObjectReader& object, const GraphLevel& level) const {
    const auto classes = static_cast<int32_t>(graph_.classes.size());
    const auto anchors = static_cast<int32_t>(level.anchors.size());
    const Shape scores = graph_.shape(level.class_tensor);
    const Shape boxes = graph_.shape(level.box_tensor);
    int32_t expected = 5 + classes;
    if (encoding_ == BoxEncoding::kYoloV3) expected *= anchors;
    if (encoding_ == BoxEncoding::kSsd) expected = anchors * (1 + classes);
    const auto fail = [&](const Shape& found, int32_t channels) {
      object.Fail("", "its output is " + std::to_string(found.h) + "x" +
                          std::to_string(found.w) + "x" +
                          std::to_string(found.c) + ", expected " +
                          std::to_string(channels) + " channels");
    };
    if (scores.c != expected) fail(scores, expected);
    if (encoding_ == BoxEncoding::kSsd && boxes.c != anchors * 4) {
      fail(boxes, anchors * 4);
    }
    if (boxes.h != scores.h || boxes.w != scores.w) {
      object.Fail("", "its outputs differ in size");
    }
  }

  const Graph& graph_;
  BoxEncoding encoding_;
};

}  // namespace

void ApplyHeadDescription(const std::string& path, Graph* graph) {
  const nlohmann::json document = ReadJson(path, "head description");
  const ObjectReader root(path, "", document);
  root.Expect("format", "ocellus-head");
  root.Expect("version", 1);
  if (root.Has("name")) graph->name = root.Text("name");
  if (graph->shape(graph->input).c != 3) {
    root.Fail("input", "the network's input has " +
                           std::to_string(graph->shape(graph->input).c) +
                           " channels, expected 3");
  }
  ReadInput(root.Object("input"), graph);
  graph->classes = root.Texts("classes");
  if (graph->classes.size() > format::kMaxClasses) {
    root.Fail("classes", "at most " + std::to_string(format::kMaxClasses));
  }
  const ObjectReader head = root.Object("head");
  graph->head.encoding =
      Named<BoxEncoding>(head, "kind",
                         {{"yolov3", BoxEncoding::kYoloV3},
                          {"yolox", BoxEncoding::kYoloX},
                          {"ssd", BoxEncoding::kSsd},
                          {"classifier", BoxEncoding::kClassifier}});
  graph->head.scores =
      Named<ScoreForm>(head, "scores",
                       {{"logits", ScoreForm::kLogits},
                        {"softmax_logits", ScoreForm::kSoftmaxLogits},
                        {"probabilities", ScoreForm::kProbabilities}});
  if (graph->head.encoding == BoxEncoding::kClassifier) {
    const int32_t output = graph->levels[0].class_tensor;
    const int64_t scores = graph->shape(output).elements();
    if (graph->levels.size() != 1 ||
        scores != static_cast<int64_t>(graph->classes.size())) {
      root.Fail("classes", "the network has " + std::to_string(scores) +
                               " scores in " +
                               std::to_string(graph->levels.size()) +
                               " outputs, expected one for each class in one");
    }
    return;
  }
  graph->score_threshold = head.Number("score_threshold", 0.0f, 1.0f);
  graph->nms_iou = head.Number("nms_iou", 0.0f, 1.0f);
  if (graph->head.encoding == BoxEncoding::kSsd) {
    graph->head.center_variance = head.Number("center_variance", 1e-6f, 1e6f);
    graph->head.size_variance = head.Number("size_variance", 1e-6f, 1e6f);
  }
  const LevelReader reader(*graph, graph->head.encoding);
  std::vector<GraphLevel> levels;
  for (const ObjectReader& level : head.Objects("levels")) {
    levels.push_back(reader.Read(level));
  }
  if (levels.size() > format::kMaxLevels) {
    head.Fail("levels", "at most " + std::to_string(format::kMaxLevels));
  }
  graph->levels = std::move(levels);
}

}  // namespace ocellus
