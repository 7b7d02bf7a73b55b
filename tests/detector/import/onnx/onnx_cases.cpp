// SPDX-License-Identifier: Apache-2.0
#include "tests/detector/import/onnx/onnx_cases.h"

#include <functional>

#include "tests/detector/import/onnx/onnx_builder.h"

namespace ocellus {
namespace {

using B = OnnxBuilder;

// A case of a network that starts with a convolution to 8 channels.
class CaseList {
 public:
  using Body = std::function<std::string(B&, const std::string&)>;

  void Add(const std::string& name, const Body& body, int64_t opset = 13,
           const std::string& same_as = "") {
    B builder(opset);
    const std::string image = builder.Image(3, 16, 12);
    builder.Output(body(builder, builder.Conv(image, 3, 8, 3)));
    cases_.push_back({name, builder.Finish(), same_as});
  }
  // Of one operator with neither constants nor attributes.
  void AddPlain(const std::string& op) {
    Add(op, [op](B& b, const std::string& x) { return b.Node(op, {x}); });
  }
  std::vector<OnnxCase> Take() { return std::move(cases_); }

 private:
  std::vector<OnnxCase> cases_;
};

std::string BatchNorm(B& b, const std::string& x, int64_t channels) {
  return b.Node(
      "BatchNormalization",
      {x, b.Random({channels}), b.Random({channels}), b.Random({channels}),
       b.Floats({channels},
                std::vector<float>(static_cast<std::size_t>(channels), 0.7f))});
}

B::Attributes Window(int64_t kernel, int64_t stride,
                     std::vector<int64_t> pads) {
  return {IntsAttribute("kernel_shape", {kernel, kernel}),
          IntsAttribute("strides", {stride, stride}),
          IntsAttribute("pads", std::move(pads))};
}

std::string Pad(B& b, const std::string& x, std::vector<int64_t> pads) {
  return b.Node("Pad", {x, b.Integers(std::move(pads)), b.Floats({}, {0.0f})});
}

void AddConvolutions(CaseList& cases) {
  cases.Add("conv_asymmetric", [](B& b, const std::string& x) {
    return b.Node("Conv", {x, b.Random({5, 8, 3, 2})},
                  {IntsAttribute("kernel_shape", {3, 2}),
                   IntsAttribute("strides", {2, 1}),
                   IntsAttribute("pads", {0, 1, 2, 0})});
  });
  cases.Add("conv_same", [](B& b, const std::string& x) {
    return b.Node("Conv", {x, b.Random({4, 8, 3, 3})},
                  {IntsAttribute("kernel_shape", {3, 3}),
                   IntsAttribute("strides", {2, 2}),
                   TextAttribute("auto_pad", "SAME_UPPER")});
  });
  cases.Add("conv_groups", [](B& b, const std::string& x) {
    return b.Conv(x, 8, 12, 3, 1, 2);
  });
  cases.Add("conv_depthwise", [](B& b, const std::string& x) {
    return b.Conv(x, 8, 8, 5, 2, 8);
  });
  cases.Add("conv_depth_multiplier", [](B& b, const std::string& x) {
    return b.Conv(x, 8, 16, 3, 1, 8);
  });
  cases.Add("batch_norm_folded", [](B& b, const std::string& x) {
    return b.Node("Relu", {BatchNorm(b, b.Conv(x, 8, 6, 1), 6)});
  });
  cases.Add("batch_norm_alone", [](B& b, const std::string& x) {
    return BatchNorm(b, b.Node("Relu", {x}), 8);
  });
  cases.Add("pad_conv", [](B& b, const std::string& x) {
    const std::string padded = Pad(b, x, {0, 0, 1, 2, 0, 0, 2, 0});
    return b.Node("Conv", {padded, b.Random({4, 8, 3, 3})},
                  {IntsAttribute("kernel_shape", {3, 3}),
                   IntsAttribute("strides", {2, 2})});
  });
  cases.Add("pad_max_pool", [](B& b, const std::string& x) {
    return b.Node("MaxPool", {Pad(b, x, {0, 0, 1, 1, 0, 0, 2, 2})},
                  Window(3, 2, {0, 0, 0, 0}));
  });
  cases.Add("gemm", [](B& b, const std::string& x) {
    return b.Node("Gemm",
                  {b.Node("Flatten", {x}), b.Random({10, 8 * 16 * 12}, 0.05f),
                   b.Random({10})},
                  {IntAttribute("transB", 1)});
  });
  cases.Add("matmul_add", [](B& b, const std::string& x) {
    const std::string pooled = b.Node("GlobalAveragePool", {x});
    const std::string flat = b.Node("Reshape", {pooled, b.Integers({1, -1})});
    return b.Node("Add",
                  {b.Node("MatMul", {flat, b.Random({8, 5})}), b.Random({5})});
  });
}

void AddFunctions(CaseList& cases) {
  for (const char* op :
       {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Softplus"}) {
    cases.AddPlain(op);
  }
  cases.Add("HardSigmoid", [](B& b, const std::string& x) {
    return b.Node("HardSigmoid", {x}, {FloatAttribute("alpha", 1.0f / 6.0f)});
  });
  cases.Add(
      "HardSwish",
      [](B& b, const std::string& x) { return b.Node("HardSwish", {x}); }, 14);
  cases.Add(
      "clip",
      [](B& b, const std::string& x) {
        return b.Node("Clip", {x, b.Floats({}, {0.0f}), b.Floats({}, {0.5f})});
      },
      13, "clip_by_attributes");
  cases.Add(
      "clip_by_attributes",
      [](B& b, const std::string& x) {
        return b.Node(
            "Clip", {x},
            {FloatAttribute("min", 0.0f), FloatAttribute("max", 0.5f)});
      },
      10);
  cases.Add("silu", [](B& b, const std::string& x) {
    return b.Node("Mul", {x, b.Node("Sigmoid", {x})});
  });
  cases.Add("mish", [](B& b, const std::string& x) {
    return b.Node("Mul", {x, b.Node("Tanh", {b.Node("Softplus", {x})})});
  });
  // As PyTorch wrote hard-swish before opset 14.
  cases.Add(
      "hard_swish_in_parts",
      [](B& b, const std::string& x) {
        const std::string shifted = b.Node("Add", {x, b.Floats({}, {3.0f})});
        const std::string clipped = b.Node(
            "Clip", {shifted, b.Floats({}, {0.0f}), b.Floats({}, {6.0f})});
        const std::string product = b.Node("Mul", {x, clipped});
        return b.Node("Div", {product, b.Floats({}, {6.0f})});
      },
      13, "HardSwish");
  cases.Add("constants_of_channels", [](B& b, const std::string& x) {
    const std::string scaled =
        b.Node("Mul", {b.Node("Relu", {x}), b.Random({1, 8, 1, 1})});
    return b.Node("Sub", {scaled, b.Random({8, 1, 1})});
  });
  cases.Add("softmax", [](B& b, const std::string& x) {
    return b.Node("Softmax", {x}, {IntAttribute("axis", 1)});
  });
  cases.Add("softmax_of_vector", [](B& b, const std::string& x) {
    const std::string flat =
        b.Node("Flatten", {b.Node("GlobalAveragePool", {x})});
    return b.Node("Softmax", {flat}, {IntAttribute("axis", -1)});
  });
}

void AddPools(CaseList& cases) {
  cases.Add("max_pool", [](B& b, const std::string& x) {
    return b.Node("MaxPool", {x}, Window(3, 2, {1, 1, 1, 1}));
  });
  cases.Add("max_pool_ceil", [](B& b, const std::string& x) {
    B::Attributes attributes = Window(3, 2, {0, 0, 0, 0});
    attributes.push_back(IntAttribute("ceil_mode", 1));
    return b.Node("MaxPool", {x}, attributes);
  });
  cases.Add("average_pool", [](B& b, const std::string& x) {
    return b.Node("AveragePool", {x}, Window(3, 2, {1, 1, 1, 1}));
  });
  cases.Add(
      "average_pool_with_padding",
      [](B& b, const std::string& x) {
        B::Attributes attributes = Window(3, 2, {1, 1, 1, 1});
        attributes.push_back(IntAttribute("count_include_pad", 1));
        return b.Node("AveragePool", {x}, attributes);
      },
      13, "pad_average_pool");
  cases.Add("pad_average_pool", [](B& b, const std::string& x) {
    return b.Node("AveragePool", {Pad(b, x, {0, 0, 1, 1, 0, 0, 1, 1})},
                  Window(3, 2, {0, 0, 0, 0}));
  });
  cases.AddPlain("GlobalAveragePool");
  cases.AddPlain("GlobalMaxPool");
  cases.Add("reduce_mean", [](B& b, const std::string& x) {
    return b.Node("ReduceMean", {x},
                  {IntsAttribute("axes", {2, 3}), IntAttribute("keepdims", 0)});
  });
  cases.Add("resize", [](B& b, const std::string& x) {
    return b.Node(
        "Resize", {x, "", b.Floats({4}, {1, 1, 2, 3})},
        {TextAttribute("mode", "nearest"),
         TextAttribute("nearest_mode", "floor"),
         TextAttribute("coordinate_transformation_mode", "asymmetric")});
  });
  cases.Add(
      "upsample",
      [](B& b, const std::string& x) {
        return b.Node("Upsample", {x, b.Floats({4}, {1, 1, 2, 2})},
                      {TextAttribute("mode", "nearest")});
      },
      9);
}

void AddJoins(CaseList& cases) {
  cases.Add("add", [](B& b, const std::string& x) {
    return b.Node("Relu", {b.Node("Add", {x, b.Conv(x, 8, 8, 1)})});
  });
  cases.Add("mul", [](B& b, const std::string& x) {
    return b.Node("Mul", {x, b.Conv(x, 8, 8, 1)});
  });
  cases.Add("squeeze_and_excite", [](B& b, const std::string& x) {
    const std::string pooled = b.Node("GlobalAveragePool", {x});
    const std::string inner = b.Node("Relu", {b.Conv(pooled, 8, 4, 1)});
    const std::string gate = b.Node("HardSigmoid", {b.Conv(inner, 4, 8, 1)});
    return b.Node("Mul", {gate, x});
  });
  cases.Add("concat", [](B& b, const std::string& x) {
    return b.Node("Concat", {x, b.Conv(x, 8, 3, 1), b.Node("Relu", {x})},
                  {IntAttribute("axis", 1)});
  });
  cases.Add("concat_rows", [](B& b, const std::string& x) {
    return b.Node("Concat", {x, b.Conv(x, 8, 8, 1)}, {IntAttribute("axis", 2)});
  });
}

void AddMoves(CaseList& cases) {
  cases.Add("transposed_there_and_back", [](B& b, const std::string& x) {
    const std::string there =
        b.Node("Transpose", {x}, {IntsAttribute("perm", {0, 2, 3, 1})});
    const std::string back = b.Node("Transpose", {b.Node("Sigmoid", {there})},
                                    {IntsAttribute("perm", {0, 3, 1, 2})});
    return b.Conv(back, 8, 4, 3);
  });
  cases.Add("identity_and_dropout", [](B& b, const std::string& x) {
    return b.Node("Relu", {b.Node("Dropout", {b.Node("Identity", {x})})});
  });
  cases.Add(
      "shape_in_the_file",
      [](B& b, const std::string& x) {
        const std::string pooled = b.Node("GlobalAveragePool", {x});
        const std::string batch =
            b.Node("Gather", {b.Node("Shape", {pooled}), b.Integers({0})});
        const std::string shape = b.Node("Concat", {batch, b.Integers({-1})},
                                         {IntAttribute("axis", 0)});
        return b.Node("Gemm",
                      {b.Node("Reshape", {pooled, shape}), b.Random({3, 8}),
                       b.Random({3})},
                      {IntAttribute("transB", 1)});
      },
      13, "gemm_of_vector");
  cases.Add("gemm_of_vector", [](B& b, const std::string& x) {
    const std::string pooled = b.Node("GlobalAveragePool", {x});
    return b.Node(
        "Gemm", {b.Node("Flatten", {pooled}), b.Random({3, 8}), b.Random({3})},
        {IntAttribute("transB", 1)});
  });
  cases.Add(
      "squeezed",
      [](B& b, const std::string& x) {
        const std::string pooled = b.Node("GlobalAveragePool", {x});
        const std::string flat =
            b.Node("Squeeze", {pooled, b.Integers({2, 3})});
        const std::string map = b.Node("Unsqueeze", {flat, b.Integers({2, 3})});
        return b.Conv(map, 8, 4, 1);
      },
      13, "squeezed_by_attributes");
  cases.Add(
      "squeezed_by_attributes",
      [](B& b, const std::string& x) {
        const std::string pooled = b.Node("GlobalAveragePool", {x});
        const std::string flat =
            b.Node("Squeeze", {pooled}, {IntsAttribute("axes", {2, 3})});
        const std::string map =
            b.Node("Unsqueeze",
                   {b.Node("Unsqueeze", {flat}, {IntsAttribute("axes", {2})})},
                   {IntsAttribute("axes", {3})});
        return b.Conv(map, 8, 4, 1);
      },
      11);
  // As YOLO heads end: [1, anchors, rows, columns, values].
  cases.Add("yolo_ending", [](B& b, const std::string& x) {
    const std::string split =
        b.Node("Reshape", {x, b.Integers({1, 2, 4, 16, 12})});
    const std::string moved =
        b.Node("Transpose", {split}, {IntsAttribute("perm", {0, 3, 4, 1, 2})});
    return b.Node("Sigmoid", {moved});
  });
  // Maps of two sizes as one list.
  cases.Add("joined_list", [](B& b, const std::string& x) {
    std::vector<std::string> lists;
    for (const std::string& map : {x, b.Conv(x, 8, 8, 3, 2)}) {
      const std::string moved =
          b.Node("Transpose", {map}, {IntsAttribute("perm", {0, 2, 3, 1})});
      lists.push_back(b.Node("Reshape", {moved, b.Integers({1, -1, 4})}));
    }
    return b.Node("Concat", lists, {IntAttribute("axis", 1)});
  });
}

// Weights of int8 behind a DequantizeLinear with a scale for each output.
std::string QuantisedWeights(B& b, std::vector<int64_t> dims,
                             std::vector<float> scales) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  std::vector<int32_t> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<int32_t>(i * 37 % 255) - 127);
  }
  const auto channels = static_cast<int64_t>(scales.size());
  const std::vector<int32_t> zeros(scales.size(), 0);
  return b.Node(
      "DequantizeLinear",
      {b.Bytes(dims, values, true), b.Floats({channels}, std::move(scales)),
       b.Bytes({channels}, zeros, true)},
      {IntAttribute("axis", 0)});
}

}  // namespace

