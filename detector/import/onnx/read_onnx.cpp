// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/read_onnx.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "detector/compile_error.h"
#include "detector/import/onnx/constant.h"
#include "detector/import/onnx/separate_quantisations.h"
#include "detector/import/onnx/strided_view.h"

namespace ocellus {
namespace {

using format::OpKind;
using onnx::TensorProto;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Of all constants together that operators were given copies of.
constexpr int64_t kMostWeights = int64_t{1} << 26;
constexpr int64_t kMostElements = int64_t{1} << 28;  // of a tensor

struct Padding {
  int32_t top = 0;
  int32_t left = 0;
  int32_t bottom = 0;
  int32_t right = 0;

  bool any() const {
    return top != 0 || left != 0 || bottom != 0 || right != 0;
  }
};

// Some of a tensor of the graph, as the file sees it.
struct Piece {
  int32_t tensor = kNone;
  StridedView view;
};

// What a name of the file stands for: one piece, or several that a Concat joins
// which only the network's outputs may read. One may still have to be padded.
struct Value {
  std::vector<Piece> pieces;
  Padding padding = {};

  int32_t tensor() const { return pieces[0].tensor; }
  const StridedView& view() const { return pieces[0].view; }
};

// a * x + b, for each channel or for all.
struct Affine {
  std::vector<float> a;
  std::vector<float> b;
};

class Lowering {
 public:
  Lowering(std::string path, const onnx::ModelProto& model)
      : path_(std::move(path)), model_(model), file_(model.graph()) {}

  Graph Run() {
    graph_.name = std::filesystem::path(path_).stem().string();
    graph_.head.encoding = format::BoxEncoding::kNone;
    TakeOpset();
    CountUses();
    TakeConstants();
    TakeInput();
    for (int i = 0; i < file_.node_size(); ++i) {
      node_index_ = i;
      node_ = &file_.node(i);
      LowerNode();
    }
    node_ = nullptr;
    TakeOutputs();
    SeparateQuantisations(&graph_);
    if (graph_.ops.size() > format::kMaxOps) Fail("too many operators");
    return std::move(graph_);
  }

 private:
  using Lower = void (Lowering::*)();

  static const std::map<std::string, Lower>& Supported();

  [[noreturn]] void Fail(const std::string& what) const {
    if (node_ == nullptr) throw CompileError(path_ + ": " + what);
    const std::string called =
        node_->name().empty() ? "" : " \"" + node_->name() + "\"";
    throw CompileError(path_ + ": node " + std::to_string(node_index_) + " (" +
                       node_->op_type() + called + "): " + what);
  }

  void LowerNode() {
    const auto found = Supported().find(node_->op_type());
    const bool is_standard =
        node_->domain().empty() || node_->domain() == "ai.onnx";
    if (found == Supported().end() || !is_standard) {
      std::string names;
      for (const auto& [name, lower] : Supported()) {
        names += (names.empty() ? "" : ", ") + name;
      }
      Fail((is_standard ? "" : "of domain " + node_->domain() + " is ") +
           std::string("not supported; supported are ") + names);
    }
    if (node_->output_size() < 1) Fail("has no output");
    (this->*found->second)();
  }

  // --- The file.

  void TakeOpset() {
    for (const auto& import : model_.opset_import()) {
      if (import.domain().empty() || import.domain() == "ai.onnx") {
        opset_ = import.version();
      }
    }
    constexpr int64_t kOldest = 7;  // broadcasting as today
    if (opset_ < kOldest) {
      Fail("opset " + std::to_string(opset_) + ": expected " +
           std::to_string(kOldest) + " or later");
    }
  }

  void CountUses() {
    for (const auto& node : file_.node()) {
      for (const std::string& input : node.input()) ++uses_[input];
    }
    for (const auto& output : file_.output()) ++uses_[output.name()];
  }

  void TakeConstants() {
    for (const TensorProto& tensor : file_.initializer()) {
      constants_[tensor.name()] = Read(tensor);
    }
  }

  OnnxConstant Read(const TensorProto& tensor) const {
    std::string reason;
    std::optional<OnnxConstant> constant = ReadConstant(tensor, &reason);
    if (!constant) Fail(reason);
    return std::move(*constant);
  }

  void TakeInput() {
    const onnx::ValueInfoProto* image = nullptr;
    for (const auto& input : file_.input()) {
      if (constants_.contains(input.name())) continue;
      if (image != nullptr) Fail("expected one input, the image");
      image = &input;
    }
    if (image == nullptr) Fail("has no input");
    const auto& type = image->type().tensor_type();
    if (type.elem_type() != TensorProto::FLOAT) {
      Fail("input \"" + image->name() + "\": expected FLOAT");
    }
    const auto& dims = type.shape().dim();
    if (dims.size() != 4) {
      Fail("input \"" + image->name() + "\" has " +
           std::to_string(dims.size()) + " dimensions, expected 1xCxHxW");
    }
    // A batch of any size is a batch of 1 here.
    if (dims[0].dim_value() > 1) {
      Fail("a batch of " + std::to_string(dims[0].dim_value()) +
           ": expected 1");
    }
    for (int i = 1; i < 4; ++i) {
      if (dims[i].dim_value() < 1 ||
          dims[i].dim_value() > format::kMaxDimension) {
        Fail("input \"" + image->name() + "\": expected fixed sizes of 1 to " +
             std::to_string(format::kMaxDimension) + " (dimension " +
             std::to_string(i) + ")");
      }
    }
    const Shape shape = {static_cast<int32_t>(dims[2].dim_value()),
                         static_cast<int32_t>(dims[3].dim_value()),
                         static_cast<int32_t>(dims[1].dim_value())};
    graph_.input = NewTensor(image->name(), shape);
    SetMap(image->name(), graph_.input);
  }

  void TakeOutputs() {
    for (const auto& output : file_.output()) {
      const auto found = values_.find(output.name());
      if (found == values_.end()) {
        Fail("output \"" + output.name() + "\" is a constant or not written");
      }
      if (found->second.padding.any()) {
        Fail("output \"" + output.name() + "\" is only padded");
      }
      for (const Piece& piece : found->second.pieces) {
        graph_.levels.push_back({piece.tensor, piece.tensor, 1, {}});
      }
    }
    if (graph_.levels.empty() || graph_.levels.size() > format::kMaxLevels) {
      Fail("has " + std::to_string(graph_.levels.size()) +
           " outputs, expected 1 to " + std::to_string(format::kMaxLevels));
    }
    if (graph_.ops.empty()) Fail("has no operators");
  }

  // --- Attributes.

  const onnx::AttributeProto* Attribute(const char* name) const {
    for (const auto& attribute : node_->attribute()) {
      if (attribute.name() == name) return &attribute;
    }
    return nullptr;
  }
  int64_t Int(const char* name, int64_t otherwise) const {
    const auto* attribute = Attribute(name);
    return attribute == nullptr ? otherwise : attribute->i();
  }
  float Float(const char* name, float otherwise) const {
    const auto* attribute = Attribute(name);
    return attribute == nullptr ? otherwise : attribute->f();
  }
  std::string Text(const char* name, const char* otherwise) const {
    const auto* attribute = Attribute(name);
    return attribute == nullptr ? otherwise : attribute->s();
  }
  std::vector<int64_t> Ints(const char* name,
                            std::vector<int64_t> otherwise) const {
    const auto* attribute = Attribute(name);
    if (attribute == nullptr) return otherwise;
    return {attribute->ints().begin(), attribute->ints().end()};
  }
  // Of as many numbers as `otherwise` has, each from `least` to `most`.
  std::vector<int32_t> Small(const char* name, std::vector<int64_t> otherwise,
                             int64_t least, int64_t most) const {
    const std::size_t count = otherwise.size();
    const std::vector<int64_t> values = Ints(name, std::move(otherwise));
    std::vector<int32_t> small;
    for (const int64_t value : values) {
      if (value < least || value > most) {
        Fail(std::string(name) + " " + std::to_string(value) + ": expected " +
             std::to_string(least) + " to " + std::to_string(most));
      }
      small.push_back(static_cast<int32_t>(value));
    }
    if (small.size() != count) {
      Fail(std::string(name) + ": expected " + std::to_string(count) +
           " numbers, for rows and columns");
    }
    return small;
  }

  // --- Inputs and outputs of a node.

  bool HasInput(int i) const {
    return i < node_->input_size() && !node_->input(i).empty();
  }
  const std::string& InputName(int i) const {
    if (!HasInput(i)) Fail("input " + std::to_string(i) + " is missing");
    return node_->input(i);
  }
  const std::string& OutputName() const { return node_->output(0); }

