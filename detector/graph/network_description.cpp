// SPDX-License-Identifier: Apache-2.0
#include "detector/graph/network_description.h"

#include <algorithm>

#include "detector/compile_error.h"
#include "detector/graph/object_reader.h"
#include "runtime/model_format.h"

namespace ocellus {

using nlohmann::json;

namespace {

// Of levels finer than all outputs nothing would come.
bool AreOutputs(const std::vector<int32_t>& outputs,
                const std::vector<int32_t>& strides) {
  return outputs.front() == strides.front() &&
         std::is_sorted(outputs.begin(), outputs.end()) &&
         std::includes(strides.begin(), strides.end(), outputs.begin(),
                       outputs.end());
}

}  // namespace

NetworkDescription ReadNetworkDescription(const std::string& path) {
  const json document = ReadJson(path, "network description");
  constexpr int32_t kMaxDimension = format::kMaxDimension;
  constexpr int32_t kMaxKernel = format::kMaxKernel;
  constexpr int32_t kMaxStride = format::kMaxStride;
  const ObjectReader root(path, "", document);
  root.Expect("format", "ocellus-network");
  root.Expect("version", 1);
  NetworkDescription network;
  network.name = root.Text("name");
  network.classes = root.Texts("classes");
  if (network.classes.size() > format::kMaxClasses) {
    root.Fail("classes", "at most " + std::to_string(format::kMaxClasses));
  }

  const ObjectReader input = root.Object("input");
  input.Expect("order", "rgb");
  input.Expect("channels", 3);
  network.input = {input.Integer("height", 1, kMaxDimension),
                   input.Integer("width", 1, kMaxDimension), 3};
  network.input_mean = input.Number("mean", 0.0f, 255.0f);
  network.input_std = input.Number("std", 1e-3f, 1e6f);

  // With an odd kernel and half of it as padding, a convolution keeps the size
  // of its input, or halves it, as residual and head additions need.
  const auto kernel_of = [](const ObjectReader& object) {
    const int32_t kernel = object.Integer("kernel", 1, kMaxKernel);
    if (kernel % 2 == 0) object.Fail("kernel", "expected an odd number");
    return kernel;
  };
  const ObjectReader backbone = root.Object("backbone");
  backbone.Expect("activation", "relu6");
  const ObjectReader stem = backbone.Object("stem");
  network.stem = {kernel_of(stem), stem.Integer("stride", 1, kMaxStride),
                  stem.Integer("width", 1, kMaxDimension)};
  for (const ObjectReader& block : backbone.Objects("blocks")) {
    network.blocks.push_back({kernel_of(block),
                              block.Integer("expansion", 1, 64),
                              block.Integer("width", 1, kMaxDimension),
                              block.Integer("depth", 1, 64),
                              block.Integer("stride", 1, kMaxStride)});
  }

  const ObjectReader head = root.Object("head");
  head.Expect("type", "yolo");
  head.Expect("encoding", "ltrb_exp");
  const auto strides = head.Integers("strides", 1, kMaxDimension);
  for (std::size_t i = 1; i < strides.size(); ++i) {
    if (strides[i] != 2 * strides[i - 1]) {
      head.Fail("strides", "expected each to be twice the one before");
    }
  }
  network.head = {strides,
                  head.Integers("width", strides.size(), 1, kMaxDimension),
                  kernel_of(head),
                  head.Integer("tower_depth", 0, 16),
                  head.Number("score_threshold", 0.0f, 1.0f),
                  head.Number("nms_iou", 0.0f, 1.0f)};
  if (head.Has("outputs")) {
    network.head.outputs = head.Integers("outputs", 1, kMaxDimension);
    if (!AreOutputs(network.head.outputs, strides)) {
      head.Fail("outputs",
                "expected the first of head.strides, and others in order");
    }
  }
  if (head.Has("separate")) {
    network.head.separate =
        head.Integers("separate", strides.size(), 0, network.head.tower_depth);
  }
  if (network.head.strides.size() > format::kMaxLevels) {
    head.Fail("strides", "at most " + std::to_string(format::kMaxLevels));
  }
  const int32_t coarsest = network.head.strides.back();
  if (network.input.h % coarsest != 0 || network.input.w % coarsest != 0) {
    root.Fail("input", "expected height and width to be multiples of " +
                           std::to_string(coarsest));
  }
  return network;
}

std::string NetworkDescriptionText(const NetworkDescription& network) {
  using nlohmann::ordered_json;
  ordered_json blocks = ordered_json::array();
  for (const BlockDescription& block : network.blocks) {
    blocks.push_back({{"kernel", block.kernel},
                      {"expansion", block.expansion},
                      {"width", block.width},
                      {"depth", block.depth},
                      {"stride", block.stride}});
  }
  const std::vector<int32_t>& widths = network.head.widths;
  const bool one_width =
      std::all_of(widths.begin(), widths.end(),
                  [&](int32_t width) { return width == widths.front(); });
  const ordered_json width =
      one_width ? ordered_json(widths.front()) : ordered_json(widths);
  ordered_json head = {{"type", "yolo"},
                       {"encoding", "ltrb_exp"},
                       {"strides", network.head.strides},
                       {"width", width},
                       {"kernel", network.head.kernel},
                       {"tower_depth", network.head.tower_depth},
                       {"score_threshold", network.head.score_threshold},
                       {"nms_iou", network.head.nms_iou}};
  if (!network.head.outputs.empty()) head["outputs"] = network.head.outputs;
  if (!network.head.separate.empty()) head["separate"] = network.head.separate;
  const ordered_json document = {{"format", "ocellus-network"},
                                 {"version", 1},
                                 {"name", network.name},
                                 {"input",
                                  {{"height", network.input.h},
                                   {"width", network.input.w},
                                   {"channels", 3},
                                   {"order", "rgb"},
                                   {"mean", network.input_mean},
                                   {"std", network.input_std}}},
                                 {"classes", network.classes},
                                 {"backbone",
                                  {{"activation", "relu6"},
                                   {"stem",
                                    {{"kernel", network.stem.kernel},
                                     {"stride", network.stem.stride},
                                     {"width", network.stem.width}}},
                                   {"blocks", blocks}}},
                                 {"head", head}};
  return document.dump(2) + "\n";
}

}  // namespace ocellus