std::vector<OnnxCase> OnnxCases() {
  CaseList cases;
  AddConvolutions(cases);
  AddFunctions(cases);
  AddPools(cases);
  AddJoins(cases);
  AddMoves(cases);
  return cases.Take();
}

OnnxCase QuantisedOnnxCase() {
  B b;
  const std::string image =
      b.Quantised(b.Image(3, 16, 12), 1.0f / 255.0f, 0, false);
  const std::string bias =
      b.Node("DequantizeLinear",
             {b.Int32s({300, -200, 100, 5}), b.Floats({}, {0.001f / 255.0f})});
  const std::string conv = b.Node(
      "Conv",
      {image,
       QuantisedWeights(b, {4, 3, 3, 3}, {0.001f, 0.002f, 0.0015f, 0.001f}),
       bias},
      Window(3, 1, {1, 1, 1, 1}));
  const std::string first =
      b.Quantised(b.Node("Relu", {conv}), 0.004f, 10, false);
  const std::string depthwise = b.Node(
      "Conv",
      {first,
       QuantisedWeights(b, {4, 1, 3, 3}, {0.003f, 0.002f, 0.004f, 0.003f})},
      {IntsAttribute("pads", {1, 1, 1, 1}), IntAttribute("group", 4)});
  const std::string second = b.Quantised(depthwise, 0.009f, 3, true);
  const std::string sum =
      b.Quantised(b.Node("Add", {first, second}), 0.01f, -20, true);
  const std::string gate =
      b.Quantised(b.Node("Sigmoid", {sum}), 1.0f / 256.0f, 0, false);
  const std::string joined =
      b.Quantised(b.Node("Concat", {first, gate}, {IntAttribute("axis", 1)}),
                  0.006f, -100, true);
  b.Output(b.Quantised(b.Node("MaxPool", {joined}, Window(2, 2, {0, 0, 0, 0})),
                       0.006f, -100, true));
  return {"quantised", b.Finish()};
}

}  // namespace ocellus