  const OnnxConstant* ConstantOrNull(int i) const {
    if (!HasInput(i)) return nullptr;
    const auto found = constants_.find(node_->input(i));
    return found == constants_.end() ? nullptr : &found->second;
  }
  bool IsConstant(int i) const { return ConstantOrNull(i) != nullptr; }
  const OnnxConstant& ConstantAt(int i) const {
    const OnnxConstant* constant = ConstantOrNull(i);
    if (constant == nullptr) {
      Fail("input \"" + InputName(i) + "\": expected a constant");
    }
    return *constant;
  }
  const std::vector<float>& Floats(int i) const {
    const OnnxConstant& constant = ConstantAt(i);
    if (!constant.is_float()) {
      Fail("input \"" + InputName(i) + "\": expected FLOAT");
    }
    for (const float value : constant.floats) {
      if (!std::isfinite(value)) {
        Fail("input \"" + InputName(i) + "\": a number that is not finite");
      }
    }
    return constant.floats;
  }
  const std::vector<int64_t>& Integers(int i) const {
    const OnnxConstant& constant = ConstantAt(i);
    if (constant.is_float()) {
      Fail("input \"" + InputName(i) + "\": expected integers");
    }
    return constant.integers;
  }
  // One number; `otherwise` where the input is left out.
  float Scalar(int i, float otherwise) const {
    if (!HasInput(i)) return otherwise;
    const std::vector<float>& values = ConstantAt(i).floats;
    if (values.size() != 1 || std::isnan(values[0])) {
      Fail("input \"" + InputName(i) + "\": expected one number");
    }
    return values[0];
  }

  const Value& ValueAt(int i) const {
    const auto found = values_.find(InputName(i));
    if (found == values_.end()) {
      Fail("input \"" + InputName(i) +
           "\" is a constant or not written before: expected an activation");
    }
    return found->second;
  }
  // A value of one piece, padded if need be.
  const Value& Input(int i) {
    if (ValueAt(i).pieces.size() != 1) {
      Fail("reads joined maps of unlike layouts: only outputs may");
    }
    if (ValueAt(i).padding.any()) {
      SetMap(InputName(i), AppendPad(ValueAt(i)));
    }
    return ValueAt(i);
  }
  // An input as a tensor [H, W, C], the padding aside.
  int32_t Map(const Value& value) {
    if (value.pieces.size() != 1) {
      Fail("reads joined maps of unlike layouts: only outputs may");
    }
    const std::optional<Shape> shape = value.view().AsMap();
    if (!shape) {
      Fail(
          "its input lies in another order, or has more dimensions: expected "
          "1xCxHxW or 1xC, with nothing moved by Reshape and Transpose");
    }
    if (*shape == graph_.shape(value.tensor())) return value.tensor();
    return AppendReshape(value.tensor(), *shape);
  }
  int32_t InputMap(int i) { return Map(Input(i)); }

  void SetValue(Value value) { values_[OutputName()] = std::move(value); }
  void SetMap(const std::string& name, int32_t tensor) {
    values_[name] = {
        .pieces = {{tensor, StridedView::OfMap(graph_.shape(tensor))}}};
    owners_[tensor] = name;
  }
  // Elementwise on a tensor: the file sees its elements as before.
  void SetLike(const Value& input, int32_t tensor) {
    SetValue({.pieces = {{tensor, input.view()}}});
    owners_[tensor] = OutputName();
  }
  // A map in as many dimensions as the input has.
  void SetLikeRank(std::size_t rank, int32_t tensor) {
    SetMap(OutputName(), tensor);
    const Shape shape = graph_.shape(tensor);
    if (rank == 2) {
      values_[OutputName()].pieces[0].view = StridedView::OfVector(shape.c);
    }
  }
  void SetConstant(OnnxConstant constant) {
    constants_[OutputName()] = std::move(constant);
  }

  // --- The graph.

  int32_t NewTensor(const std::string& name, const Shape& shape) {
    for (const int32_t dim : {shape.h, shape.w, shape.c}) {
      if (dim < 1 || dim > format::kMaxDimension) {
        Fail("a tensor of " + std::to_string(shape.h) + "x" +
             std::to_string(shape.w) + "x" + std::to_string(shape.c) +
             ": 1 to " + std::to_string(format::kMaxDimension) +
             " in each direction");
      }
    }
    if (shape.elements() > kMostElements) Fail("a tensor that is too large");
    if (graph_.tensors.size() >= format::kMaxTensors) Fail("too many tensors");
    return graph_.AddTensor(name, shape);
  }

  int32_t Append(GraphOp op) {
    if (graph_.ops.size() >= format::kMaxOps) Fail("too many operators");
    producers_[op.output] = graph_.ops.size();
    graph_.ops.push_back(std::move(op));
    return graph_.ops.back().output;
  }

  // Before weights are copied.
  void Spend(int64_t weights) {
    weights_ += weights;
    if (weights > kMostWeights || weights_ > kMostWeights) {
      Fail("more weights than " + std::to_string(kMostWeights));
    }
  }

  int32_t AppendReshape(int32_t tensor, const Shape& shape) {
    GraphOp op;
    op.kind = OpKind::kReshape;
    op.input = tensor;
    op.output = NewTensor(graph_.tensors[tensor].name, shape);
    graph_.tensors[op.output].quant = graph_.tensors[tensor].quant;
    return Append(std::move(op));
  }

  int32_t AppendLookup(int32_t tensor, std::function<float(float)> function) {
    GraphOp op;
    op.kind = OpKind::kLookup;
    op.input = tensor;
    op.function = std::move(function);
    op.output = NewTensor(OutputName(), graph_.shape(tensor));
    return Append(std::move(op));
  }

  // Zeros around a map: a depthwise convolution whose one weight picks the
  // pixel itself.
  int32_t AppendPad(const Value& value) {
    const Padding padding = value.padding;
    GraphOp op;
    op.kind = OpKind::kDepthwiseConv2d;
    op.input = Map(value);
    op.kernel_h = padding.top + padding.bottom + 1;
    op.kernel_w = padding.left + padding.right + 1;
    op.pad_top = op.kernel_h - 1;
    op.pad_left = op.kernel_w - 1;
    constexpr auto kMost = static_cast<int32_t>(format::kMaxKernel);
    if (op.kernel_h > kMost || op.kernel_w > kMost) {
      Fail("pads more than " + std::to_string(kMost - 1) +
           " rows or columns where no convolution takes it");
    }
    const Shape in = graph_.shape(op.input);
    op.output = NewTensor(graph_.tensors[op.input].name + "/padded",
                          {in.h + op.pad_top, in.w + op.pad_left, in.c});
    graph_.tensors[op.output].quant = graph_.tensors[op.input].quant;
    Spend(int64_t{op.kernel_h} * op.kernel_w * in.c);
    op.weights.assign(
        static_cast<std::size_t>(op.kernel_h) * op.kernel_w * in.c, 0.0f);
    const int32_t tap = padding.bottom * op.kernel_w + padding.right;
    std::fill_n(op.weights.begin() + tap * in.c, in.c, 1.0f);
    op.weight_scales.assign(in.c, 1.0f);
    op.bias.assign(in.c, 0.0f);
    return Append(std::move(op));
  }

  // The op that wrote an input, if that may still change: nobody else reads
  // what it wrote, and no quantisation is prescribed.
  GraphOp* Changeable(int i) {
    const Value& value = ValueAt(i);
    if (value.pieces.size() != 1 || value.padding.any()) return nullptr;
    const int32_t tensor = value.tensor();
    const auto producer = producers_.find(tensor);
    if (producer == producers_.end() || uses_[InputName(i)] != 1 ||
        owners_[tensor] != InputName(i) || graph_.tensors[tensor].quant) {
      return nullptr;
    }
    return &graph_.ops[producer->second];
  }
  // What it wrote is now the output of this node.
  void Absorb(int i) {
    const Value value = ValueAt(i);
    graph_.tensors[value.tensor()].name = OutputName();
    SetLike(value, value.tensor());
  }

  // --- Functions of one value.

  void LowerFunction(std::function<float(float)> function) {
    LowerFunctionOf(0, std::move(function));
  }
  // Into the table before it if there is one.
  void LowerFunctionOf(int i, std::function<float(float)> function) {
    const Value value = Input(i);
    GraphOp* before = Changeable(i);
    if (before != nullptr && before->kind == OpKind::kLookup) {
      before->function = [first = std::move(before->function),
                          then = std::move(function)](float x) {
        return then(first(x));
      };
      return Absorb(i);
    }
    SetLike(value, AppendLookup(value.tensor(), std::move(function)));
  }

  void LowerClamp(float min, float max) {
    if (!(min <= max)) Fail("expected bounds in order");
    Input(0);
    GraphOp* before = Changeable(0);
    const bool has_activation =
        before != nullptr &&
        (before->is_convolution() || before->kind == OpKind::kAdd ||
         before->kind == OpKind::kMul);
    if (has_activation && before->activation_min <= max &&
        min <= before->activation_max) {
      before->activation_min = std::max(before->activation_min, min);
      before->activation_max = std::min(before->activation_max, max);
      return Absorb(0);
    }
    LowerFunction([min, max](float x) { return std::clamp(x, min, max); });
  }

  void LowerRelu() { LowerClamp(0.0f, kInfinity); }
  void LowerClip() {
    const bool by_input = opset_ >= 11;
    LowerClamp(by_input ? Scalar(1, -kInfinity) : Float("min", -kInfinity),
               by_input ? Scalar(2, kInfinity) : Float("max", kInfinity));
  }
  void LowerSigmoid() {
    LowerFunction([](float x) { return 1.0f / (1.0f + std::exp(-x)); });
  }
  void LowerTanh() {
    LowerFunction([](float x) { return std::tanh(x); });
  }
  void LowerSoftplus() {
    LowerFunction([](float x) {
      return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x)));
    });
  }
  void LowerLeakyRelu() {
    const float alpha = Float("alpha", 0.01f);
    LowerFunction([alpha](float x) { return x < 0.0f ? alpha * x : x; });
  }
  void LowerElu() {
    const float alpha = Float("alpha", 1.0f);
    LowerFunction(
        [alpha](float x) { return x < 0.0f ? alpha * std::expm1(x) : x; });
  }
  void LowerHardSigmoid() {
    const float alpha = Float("alpha", 0.2f);
    const float beta = Float("beta", 0.5f);
    LowerFunction([alpha, beta](float x) {
      return std::clamp(alpha * x + beta, 0.0f, 1.0f);
    });
  }
  void LowerHardSwish() {
    LowerFunction(
        [](float x) { return x * std::clamp(x / 6.0f + 0.5f, 0.0f, 1.0f); });
  }

  // --- Products and sums with constants.

  // A constant operand as one number, or one for each of the channels.
  std::vector<float> PerChannel(int i, const Value& value) const {
    const OnnxConstant& constant = ConstantAt(i);
    const std::vector<float>& numbers = Floats(i);
    if (numbers.size() == 1) return numbers;
    const auto rank = static_cast<int64_t>(value.view().rank());
    const auto own_rank = static_cast<int64_t>(constant.dims.size());
    const auto channels = static_cast<int64_t>(numbers.size());
    for (int64_t d = 0; d < own_rank; ++d) {
      if (constant.dims[d] != channels) continue;
      const int64_t dim = d + rank - own_rank;
      if (dim >= 0 && channels == graph_.shape(value.tensor()).c &&
          value.view().IsInnermost(static_cast<std::size_t>(dim), channels)) {
        return numbers;
      }
    }
    Fail("constant \"" + InputName(i) +
         "\": expected one number, or one for each channel");
  }

  static bool IsOne(const Affine& affine) {
    return affine.a.size() == 1 && affine.b.size() == 1;
  }

  void LowerAffine(int i, Affine affine) {
    const Value value = Input(i);
    GraphOp* before = Changeable(i);
    const bool is_free = before != nullptr && before->is_convolution() &&
                         before->activation_min == -kInfinity &&
                         before->activation_max == kInfinity;
    if (!is_free && IsOne(affine)) {
      const float a = affine.a[0];
      const float b = affine.b[0];
      return LowerFunctionOf(i, [a, b](float x) { return a * x + b; });
    }
    const int32_t channels = graph_.shape(value.tensor()).c;
    if (affine.a.size() == 1) affine.a.resize(channels, affine.a[0]);
    if (affine.b.size() == 1) affine.b.resize(channels, affine.b[0]);
    if (is_free) {
      FoldAffine(affine, before);
      return Absorb(i);
    }
    GraphOp op;
    op.kind = OpKind::kDepthwiseConv2d;
    op.input = value.tensor();
    op.weights = affine.a;
    op.bias = affine.b;
    Spend(2 * int64_t{channels});
    op.output = NewTensor(OutputName(), graph_.shape(op.input));
    SetLike(value, Append(std::move(op)));
  }

  // Into a convolution's weights and bias.
  void FoldAffine(const Affine& affine, GraphOp* op) const {
    const std::size_t outputs = op->bias.size();
    const std::size_t inputs = op->weights.size() / outputs;
    const bool depthwise = op->kind == OpKind::kDepthwiseConv2d;
    for (std::size_t o = 0; o < outputs; ++o) {
      const float a = affine.a[o];
      for (std::size_t i = 0; i < inputs; ++i) {
        op->weights[depthwise ? i * outputs + o : o * inputs + i] *= a;
      }
      op->bias[o] = a * op->bias[o] + affine.b[o];
      ExpectFinite(op->bias[o]);
    }
    for (const float weight : op->weights) ExpectFinite(weight);
    if (op->weight_scales.empty()) return;
    for (std::size_t o = 0; o < outputs; ++o) {
      op->weight_scales[o] *= affine.a[o];
    }
    const bool all_usual =
        std::all_of(op->weight_scales.begin(), op->weight_scales.end(),
                    [](float scale) { return scale >= 0x1p-64f; });
    if (!all_usual) op->weight_scales.clear();
  }

  void ExpectFinite(float value) const {
    if (!std::isfinite(value)) Fail("weights that are not finite");
  }

  void LowerBatchNorm() {
    if (Int("training_mode", 0) != 0) Fail("is in training mode");
    const Value value = Input(0);
    const auto channels =
        static_cast<std::size_t>(graph_.shape(value.tensor()).c);
    if (value.view().rank() < 2 ||
        !value.view().IsInnermost(1, static_cast<int64_t>(channels))) {
      Fail("expected channels in dimension 1");
    }
    const std::vector<float>& gamma = Floats(1);
    const std::vector<float>& beta = Floats(2);
    const std::vector<float>& mean = Floats(3);
    const std::vector<float>& variance = Floats(4);
    for (const auto* values : {&gamma, &beta, &mean, &variance}) {
      if (values->size() != channels) {
        Fail("expected " + std::to_string(channels) + " values of each kind");
      }
    }
    const double epsilon = double{Float("epsilon", 1e-5f)};
    Affine affine;
    for (std::size_t c = 0; c < channels; ++c) {
      const double a = gamma[c] / std::sqrt(variance[c] + epsilon);
      affine.a.push_back(static_cast<float>(a));
      affine.b.push_back(static_cast<float>(beta[c] - mean[c] * a));
      ExpectFinite(affine.a.back());
      ExpectFinite(affine.b.back());
    }
    LowerAffine(0, std::move(affine));
  }

  // --- Sums and products.

  // Which of two inputs is a constant; -1 if none.
  int ConstantOperand() const {
    if (IsConstant(0) && IsConstant(1)) Fail("of two constants");
    return IsConstant(0) ? 0 : IsConstant(1) ? 1 : -1;
  }

  void LowerAdd() {
    const int constant = ConstantOperand();
    if (constant >= 0) {
      const int other = 1 - constant;
      return LowerAffine(other, {{1.0f}, PerChannel(constant, Input(other))});
    }
    const auto [first, second] = LikeOperands();
    if (graph_.shape(first) != graph_.shape(second)) {
      Fail("its inputs differ in shape: broadcasting is not supported");
    }
    AppendElementwise(OpKind::kAdd, first, second);
  }

  void LowerSub() {
    const int constant = ConstantOperand();
    if (constant < 0) {
      Fail("of two activations: expected a constant among its inputs");
    }
    const int other = 1 - constant;
    std::vector<float> b = PerChannel(constant, Input(other));
    // x - b, or b - x.
    if (constant == 1) {
      for (float& value : b) value = -value;
    }
    LowerAffine(other, {{constant == 1 ? 1.0f : -1.0f}, std::move(b)});
  }

  void LowerMul() {
    const int constant = ConstantOperand();
    if (constant >= 0) {
      const int other = 1 - constant;
      return LowerAffine(other, {PerChannel(constant, Input(other)), {0.0f}});
    }
    if (TakeGate(0) || TakeGate(1)) return;
    auto [first, second] = LikeOperands();
    const auto is_one_pixel = [&](int32_t tensor, int32_t of) {
      const Shape shape = graph_.shape(tensor);
      return shape.h == 1 && shape.w == 1 && shape.c == graph_.shape(of).c;
    };
    const bool swaps = is_one_pixel(first, second);
    if (swaps) std::swap(first, second);
    if (graph_.shape(first) != graph_.shape(second) &&
        !is_one_pixel(second, first)) {
      Fail(
          "its inputs differ in shape: expected equal ones, or one pixel that "
          "scales channels");
    }
    AppendElementwise(OpKind::kMul, first, second, swaps ? 1 : 0);
  }

  void LowerDiv() {
    if (ConstantOperand() != 1) {
      Fail("expected a constant as its second input");
    }
    std::vector<float> a = PerChannel(1, Input(0));
    for (float& value : a) {
      value = 1.0f / value;
      ExpectFinite(value);
    }
    LowerAffine(0, {std::move(a), {0.0f}});
  }

  // x * f(x), as SiLU and hard-swish are exported: one table.
  bool TakeGate(int i) {
    if (ValueAt(0).pieces.size() != 1 || ValueAt(1).pieces.size() != 1) {
      return false;
    }
    const Value x = Input(1 - i);
    GraphOp* gate = Changeable(i);
    if (gate == nullptr || gate->kind != OpKind::kLookup ||
        gate->input != x.tensor() || x.view() != ValueAt(i).view()) {
      return false;
    }
    gate->function = [f = std::move(gate->function)](float v) {
      return v * f(v);
    };
    Absorb(i);
    return true;
  }

  // Two activations: seen alike they are as they are, else maps.
  std::pair<int32_t, int32_t> LikeOperands() {
    const Value first = Input(0);
    const Value second = Input(1);
    if (first.view() == second.view() &&
        graph_.shape(first.tensor()) == graph_.shape(second.tensor())) {
      return {first.tensor(), second.tensor()};
    }
    const int32_t map = Map(first);
    return {map, Map(second)};
  }

  // The output is seen as input `like` is.
  void AppendElementwise(OpKind kind, int32_t first, int32_t second,
                         int like = 0) {
    GraphOp op;
    op.kind = kind;
    op.input = first;
    op.input2 = second;
    op.output = NewTensor(OutputName(), graph_.shape(first));
    SetLike(Input(like), Append(std::move(op)));
  }

  // --- Convolutions and poolings.

  struct Window {
    int32_t out = 0;
    int32_t pad = 0;  // in front
  };

  // Along one axis: pads in front and behind, or by auto_pad.
  Window Lay(int32_t in, int32_t kernel, int32_t stride, int32_t front,
             int32_t behind, bool rounds_up) const {
    const std::string auto_pad = Text("auto_pad", "NOTSET");
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int32_t out = (in + stride - 1) / stride;
      const int32_t pads = std::max((out - 1) * stride + kernel - in, 0);
      front = auto_pad == "SAME_UPPER" ? pads / 2 : (pads + 1) / 2;
      behind = pads - front;
    } else if (auto_pad == "VALID") {
      front = behind = 0;
    } else if (auto_pad != "NOTSET") {
      Fail("auto_pad " + auto_pad);
    }
    const int32_t room = in + front + behind - kernel;
    if (room < 0) Fail("its kernel is larger than its input");
    Window window = {room / stride + 1, front};
    if (rounds_up && room % stride != 0) ++window.out;
    // No window starts behind the input.
    if (rounds_up && (window.out - 1) * stride >= in + front) --window.out;
    if (front >= kernel || (window.out - 1) * stride - front >= in) {
      Fail("its padding is as large as its kernel");
    }
    return window;
  }

  // Sets the op's input, window and the shape of its output but for the
  // channels, with the padding before it if `may_pad`.
  Shape SetWindow(int32_t kernel_h, int32_t kernel_w, int64_t most_stride,
                  bool may_pad, GraphOp* op) {
    Value value = may_pad ? ValueAt(0) : Input(0);
    const Padding& padding = value.padding;
    if (std::max(padding.top, padding.bottom) >= kernel_h ||
        std::max(padding.left, padding.right) >= kernel_w) {
      value = Input(0);  // as a map of its own
    }
    op->input = Map(value);
    const std::vector<int32_t> dilations =
        Small("dilations", {1, 1}, 1, format::kMaxDimension);
    if (dilations[0] != 1 || dilations[1] != 1) {
      Fail("dilation " + std::to_string(dilations[0]) + "x" +
           std::to_string(dilations[1]) + ": expected 1");
    }
    const std::vector<int32_t> strides =
        Small("strides", {1, 1}, 1, most_stride);
    const std::vector<int32_t> pads =
        Small("pads", {0, 0, 0, 0}, 0, format::kMaxDimension);
    const bool rounds_up = Int("ceil_mode", 0) != 0;
    const Padding& before = value.padding;
    const Shape in = graph_.shape(op->input);
    const Window rows = Lay(in.h, kernel_h, strides[0], pads[0] + before.top,
                            pads[2] + before.bottom, rounds_up);
    const Window columns =
        Lay(in.w, kernel_w, strides[1], pads[1] + before.left,
            pads[3] + before.right, rounds_up);
    if (before.any() && Text("auto_pad", "NOTSET") != "NOTSET") {
      Fail("auto_pad behind a Pad");
    }
    op->kernel_h = kernel_h;
    op->kernel_w = kernel_w;
    op->stride_y = strides[0];
    op->stride_x = strides[1];
    op->pad_top = rows.pad;
    op->pad_left = columns.pad;
    return {rows.out, columns.out, in.c};
  }

  // A dimension of weights, from 1 to `most`.
  int32_t WeightDim(const OnnxConstant& weights, std::size_t i,
                    int64_t most) const {
    if (weights.dims[i] < 1 || weights.dims[i] > most) {
      Fail("weights of " + std::to_string(weights.dims[i]) + " in dimension " +
           std::to_string(i) + ": expected 1 to " + std::to_string(most));
    }
    return static_cast<int32_t>(weights.dims[i]);
  }

  // The scales prescribed for weights, whose outputs are dimension `axis`.
  std::vector<float> WeightScales(const OnnxConstant& weights, int64_t axis,
                                  int32_t outputs) const {
    if (weights.scales.empty()) return {};
    if (weights.scales.size() == 1) {
      return std::vector<float>(outputs, weights.scales[0]);
    }
    if (weights.axis != axis ||
        weights.scales.size() != static_cast<std::size_t>(outputs)) {
      Fail("expected one weight scale, or one for each output channel");
    }
    return weights.scales;
  }

  std::vector<float> BiasOf(int i, int32_t outputs) const {
    if (!HasInput(i)) return std::vector<float>(outputs, 0.0f);
    if (Floats(i).size() != static_cast<std::size_t>(outputs)) {
      Fail("expected a bias for each output channel");
    }
    return Floats(i);
  }

  void LowerConv() {
    const OnnxConstant& weights = ConstantAt(1);
    const std::vector<float>& values = Floats(1);
    if (weights.dims.size() != 4) Fail("expected weights of 4 dimensions");
    const int32_t outputs = WeightDim(weights, 0, format::kMaxDimension);
    const int32_t per_group = WeightDim(weights, 1, format::kMaxDimension);
    const int32_t kernel_h = WeightDim(weights, 2, format::kMaxKernel);
    const int32_t kernel_w = WeightDim(weights, 3, format::kMaxKernel);
    GraphOp op;
    Shape out = SetWindow(kernel_h, kernel_w, format::kMaxStride, true, &op);
    const int32_t inputs = out.c;
    const int64_t groups = Int("group", 1);
    if (groups < 1 || groups * per_group != inputs || outputs % groups != 0) {
      Fail("its weights do not fit its channels");
    }
    op.bias = BiasOf(2, outputs);
    op.weight_scales = WeightScales(weights, 0, outputs);
    const bool depthwise =
        per_group == 1 && groups == inputs && outputs == inputs;
    op.kind = depthwise ? OpKind::kDepthwiseConv2d : OpKind::kConv2d;
    op.weights = LayOutWeights(values, depthwise, outputs, per_group, inputs,
                               kernel_h * kernel_w,
                               static_cast<int32_t>(outputs / groups));
    out.c = outputs;
    op.output = NewTensor(OutputName(), out);
    SetMap(OutputName(), Append(std::move(op)));
  }

  // [O, I / groups, taps] to [O, taps, I], zero outside of an output's group,
  // or to [taps, C].
  std::vector<float> LayOutWeights(const std::vector<float>& values,
                                   bool depthwise, int32_t outputs,
                                   int32_t per_group, int32_t inputs,
                                   int32_t taps, int32_t outputs_per_group) {
    const int64_t size =
        int64_t{outputs} * taps * (depthwise ? 1 : int64_t{inputs});
    Spend(size);
    std::vector<float> weights(static_cast<std::size_t>(size), 0.0f);
    std::size_t from = 0;
    for (int32_t o = 0; o < outputs; ++o) {
      const int32_t first = o / outputs_per_group * per_group;
      for (int32_t i = 0; i < per_group; ++i) {
        for (int32_t tap = 0; tap < taps; ++tap, ++from) {
          const std::size_t to =
              depthwise ? static_cast<std::size_t>(tap) * outputs + o
                        : (static_cast<std::size_t>(o) * taps + tap) * inputs +
                              first + i;
          weights[to] = values[from];
        }
      }
    }
    return weights;
  }

  // A convolution whose kernel is all of the map that was flattened, its
  // weights in the order in which that lies in memory.
  //
  //   at(o, n)  weight of output o and element n of the flattened input
  void LowerFullyConnected(int32_t outputs, int64_t inputs,
                           const std::function<float(int32_t, int64_t)>& at,
                           std::vector<float> scales, std::vector<float> bias) {
    const Value value = Input(0);
    const std::vector<int64_t> dims = value.view().dims();
    if (dims.size() != 2 || dims[0] != 1 || dims[1] != inputs) {
      Fail("expected an input of 1x" + std::to_string(inputs));
    }
    GraphOp op;
    op.input = value.tensor();
    Shape in = graph_.shape(op.input);
    constexpr auto kMost = static_cast<int32_t>(format::kMaxKernel);
    if (in.h > kMost || in.w > kMost) {
      if (inputs > format::kMaxDimension) {
        Fail("flattens a map of more than " + std::to_string(kMost) +
             " rows or columns");
      }
      in = {1, 1, static_cast<int32_t>(inputs)};
      op.input = AppendReshape(op.input, in);
    }
    op.kernel_h = in.h;
    op.kernel_w = in.w;
    op.bias = std::move(bias);
    op.weight_scales = std::move(scales);
    Spend(int64_t{outputs} * inputs);
    op.weights.resize(static_cast<std::size_t>(outputs * inputs));
    const std::vector<int64_t> offsets = value.view().Offsets();
    for (int32_t o = 0; o < outputs; ++o) {
      for (int64_t n = 0; n < inputs; ++n) {
        op.weights[static_cast<std::size_t>(o * inputs + offsets[n])] =
            at(o, n);
      }
    }
    op.output = NewTensor(OutputName(), {1, 1, outputs});
    SetLikeRank(2, Append(std::move(op)));
  }

  void LowerGemm() {
    const OnnxConstant& weights = ConstantAt(1);
    const std::vector<float>& values = Floats(1);
    if (weights.dims.size() != 2 || Int("transA", 0) != 0) {
      Fail("expected weights of 2 dimensions and no transA");
    }
    const bool by_output = Int("transB", 0) != 0;  // weights [O, N]
    const int32_t outputs =
        WeightDim(weights, by_output ? 0 : 1, format::kMaxDimension);
    const int64_t inputs = WeightDim(weights, by_output ? 1 : 0, kMostWeights);
    const float alpha = Float("alpha", 1.0f);
    const float beta = Float("beta", 1.0f);
    std::vector<float> bias(outputs, 0.0f);
    if (HasInput(2)) {
      bias = Floats(2);
      if (bias.size() == 1) bias.resize(outputs, bias[0]);
      bias = bias.size() == static_cast<std::size_t>(outputs)
                 ? std::move(bias)
                 : BiasOf(2, outputs);
      for (float& value : bias) ExpectFinite(value *= beta);
    }
    std::vector<float> scales =
        WeightScales(weights, by_output ? 0 : 1, outputs);
    if (alpha != 1.0f) scales.clear();
    if (!std::isfinite(alpha)) Fail("alpha is not finite");
    LowerFullyConnected(
        outputs, inputs,
        [&](int32_t o, int64_t n) {
          return alpha * values[static_cast<std::size_t>(
                             by_output ? o * inputs + n : n * outputs + o)];
        },
        std::move(scales), std::move(bias));
  }

  void LowerMatMul() {
    const OnnxConstant& weights = ConstantAt(1);
    const std::vector<float>& values = Floats(1);
    if (weights.dims.size() != 2) Fail("expected weights of 2 dimensions");
    const int64_t inputs = WeightDim(weights, 0, kMostWeights);
    const int32_t outputs = WeightDim(weights, 1, format::kMaxDimension);
    LowerFullyConnected(
        outputs, inputs,
        [&](int32_t o, int64_t n) {
          return values[static_cast<std::size_t>(n * outputs + o)];
        },
        WeightScales(weights, 1, outputs), std::vector<float>(outputs, 0.0f));
  }

  std::vector<int32_t> KernelShape(int64_t most) const {
    if (Attribute("kernel_shape") == nullptr) Fail("has no kernel_shape");
    return Small("kernel_shape", {1, 1}, 1, most);
  }

  void LowerMaxPool() {
    if (node_->output_size() > 1) Fail("expected one output, no indices");
    LowerPool(format::PoolMode::kMax);
  }

  void LowerPool(format::PoolMode mode) {
    const std::vector<int32_t> kernel = KernelShape(format::kMaxPoolKernel);
    GraphOp op;
    op.kind = OpKind::kPool;
    op.variant = static_cast<uint8_t>(mode);
    const Shape out =
        SetWindow(kernel[0], kernel[1], format::kMaxPoolKernel, false, &op);
    op.output = NewTensor(OutputName(), out);
    SetMap(OutputName(), Append(std::move(op)));
  }

  void LowerAveragePool() {
    const std::vector<int64_t> pads = Ints("pads", {0, 0, 0, 0});
    const bool pads_itself =
        std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; });
    const bool counts_padding =
        (pads_itself && Int("count_include_pad", 0) != 0) ||
        ValueAt(0).padding.any();
    if (!counts_padding) return LowerPool(format::PoolMode::kAverage);
    if (pads_itself && Int("count_include_pad", 0) == 0) {
      Fail("counts some of its padding and not the rest");
    }
    if (Int("ceil_mode", 0) != 0) Fail("ceil_mode with padding that counts");
    // A depthwise convolution, all of its weights alike.
    const std::vector<int32_t> kernel = KernelShape(format::kMaxKernel);
    GraphOp op;
    op.kind = OpKind::kDepthwiseConv2d;
    const Shape out =
        SetWindow(kernel[0], kernel[1], format::kMaxStride, true, &op);
    const int32_t taps = kernel[0] * kernel[1];
    Spend(int64_t{taps} * out.c);
    op.weights.assign(static_cast<std::size_t>(taps) * out.c,
                      1.0f / static_cast<float>(taps));
    op.bias.assign(out.c, 0.0f);
    op.output = NewTensor(OutputName(), out);
    SetMap(OutputName(), Append(std::move(op)));
  }

  void AppendGlobalPool(format::PoolMode mode, std::size_t rank) {
    GraphOp op;
    op.kind = OpKind::kPool;
    op.variant = static_cast<uint8_t>(mode);
    op.input = InputMap(0);
    const Shape in = graph_.shape(op.input);
    constexpr auto kMost = static_cast<int32_t>(format::kMaxPoolKernel);
    if (in.h > kMost || in.w > kMost) {
      Fail("over more than " + std::to_string(kMost) + " rows or columns");
    }
    op.kernel_h = in.h;
    op.kernel_w = in.w;
    op.output = NewTensor(OutputName(), {1, 1, in.c});
    SetLikeRank(rank, Append(std::move(op)));
  }
  void LowerGlobalAveragePool() {
    AppendGlobalPool(format::PoolMode::kMean, 4);
  }
  void LowerGlobalMaxPool() { AppendGlobalPool(format::PoolMode::kMax, 4); }

  void LowerReduceMean() {
    std::vector<int64_t> axes =
        opset_ >= 18 && HasInput(1) ? Integers(1) : Ints("axes", {});
    const auto rank = static_cast<int64_t>(Input(0).view().rank());
    for (int64_t& axis : axes) axis += axis < 0 ? rank : 0;
    std::sort(axes.begin(), axes.end());
    if (rank != 4 || axes != std::vector<int64_t>{2, 3}) {
      Fail("expected a mean over rows and columns");
    }
    AppendGlobalPool(format::PoolMode::kMean, Int("keepdims", 1) != 0 ? 4 : 2);
  }

  void LowerPad() {
    const std::string mode = Text("mode", "constant");
    if (mode != "constant") Fail("mode " + mode + ": expected constant");
    const bool by_input = opset_ >= 11;
    const float filling = by_input ? Scalar(2, 0.0f) : Float("value", 0.0f);
    if (filling != 0.0f) Fail("pads with other than 0");
    if (by_input && HasInput(3)) Fail("expected no axes");
    const std::vector<int64_t> pads = by_input ? Integers(1) : Ints("pads", {});
    Value value = Input(0);
    const Shape shape = graph_.shape(Map(value));
    if (pads.size() != 8 || value.view().rank() != 4) {
      Fail("expected 4 dimensions");
    }
    for (std::size_t i = 0; i < 8; ++i) {
      const bool of_pixels = i % 4 >= 2;
      if (pads[i] < 0 || pads[i] > (of_pixels ? format::kMaxDimension : 0)) {
        Fail("expected paddings of rows and columns, 0 and above");
      }
    }
    const auto at = [&](int i) { return static_cast<int32_t>(pads[i]); };
    value.pieces[0] = {Map(value), StridedView::OfMap(shape)};
    value.padding = {
        .top = at(2), .left = at(3), .bottom = at(6), .right = at(7)};
    SetValue(std::move(value));
  }

  // --- Resizing.

  // Which pixel an output's reads, as the operator's definition says.
  static int64_t PixelRead(int64_t out, int64_t from, int64_t to,
                           const std::string& coordinates,
                           const std::string& rounding) {
    const double scale = static_cast<double>(to) / static_cast<double>(from);
    const auto x = static_cast<double>(out);
    double place = x / scale;
    if (coordinates == "half_pixel" ||
        (coordinates == "pytorch_half_pixel" && to > 1)) {
      place = (x + 0.5) / scale - 0.5;
    } else if (coordinates == "pytorch_half_pixel") {
      place = 0.0;
    } else if (coordinates == "align_corners") {
      place = to == 1 ? 0.0
                      : x * static_cast<double>(from - 1) /
                            static_cast<double>(to - 1);
    } else if (coordinates == "tf_half_pixel_for_nn") {
      place = (x + 0.5) / scale;
    }
    double read = std::floor(place);
    if (rounding == "round_prefer_floor") read = std::ceil(place - 0.5);
    if (rounding == "round_prefer_ceil") read = std::floor(place + 0.5);
    if (rounding == "ceil") read = std::ceil(place);
    return std::clamp<int64_t>(static_cast<int64_t>(read), 0, from - 1);
  }

  // How often each pixel is repeated along one axis.
  int32_t Factor(int32_t from, double scale, const std::string& coordinates,
                 const std::string& rounding) const {
    const double factor = std::round(scale);
    if (!(factor >= 1.0) || !(factor * from <= format::kMaxDimension) ||
        factor != scale) {
      Fail("enlarges by " + std::to_string(scale) +
           ": expected a whole number of times");
    }
    const auto times = static_cast<int32_t>(factor);
    for (int64_t y = 0; y < int64_t{times} * from; ++y) {
      if (PixelRead(y, from, int64_t{times} * from, coordinates, rounding) !=
          y / times) {
        Fail("enlarges other than by repeating pixels");
      }
    }
    return times;
  }

  // Of rows and columns.
  std::pair<double, double> ResizeScales(const Shape& in) const {
    const int scales_input =
        node_->op_type() == "Resize" && opset_ >= 11 ? 2 : 1;
    if (HasInput(3) && scales_input == 2) {
      const std::vector<int64_t>& sizes = Integers(3);
      if (sizes.size() != 4 || sizes[1] != in.c) Fail("expected 4 sizes");
      return {static_cast<double>(sizes[2]) / in.h,
              static_cast<double>(sizes[3]) / in.w};
    }
    std::vector<float> scales;
    if (HasInput(scales_input)) {
      scales = Floats(scales_input);
    } else if (const auto* attribute = Attribute("scales")) {
      scales = {attribute->floats().begin(), attribute->floats().end()};
    }
    if (scales.size() != 4 || scales[0] != 1.0f || scales[1] != 1.0f) {
      Fail("expected 4 scales, those of batch and channels 1");
    }
    return {double{scales[2]}, double{scales[3]}};
  }

  void LowerResize() {
    GraphOp op;
    op.kind = OpKind::kResizeNearest;
    op.input = InputMap(0);
    const Shape in = graph_.shape(op.input);
    const std::string mode = Text("mode", "nearest");
    if (mode != "nearest") Fail("mode " + mode + ": expected nearest");
    const bool has_modes = node_->op_type() == "Resize" && opset_ >= 11;
    const std::string coordinates =
        has_modes ? Text("coordinate_transformation_mode", "half_pixel")
                  : "asymmetric";
    const std::string rounding =
        has_modes ? Text("nearest_mode", "round_prefer_floor") : "floor";
    if (coordinates == "tf_crop_and_resize") Fail("crops");
    const auto [rows, columns] = ResizeScales(in);
    const int32_t factor_y = Factor(in.h, rows, coordinates, rounding);
    const int32_t factor_x = Factor(in.w, columns, coordinates, rounding);
    op.output =
        NewTensor(OutputName(), {in.h * factor_y, in.w * factor_x, in.c});
    SetMap(OutputName(), Append(std::move(op)));
  }

  // --- What moves nothing.

  void LowerIdentity() {
    if (const OnnxConstant* constant = ConstantOrNull(0)) {
      return SetConstant(OnnxConstant(*constant));
    }
    Value value = ValueAt(0);
    const bool has_owner = value.pieces.size() == 1 &&
                           owners_[value.tensor()] == InputName(0) &&
                           uses_[InputName(0)] == 1;
    if (has_owner) owners_[value.tensor()] = OutputName();
    SetValue(std::move(value));
  }
  void LowerDropout() {
    if (node_->output_size() > 1 && !node_->output(1).empty() &&
        uses_[node_->output(1)] > 0) {
      Fail("expected one output");
    }
    LowerIdentity();
  }
  void LowerCast() {
    const int64_t to = Int("to", 0);
    const OnnxConstant& constant = ConstantAt(0);
    const auto is_integer = [](int64_t type) {
      return type == TensorProto::INT64 || type == TensorProto::INT32;
    };
    if (!is_integer(to) || !is_integer(constant.type)) {
      Fail("expected integers before and behind it");
    }
    LowerIdentity();
  }

  void SetReshaped(const std::vector<int64_t>& dims) {
    const Value& value = Input(0);
    const std::optional<StridedView> view = value.view().Reshaped(dims);
    if (!view) Fail("cuts across what Transpose has moved, or does not fit");
    SetView(*view);
  }
  // The input's tensor, seen in another way.
  void SetView(StridedView view) {
    const int32_t tensor = Input(0).tensor();
    const bool moves_owner =
        owners_[tensor] == InputName(0) && uses_[InputName(0)] == 1;
    SetValue({.pieces = {{tensor, std::move(view)}}});
    if (moves_owner) owners_[tensor] = OutputName();
  }

  // What joins maps is only seen otherwise by the outputs, which tell them
  // apart.
  bool PassesJoined() {
    if (ValueAt(0).pieces.size() == 1) return false;
    SetValue(Value(ValueAt(0)));
    return true;
  }

  void LowerReshape() {
    const std::vector<int64_t>& wanted =
        opset_ >= 5 && HasInput(1) ? Integers(1) : Ints("shape", {});
    if (IsConstant(0)) return ReshapeConstant(wanted);
    if (PassesJoined()) return;
    SetReshaped(Completed(wanted, Input(0).view().dims()));
  }

  // With 0 (as before) and -1 (what is left) filled in.
  std::vector<int64_t> Completed(std::vector<int64_t> wanted,
                                 const std::vector<int64_t>& before) const {
    int64_t elements = 1;
    for (const int64_t dim : before) elements *= dim;
    int64_t known = 1;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == 0 && i < before.size() && Int("allowzero", 0) == 0) {
        wanted[i] = before[i];
      }
      if (wanted[i] == -1) continue;
      if (wanted[i] < 1 || wanted[i] > kMostElements ||
          (known *= wanted[i]) > kMostElements) {
        Fail("a dimension of " + std::to_string(wanted[i]));
      }
    }
    const auto open = std::find(wanted.begin(), wanted.end(), -1);
    if (open != wanted.end()) *open = elements / known;
    if (std::find(wanted.begin(), wanted.end(), -1) != wanted.end()) {
      Fail("leaves more than one dimension open");
    }
    return wanted;
  }

  void ReshapeConstant(const std::vector<int64_t>& wanted) {
    OnnxConstant constant = ConstantAt(0);
    if (constant.scales.size() > 1) Fail("of weights with several scales");
    constant.dims = Completed(wanted, constant.dims);
    int64_t elements = 1;
    for (const int64_t dim : constant.dims) elements *= dim;
    if (elements != constant.elements()) Fail("does not fit its input");
    Spend(elements);
    SetConstant(std::move(constant));
  }

  void LowerFlatten() {
    const std::vector<int64_t> dims = Input(0).view().dims();
    const auto rank = static_cast<int64_t>(dims.size());
    int64_t axis = Int("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis > rank) Fail("an axis that does not exist");
    std::vector<int64_t> flat = {1, 1};
    for (int64_t i = 0; i < rank; ++i) flat[i < axis ? 0 : 1] *= dims[i];
    SetReshaped(flat);
  }

  // The axes of Squeeze and Unsqueeze, of a tensor of this rank.
  std::vector<int64_t> Axes(int64_t rank) const {
    std::vector<int64_t> axes =
        opset_ >= 13 && HasInput(1) ? Integers(1) : Ints("axes", {});
    for (int64_t& axis : axes) {
      if (axis < 0) axis += rank;
      if (axis < 0 || axis >= rank) Fail("an axis that does not exist");
    }
    std::sort(axes.begin(), axes.end());
    return axes;
  }

  std::vector<int64_t> InputDims() {
    return IsConstant(0) ? ConstantAt(0).dims : Input(0).view().dims();
  }
  void SetDims(const std::vector<int64_t>& dims) {
    if (IsConstant(0)) return ReshapeConstant(dims);
    SetReshaped(dims);
  }

  void LowerSqueeze() {
    const std::vector<int64_t> dims = InputDims();
    const std::vector<int64_t> axes = Axes(static_cast<int64_t>(dims.size()));
    std::vector<int64_t> kept;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      const bool is_named = std::find(axes.begin(), axes.end(),
                                      static_cast<int64_t>(i)) != axes.end();
      if (dims[i] != 1 || !(is_named || axes.empty())) kept.push_back(dims[i]);
      if (is_named && dims[i] != 1) Fail("of a dimension above 1");
    }
    SetDims(kept);
  }

  void LowerUnsqueeze() {
    std::vector<int64_t> dims = InputDims();
    const auto added = static_cast<int64_t>(
        (opset_ >= 13 && HasInput(1) ? Integers(1) : Ints("axes", {})).size());
    if (added > 8 || dims.size() > 8) Fail("too many dimensions");
    for (const int64_t axis : Axes(static_cast<int64_t>(dims.size()) + added)) {
      if (axis > static_cast<int64_t>(dims.size())) {
        Fail("an axis that does not exist");
      }
      dims.insert(dims.begin() + axis, 1);
    }
    SetDims(dims);
  }

  void LowerTranspose() {
    if (PassesJoined()) return;
    const Value& value = Input(0);
    const auto rank = static_cast<int64_t>(value.view().rank());
    std::vector<int64_t> reversed(rank);
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    const std::vector<int64_t> order = Ints("perm", reversed);
    std::vector<int64_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    std::reverse(reversed.begin(), reversed.end());
    if (sorted != reversed) Fail("expected an order of all dimensions");
    SetView(value.view().Transposed(order));
  }

  void LowerSoftmax() {
    const Value value = Input(0);
    const std::vector<int64_t> dims = value.view().dims();
    const auto rank = static_cast<int64_t>(dims.size());
    int64_t axis = Int("axis", opset_ >= 13 ? -1 : 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) Fail("an axis that does not exist");
    for (int64_t i = axis + 1; i < rank && opset_ < 13; ++i) {
      if (dims[i] != 1) Fail("over several dimensions: expected channels");
    }
    const auto dim = static_cast<std::size_t>(axis);
    const Shape in = graph_.shape(value.tensor());
    const int64_t size = dims[dim];
    if (!value.view().IsInnermost(dim, size) || in.c % size != 0) {
      Fail("expected one over channels, or over equal parts of them");
    }
    GraphOp op;
    op.kind = OpKind::kSoftmax;
    op.input = value.tensor();
    Shape shape = in;
    if (size != in.c) {
      const auto part = static_cast<int32_t>(size);
      shape = {in.h, in.w * (in.c / part), part};
      op.input = AppendReshape(op.input, shape);
    }
    op.output = NewTensor(OutputName(), shape);
    graph_.tensors[op.output].quant = {1.0f / 256.0f, -128};
    SetLike(value, Append(std::move(op)));
  }

  // --- Concat.

  void LowerConcat() {
    if (node_->input_size() < 1) Fail("has no inputs");
    if (IsConstant(0)) return ConcatConstants();
    std::vector<Value> values;
    bool all_maps = true;
    for (int i = 0; i < node_->input_size(); ++i) {
      values.push_back(ValueAt(i).pieces.size() == 1 ? Input(i) : ValueAt(i));
      const auto shape = values.back().pieces.size() == 1
                             ? values.back().view().AsMap()
                             : std::nullopt;
      all_maps = all_maps && shape && values.back().view().rank() != 3;
    }
    if (!all_maps) return JoinPieces(values);
    const auto rank = static_cast<int64_t>(values[0].view().rank());
    int64_t axis = Int("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 1 || axis >= rank)
      Fail("an axis other than channels and pixels");
    constexpr format::ConcatAxis kAxes[] = {format::ConcatAxis::kChannels,
                                            format::ConcatAxis::kRows,
                                            format::ConcatAxis::kColumns};
    int32_t so_far = Map(values[0]);
    for (std::size_t i = 1; i < values.size(); ++i) {
      if (static_cast<int64_t>(values[i].view().rank()) != rank) {
        Fail("its inputs differ in dimensions");
      }
      so_far = AppendConcat(so_far, Map(values[i]), kAxes[axis - 1]);
    }
    SetLikeRank(static_cast<std::size_t>(rank), so_far);
  }

  // For the outputs, which are told apart again.
  void JoinPieces(const std::vector<Value>& values) {
    Value joined;
    for (const Value& value : values) {
      joined.pieces.insert(joined.pieces.end(), value.pieces.begin(),
                           value.pieces.end());
    }
    if (joined.pieces.size() > format::kMaxLevels) {
      Fail("joins " + std::to_string(joined.pieces.size()) +
           " maps of unlike layouts, at most " +
           std::to_string(format::kMaxLevels));
    }
    SetValue(std::move(joined));
  }

  int32_t AppendConcat(int32_t first, int32_t second, format::ConcatAxis axis) {
    Shape shape = graph_.shape(first);
    Shape rest = graph_.shape(second);
    const auto along = [axis](Shape& s) -> int32_t& {
      return axis == format::ConcatAxis::kRows      ? s.h
             : axis == format::ConcatAxis::kColumns ? s.w
                                                    : s.c;
    };
    const int32_t more = std::exchange(along(rest), along(shape));
    if (rest != shape) Fail("its inputs differ in shape");
    along(shape) += more;
    GraphOp op;
    op.kind = OpKind::kConcat;
    op.variant = static_cast<uint8_t>(axis);
    op.input = first;
    op.input2 = second;
    op.output = NewTensor(OutputName(), shape);
    return Append(std::move(op));
  }

  // --- Shapes, which exporters compute in the file.

  void ConcatConstants() {
    OnnxConstant joined = {
        .dims = {0}, .type = TensorProto::INT64, .floats = {}, .integers = {}};
    for (int i = 0; i < node_->input_size(); ++i) {
      const std::vector<int64_t>& part = Integers(i);
      Spend(static_cast<int64_t>(part.size()));
      joined.integers.insert(joined.integers.end(), part.begin(), part.end());
    }
    joined.dims[0] = joined.elements();
    SetConstant(std::move(joined));
  }

  void LowerConstant() {
    if (const auto* tensor = Attribute("value")) {
      return SetConstant(Read(tensor->t()));
    }
    OnnxConstant constant;
    if (const auto* number = Attribute("value_float")) {
      constant.floats = {number->f()};
    } else if (const auto* numbers = Attribute("value_floats")) {
      constant.floats = {numbers->floats().begin(), numbers->floats().end()};
      constant.dims = {constant.elements()};
    } else if (const auto* integer = Attribute("value_int")) {
      constant.type = TensorProto::INT64;
      constant.integers = {integer->i()};
    } else if (const auto* integers = Attribute("value_ints")) {
      constant.type = TensorProto::INT64;
      constant.integers = {integers->ints().begin(), integers->ints().end()};
      constant.dims = {constant.elements()};
    } else {
      Fail("expected numbers");
    }
    SetConstant(std::move(constant));
  }

  void LowerShape() {
    if (Attribute("start") != nullptr || Attribute("end") != nullptr) {
      Fail("of some dimensions: expected all");
    }
    OnnxConstant constant = {.dims = {},
                             .type = TensorProto::INT64,
                             .floats = {},
                             .integers = InputDims()};
    constant.dims = {constant.elements()};
    SetConstant(std::move(constant));
  }

  void LowerGather() {
    const std::vector<int64_t>& from = Integers(0);
    const std::vector<int64_t>& indices = Integers(1);
    if (ConstantAt(0).dims.size() != 1) Fail("expected a list of numbers");
    OnnxConstant constant = {.dims = ConstantAt(1).dims,
                             .type = TensorProto::INT64,
                             .floats = {},
                             .integers = {}};
    Spend(static_cast<int64_t>(indices.size()));
    const auto count = static_cast<int64_t>(from.size());
    for (int64_t index : indices) {
      if (index < 0) index += count;
      if (index < 0 || index >= count) Fail("an index that does not exist");
      constant.integers.push_back(from[static_cast<std::size_t>(index)]);
    }
    SetConstant(std::move(constant));
  }

  // --- Quantisation.

  // Scale and zero point of inputs 1 and 2, counted as int8.
  QuantParams QuantAt() const {
    const std::vector<float>& scales = Floats(1);
    if (scales.size() != 1) Fail("expected one scale for an activation");
    ExpectUsual(scales[0]);
    int64_t zero_point = 0;
    bool is_uint8 = true;
    if (HasInput(2)) {
      const OnnxConstant& zero = ConstantAt(2);
      is_uint8 = zero.type == TensorProto::UINT8;
      if (!is_uint8 && zero.type != TensorProto::INT8) {
        Fail("expected INT8 or UINT8");
      }
      if (zero.integers.size() != 1) Fail("expected one zero point");
      zero_point = zero.integers[0];
    }
    if (is_uint8) zero_point -= 128;
    if (zero_point < -128 || zero_point > 127) {
      Fail("a zero point out of range");
    }
    return {scales[0], static_cast<int32_t>(zero_point)};
  }

  // Far beyond what quantisers write.
  void ExpectUsual(float scale) const {
    if (!(scale >= 0x1p-24f && scale <= 0x1p16f)) {
      Fail("a scale of " + std::to_string(scale) + ": expected 2^-24 to 2^16");
    }
  }

  void LowerQuantize() {
    if (IsConstant(0)) return QuantizeConstant();
    const QuantParams quant = QuantAt();
    const Value value = Input(0);
    std::optional<QuantParams>& prescribed =
        graph_.tensors[value.tensor()].quant;
    if (!prescribed) prescribed = quant;
    if (*prescribed == quant) return SetView(value.view());
    const int32_t output =
        AppendLookup(value.tensor(), [](float x) { return x; });
    graph_.tensors[output].quant = quant;
    SetLike(value, output);
  }

  void LowerDequantize() {
    if (IsConstant(0)) return DequantizeConstant();
    const QuantParams quant = QuantAt();
    const Value value = Input(0);
    if (graph_.tensors[value.tensor()].quant != quant) {
      Fail("its scale or zero point is not that of the values it reads");
    }
    SetView(value.view());
  }

  // Which scale and zero point each element of a constant has.
  struct ElementQuant {
    std::vector<float> scales;
    std::vector<int64_t> zero_points;
    int64_t inner = 1;  // elements in a row that share them
    int64_t axis = 0;

    std::size_t Place(std::size_t element) const {
      return element / static_cast<std::size_t>(inner) % scales.size();
    }
  };

  ElementQuant ElementQuantOf(const OnnxConstant& constant) const {
    ElementQuant quant;
    quant.scales = Floats(1);
    for (const float scale : quant.scales) {
      if (!(scale >= 0x1p-64f && scale <= 0x1p64f)) {
        Fail("a scale of " + std::to_string(scale));
      }
    }
    if (quant.scales.empty()) Fail("has no scale");
    quant.zero_points.assign(quant.scales.size(), 0);
    if (HasInput(2)) {
      if (Integers(2).size() != quant.scales.size()) {
        Fail("expected a zero point for each scale");
      }
      quant.zero_points = Integers(2);
    }
    if (quant.scales.size() == 1) return quant;
    const auto rank = static_cast<int64_t>(constant.dims.size());
    quant.axis = Int("axis", 1);
    if (quant.axis < 0) quant.axis += rank;
    if (quant.axis < 0 || quant.axis >= rank ||
        constant.dims[quant.axis] !=
            static_cast<int64_t>(quant.scales.size())) {
      Fail("expected one scale, or one for each index of its axis");
    }
    for (int64_t i = quant.axis + 1; i < rank; ++i) {
      quant.inner *= constant.dims[i];
    }
    return quant;
  }

  void QuantizeConstant() {
    const OnnxConstant& from = ConstantAt(0);
    const std::vector<float>& floats = Floats(0);
    const ElementQuant quant = ElementQuantOf(from);
    OnnxConstant to = {
        .dims = from.dims,
        .type = HasInput(2) ? ConstantAt(2).type : int32_t{TensorProto::UINT8},
        .floats = {},
        .integers = {}};
    const bool is_int8 = to.type == TensorProto::INT8;
    if (!is_int8 && to.type != TensorProto::UINT8) {
      Fail("expected INT8 or UINT8");
    }
    Spend(from.elements());
    for (std::size_t i = 0; i < floats.size(); ++i) {
      const std::size_t place = quant.Place(i);
      const float steps =
          std::clamp(floats[i] / quant.scales[place], -1e6f, 1e6f);
      const auto value = static_cast<int64_t>(std::nearbyint(steps)) +
                         quant.zero_points[place];
      to.integers.push_back(is_int8 ? std::clamp<int64_t>(value, -128, 127)
                                    : std::clamp<int64_t>(value, 0, 255));
    }
    SetConstant(std::move(to));
  }

  void DequantizeConstant() {
    const OnnxConstant& from = ConstantAt(0);
    const std::vector<int64_t>& integers = Integers(0);
    const ElementQuant quant = ElementQuantOf(from);
    OnnxConstant to = {.dims = from.dims, .floats = {}, .integers = {}};
    Spend(from.elements());
    for (std::size_t i = 0; i < integers.size(); ++i) {
      const std::size_t place = quant.Place(i);
      // Of 32 bits at most, so their difference fits.
      const double steps = static_cast<double>(integers[i]) -
                           static_cast<double>(quant.zero_points[place]);
      to.floats.push_back(
          static_cast<float>(steps * double{quant.scales[place]}));
    }
    // A convolution keeps the scales where its int8 weights have zero point 0.
    const int64_t middle = from.type == TensorProto::UINT8 ? 128 : 0;
    const bool is_byte =
        from.type == TensorProto::UINT8 || from.type == TensorProto::INT8;
    const bool is_symmetric = std::all_of(
        quant.zero_points.begin(), quant.zero_points.end(),
        [middle](int64_t zero_point) { return zero_point == middle; });
    if (is_byte && is_symmetric) {
      to.scales = quant.scales;
      to.axis = quant.axis;
    }
    SetConstant(std::move(to));
  }

  std::string path_;
  const onnx::ModelProto& model_;
  const onnx::GraphProto& file_;
  int64_t opset_ = 0;
  Graph graph_;
  std::map<std::string, OnnxConstant> constants_;  // by name in the file
  std::map<std::string, Value> values_;
  std::map<std::string, int> uses_;
  std::map<int32_t, std::size_t> producers_;  // op that writes a tensor
  // By tensor: the one name under which it is all of what its op gives.
  std::map<int32_t, std::string> owners_;
  int64_t weights_ = 0;
  int node_index_ = 0;
  const onnx::NodeProto* node_ = nullptr;
};

const std::map<std::string, Lowering::Lower>& Lowering::Supported() {
  static const std::map<std::string, Lower> supported = {
      {"Add", &Lowering::LowerAdd},
      {"AveragePool", &Lowering::LowerAveragePool},
      {"BatchNormalization", &Lowering::LowerBatchNorm},
      {"Cast", &Lowering::LowerCast},
      {"Clip", &Lowering::LowerClip},
      {"Concat", &Lowering::LowerConcat},
      {"Constant", &Lowering::LowerConstant},
      {"Conv", &Lowering::LowerConv},
      {"DequantizeLinear", &Lowering::LowerDequantize},
      {"Div", &Lowering::LowerDiv},
      {"Dropout", &Lowering::LowerDropout},
      {"Elu", &Lowering::LowerElu},
      {"Flatten", &Lowering::LowerFlatten},
      {"Gather", &Lowering::LowerGather},
      {"Gemm", &Lowering::LowerGemm},
      {"GlobalAveragePool", &Lowering::LowerGlobalAveragePool},
      {"GlobalMaxPool", &Lowering::LowerGlobalMaxPool},
      {"HardSigmoid", &Lowering::LowerHardSigmoid},
      {"HardSwish", &Lowering::LowerHardSwish},
      {"Identity", &Lowering::LowerIdentity},
      {"LeakyRelu", &Lowering::LowerLeakyRelu},
      {"MatMul", &Lowering::LowerMatMul},
      {"MaxPool", &Lowering::LowerMaxPool},
      {"Mul", &Lowering::LowerMul},
      {"Pad", &Lowering::LowerPad},
      {"QuantizeLinear", &Lowering::LowerQuantize},
      {"ReduceMean", &Lowering::LowerReduceMean},
      {"Relu", &Lowering::LowerRelu},
      {"Reshape", &Lowering::LowerReshape},
      {"Resize", &Lowering::LowerResize},
      {"Shape", &Lowering::LowerShape},
      {"Sigmoid", &Lowering::LowerSigmoid},
      {"Softmax", &Lowering::LowerSoftmax},
      {"Softplus", &Lowering::LowerSoftplus},
      {"Squeeze", &Lowering::LowerSqueeze},
      {"Sub", &Lowering::LowerSub},
      {"Tanh", &Lowering::LowerTanh},
      {"Transpose", &Lowering::LowerTranspose},
      {"Unsqueeze", &Lowering::LowerUnsqueeze},
      {"Upsample", &Lowering::LowerResize},
  };
  return supported;
}

}  // namespace

Graph ReadOnnx(const std::string& path, std::span<const uint8_t> file) {
  onnx::ModelProto model;
  constexpr std::size_t kMostBytes = std::size_t{1} << 30;
  if (file.size() > kMostBytes ||
      !model.ParseFromArray(file.data(), static_cast<int>(file.size())) ||
      !model.has_graph()) {
    throw CompileError(path + ": expected an ONNX model; truncated or corrupt");
  }
  return Lowering(path, model).Run();
}

}  // namespace ocellus
