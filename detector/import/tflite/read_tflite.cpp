// SPDX-License-Identifier: Apache-2.0
#include "detector/import/tflite/read_tflite.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "detector/compile_error.h"
#include "detector/import/tflite/activation_tables.h"
#include "detector/import/tflite/tflite_generated.h"

namespace ocellus {
namespace {

using format::OpKind;

// Builtin operator codes of the format.
enum class Builtin : int32_t {
  kAdd = 0,
  kAveragePool2d = 1,
  kConcatenation = 2,
  kConv2d = 3,
  kDepthwiseConv2d = 4,
  kDequantize = 6,
  kFullyConnected = 9,
  kLogistic = 14,
  kMaxPool2d = 17,
  kMul = 18,
  kRelu = 19,
  kRelu6 = 21,
  kReshape = 22,
  kSoftmax = 25,
  kPad = 34,
  kTranspose = 39,
  kMean = 40,
  kSub = 41,
  kSqueeze = 43,
  kResizeNearestNeighbor = 97,
  kQuantize = 114,
  kHardSwish = 117,
};

struct NamedBuiltin {
  Builtin code;
  const char* name;
};

constexpr NamedBuiltin kSupported[] = {
    {Builtin::kAdd, "ADD"},
    {Builtin::kAveragePool2d, "AVERAGE_POOL_2D"},
    {Builtin::kConcatenation, "CONCATENATION"},
    {Builtin::kConv2d, "CONV_2D"},
    {Builtin::kDepthwiseConv2d, "DEPTHWISE_CONV_2D"},
    {Builtin::kDequantize, "DEQUANTIZE"},
    {Builtin::kFullyConnected, "FULLY_CONNECTED"},
    {Builtin::kHardSwish, "HARD_SWISH"},
    {Builtin::kLogistic, "LOGISTIC"},
    {Builtin::kMaxPool2d, "MAX_POOL_2D"},
    {Builtin::kMean, "MEAN"},
    {Builtin::kMul, "MUL"},
    {Builtin::kPad, "PAD"},
    {Builtin::kQuantize, "QUANTIZE"},
    {Builtin::kRelu, "RELU"},
    {Builtin::kRelu6, "RELU6"},
    {Builtin::kReshape, "RESHAPE"},
    {Builtin::kResizeNearestNeighbor, "RESIZE_NEAREST_NEIGHBOR"},
    {Builtin::kSoftmax, "SOFTMAX"},
    {Builtin::kSqueeze, "SQUEEZE"},
    {Builtin::kSub, "SUB"},
    {Builtin::kTranspose, "TRANSPOSE"},
};

std::string NameOf(int32_t code) {
  for (const NamedBuiltin& builtin : kSupported) {
    if (static_cast<int32_t>(builtin.code) == code) return builtin.name;
  }
  return "builtin operator " + std::to_string(code);
}

std::string SupportedNames() {
  std::string names;
  for (const NamedBuiltin& builtin : kSupported) {
    names += (names.empty() ? "" : ", ") + std::string(builtin.name);
  }
  return names;
}

// Rows above and below, columns left and right.
struct Padding {
  int32_t top = 0;
  int32_t bottom = 0;
  int32_t left = 0;
  int32_t right = 0;
};

// What a tensor of the file is in the graph: a tensor there that may still
// have to be padded, or only to be read in another shape.
struct Value {
  int32_t tensor = kNone;
  Padding padding = {};
  bool is_padded = false;
  std::optional<Shape> shape = {};  // if another than the tensor's
  bool is_float = false;            // behind a DEQUANTIZE
};

// Along one axis.
struct Axis {
  int32_t in = 0;
  int32_t kernel = 1;
  int32_t stride = 1;
  int32_t pad = 0;  // in front
  int32_t out = 0;
};

class Lowering {
 public:
  Lowering(std::string path, const tflite::Model& model)
      : path_(std::move(path)),
        model_(model),
        subgraph_(*(*model.subgraphs())[0]) {}

  ImportedModel Run() {
    imported_.graph.name = std::filesystem::path(path_).stem().string();
    imported_.graph.head.encoding = format::BoxEncoding::kNone;
    TakeInput();
    const auto& operators = *subgraph_.operators();
    for (uint32_t i = 0; i < operators.size(); ++i) {
      op_index_ = static_cast<int32_t>(i);
      op_ = operators[i];
      if (op_ == nullptr) Fail("is empty");
      LowerOp();
    }
    op_ = nullptr;
    TakeOutputs();
    return std::move(imported_);
  }

 private:
  Graph& graph() { return imported_.graph; }
  Shape GraphShape(int32_t tensor) const {
    return imported_.graph.shape(tensor);
  }

  [[noreturn]] void Fail(const std::string& what) const {
    if (op_ == nullptr) throw CompileError(path_ + ": " + what);
    throw CompileError(path_ + ": op " + std::to_string(op_index_) + " (" +
                       OpName() + "): " + what);
  }

  int32_t Code() const {
    const auto* codes = model_.operator_codes();
    if (codes == nullptr || op_->opcode_index() >= codes->size() ||
        (*codes)[op_->opcode_index()] == nullptr) {
      throw CompileError(path_ + ": op " + std::to_string(op_index_) +
                         " has no operator code");
    }
    const tflite::OperatorCode& code = *(*codes)[op_->opcode_index()];
    // The older field ends at 127; the newer is 0 in older files.
    return std::max<int32_t>(code.builtin_code(),
                             code.deprecated_builtin_code());
  }

  std::string OpName() const {
    const int32_t code = Code();
    constexpr int32_t kCustom = 32;
    if (code == kCustom) {
      const auto* custom =
          (*model_.operator_codes())[op_->opcode_index()]->custom_code();
      return custom == nullptr ? "custom" : "custom " + custom->str();
    }
    return NameOf(code);
  }

  // --- Tensors of the file.

  const tflite::Tensor& TensorAt(int32_t index) const {
    const auto* tensors = subgraph_.tensors();
    if (index < 0 || static_cast<uint32_t>(index) >= tensors->size() ||
        (*tensors)[index] == nullptr) {
      Fail("tensor " + std::to_string(index) + " does not exist");
    }
    return *(*tensors)[index];
  }

  // Of the op's inputs; -1 where an optional one is left out.
  int32_t InputIndex(uint32_t i) const {
    if (op_->inputs() == nullptr || i >= op_->inputs()->size()) {
      Fail("has fewer inputs than " + std::to_string(i + 1));
    }
    return (*op_->inputs())[i];
  }
  bool HasInput(uint32_t i) const {
    return op_->inputs() != nullptr && i < op_->inputs()->size() &&
           (*op_->inputs())[i] >= 0;
  }
  int32_t OutputIndex() const {
    if (op_->outputs() == nullptr || op_->outputs()->size() != 1) {
      Fail("expected one output");
    }
    return (*op_->outputs())[0];
  }

  std::vector<int32_t> Dims(int32_t index) const {
    const auto* shape = TensorAt(index).shape();
    if (shape == nullptr) return {};
    return {shape->begin(), shape->end()};
  }

  // [H, W, C] of a tensor: the batch is one, missing dimensions too.
  Shape ShapeOf(int32_t index) const {
    std::vector<int32_t> dims = Dims(index);
    for (const int32_t dim : dims) {
      if (dim < 1 || dim > (1 << 24)) {
        Fail("tensor " + std::to_string(index) + " has a dimension of " +
             std::to_string(dim) + ": expected fixed, positive ones");
      }
    }
    while (dims.size() > 1 && dims.front() == 1) dims.erase(dims.begin());
    // Rows of pixels if there are two: [N, C] is N rows of one pixel.
    if (dims.size() == 2) dims.insert(dims.begin() + 1, 1);
    const auto* shape = TensorAt(index).shape();
    if (shape != nullptr && shape->size() == 4) {
      if ((*shape)[0] != 1) {
        Fail("a batch of " + std::to_string((*shape)[0]) + ": expected 1");
      }
      dims = {(*shape)[1], (*shape)[2], (*shape)[3]};
    }
    while (dims.size() < 3) dims.insert(dims.begin(), 1);
    int64_t rows = 1;
    for (std::size_t i = 0; i + 2 < dims.size(); ++i) {
      rows *= dims[i];
      if (rows > (1 << 24))
        Fail("tensor " + std::to_string(index) + " is huge");
    }
    return {static_cast<int32_t>(rows), dims[dims.size() - 2], dims.back()};
  }

  // Copied, since the verifier lets elements of 8 bytes stand anywhere.
  static std::vector<int64_t> ZeroPoints(
      const tflite::Quantization& quantization) {
    const auto* stored = quantization.zero_point();
    if (stored == nullptr) return {};
    std::vector<int64_t> zeros(stored->size());
    if (!zeros.empty()) {
      std::memcpy(zeros.data(), stored->Data(), zeros.size() * sizeof(int64_t));
    }
    return zeros;
  }

  QuantParams QuantOf(int32_t index) const {
    const auto* quantization = TensorAt(index).quantization();
    const auto* scale =
        quantization == nullptr ? nullptr : quantization->scale();
    if (scale == nullptr || scale->size() != 1) {
      Fail("tensor " + std::to_string(index) +
           " has no scale: expected a fully int8 model");
    }
    const std::vector<int64_t> zeros = ZeroPoints(*quantization);
    const int64_t zero = zeros.empty() ? 0 : zeros[0];
    const float value = (*scale)[0];
    if (!(value > 0.0f) || !std::isfinite(value) || zero < -128 || zero > 255) {
      Fail("tensor " + std::to_string(index) +
           ": expected a scale above 0 and a zero point in int8");
    }
    return {value, static_cast<int32_t>(zero)};
  }

  void ExpectType(int32_t index, tflite::TensorType type) const {
    const tflite::TensorType found = TensorAt(index).type();
    if (found != type) {
      Fail("tensor " + std::to_string(index) + " is " + TypeName(found) +
           ", expected " + TypeName(type));
    }
  }
  static std::string TypeName(tflite::TensorType type) {
    const char* name = tflite::EnumNameTensorType(type);
    return *name != '\0' ? name
                         : "of type " + std::to_string(static_cast<int>(type));
  }

  template <typename T>
  std::vector<T> Constant(int32_t index, tflite::TensorType type) const {
    ExpectType(index, type);
    const auto* buffers = model_.buffers();
    const uint32_t buffer = TensorAt(index).buffer();
    const flatbuffers::Vector<uint8_t>* data = nullptr;
    if (buffers != nullptr && buffer < buffers->size() &&
        (*buffers)[buffer] != nullptr) {
      data = (*buffers)[buffer]->data();
    }
    int64_t elements = 1;
    for (const int32_t dim : Dims(index)) {
      if (dim < 0 || dim > (1 << 24)) Fail("a constant of negative shape");
      elements *= dim;
      if (elements > (int64_t{1} << 28)) Fail("a huge constant");
    }
    if (data == nullptr ||
        data->size() != static_cast<uint64_t>(elements) * sizeof(T)) {
      Fail("tensor " + std::to_string(index) + ": expected a constant of " +
           std::to_string(elements) + " values");
    }
    std::vector<T> values(static_cast<std::size_t>(elements));
    if (!values.empty()) {
      std::memcpy(values.data(), data->data(), data->size());
    }
    return values;
  }

  // --- Tensors of the graph.

  int32_t NewTensor(int32_t index, Shape shape, QuantParams quant) {
    for (const int32_t dim : {shape.h, shape.w, shape.c}) {
      if (dim < 1 || dim > format::kMaxDimension) {
        Fail("a tensor of " + std::to_string(shape.h) + "x" +
             std::to_string(shape.w) + "x" + std::to_string(shape.c) +
             ": at most " + std::to_string(format::kMaxDimension) +
             " in each direction");
      }
    }
    if (quant.zero_point > 127) Fail("a zero point beyond int8");
    const auto* name = TensorAt(index).name();
    imported_.quantized.quant.push_back(quant);
    return graph().AddTensor(name == nullptr ? "" : name->str(), shape);
  }
  // The op's int8 output, which is a tensor of its own.
  int32_t NewOutput() {
    const int32_t index = OutputIndex();
    ExpectType(index, tflite::TensorType_INT8);
    const int32_t tensor = NewTensor(index, ShapeOf(index), QuantOf(index));
    SetValue(index, {.tensor = tensor});
    return tensor;
  }
  void SetValue(int32_t index, Value value) { values_[index] = value; }

  const Value& ValueOf(int32_t index) const {
    const auto it = values_.find(index);
    if (it == values_.end()) {
      Fail("tensor " + std::to_string(index) +
           " is a constant or not written before: expected an activation");
    }
    return it->second;
  }

  // The value of an op's int8 input, as it is.
  const Value& InputValue(uint32_t i) const {
    const int32_t index = InputIndex(i);
    const Value& value = ValueOf(index);
    ExpectType(index, tflite::TensorType_INT8);
    return value;
  }

  // The same as a tensor of its shape, padded if need be.
  int32_t InputTensor(uint32_t i) {
    const Value value = InputValue(i);
    const int32_t index = InputIndex(i);
    if (value.is_padded) {
      const int32_t padded = AppendPad(index, value);
      SetValue(index, {.tensor = padded});
      return padded;
    }
    if (value.shape && *value.shape != GraphShape(value.tensor)) {
      GraphOp op;
      op.kind = OpKind::kReshape;
      op.input = value.tensor;
      op.output = NewTensor(index, *value.shape, Quant(value.tensor));
      const int32_t reshaped = op.output;
      Append(std::move(op));
      SetValue(index, {.tensor = reshaped});
      return reshaped;
    }
    return value.tensor;
  }
  const QuantParams& Quant(int32_t tensor) const {
    return imported_.quantized.quant[tensor];
  }

  QuantizedOp& Append(GraphOp op) {
    if (graph().ops.size() >= format::kMaxOps) Fail("too many operators");
    graph().ops.push_back(std::move(op));
    return imported_.quantized.ops.emplace_back();
  }

  void ExpectOutputShape(int32_t tensor, Shape expected) const {
    const Shape found = GraphShape(tensor);
    if (found != expected) {
      Fail("its output is " + std::to_string(found.h) + "x" +
           std::to_string(found.w) + "x" + std::to_string(found.c) +
           ", expected " + std::to_string(expected.h) + "x" +
           std::to_string(expected.w) + "x" + std::to_string(expected.c));
    }
  }

  template <typename T>
  const T& Options(const T* options) const {
    if (options == nullptr) Fail("has no options");
    return *options;
  }

  void SetActivation(tflite::Activation activation, int32_t tensor,
                     QuantizedOp* op) const {
    float min = -std::numeric_limits<float>::infinity();
    float max = std::numeric_limits<float>::infinity();
    switch (activation) {
      case tflite::Activation_NONE:
        break;
      case tflite::Activation_RELU:
        min = 0.0f;
        break;
      case tflite::Activation_RELU_N1_TO_1:
        min = -1.0f;
        max = 1.0f;
        break;
      case tflite::Activation_RELU6:
        min = 0.0f;
        max = 6.0f;
        break;
      default:
        Fail("has a fused activation other than RELU, RELU6 and RELU_N1_TO_1");
    }
    const QuantParams quant = Quant(tensor);
    const auto bound = [&](float real) {
      const float steps =
          real / quant.scale + static_cast<float>(quant.zero_point);
      return static_cast<int8_t>(
          std::nearbyint(std::clamp(steps, -128.0f, 127.0f)));
    };
    op->activation_min = bound(min);
    op->activation_max = bound(max);
  }

  // --- Inputs and outputs.

  void TakeInput() {
    const auto* inputs = subgraph_.inputs();
    if (inputs == nullptr || inputs->size() != 1) {
      Fail("expected one input, the image");
    }
    input_ = (*inputs)[0];
    const Shape shape = ShapeOf(input_);
    switch (TensorAt(input_).type()) {
      case tflite::TensorType_INT8:
        TakeImage(input_, shape, QuantOf(input_));
        break;
      case tflite::TensorType_FLOAT32:
      case tflite::TensorType_UINT8:
        break;  // until its QUANTIZE
      default:
        Fail("its input is " + TypeName(TensorAt(input_).type()) +
             ", expected INT8, UINT8 or FLOAT32");
    }
  }

  void TakeImage(int32_t index, Shape shape, QuantParams quant) {
    const int32_t tensor = NewTensor(index, shape, quant);
    if (tensor != 0) Fail("quantises the image a second time");
    graph().input = tensor;
    SetValue(index, {.tensor = tensor});
  }

  void TakeOutputs() {
    const auto* outputs = subgraph_.outputs();
    if (graph().input == kNone) Fail("nothing reads the image: expected int8");
    if (outputs == nullptr || outputs->size() == 0) Fail("has no outputs");
    if (outputs->size() > format::kMaxLevels) {
      Fail("has " + std::to_string(outputs->size()) + " outputs, at most " +
           std::to_string(format::kMaxLevels) + " are supported");
    }
    for (const int32_t index : *outputs) {
      const Value& value = ValueOf(index);
      if (value.is_padded) Fail("an output that is only padded");
      // A reshape at the end changes no byte.
      graph().levels.push_back({value.tensor, value.tensor, 1});
    }
    if (graph().ops.empty()) Fail("has no operators");
  }

  // --- Operators.

  void LowerOp() {
    switch (static_cast<Builtin>(Code())) {
      case Builtin::kConv2d:
        return LowerConv2d();
      case Builtin::kDepthwiseConv2d:
        return LowerDepthwise();
      case Builtin::kFullyConnected:
        return LowerFullyConnected();
      case Builtin::kAdd:
        return LowerAdd(Options(op_->options_as_AddOptions()).activation(),
                        false);
      case Builtin::kSub:
        return LowerAdd(Options(op_->options_as_SubOptions()).activation(),
                        true);
      case Builtin::kMul:
        return LowerMul();
      case Builtin::kPad:
        return LowerPad();
      case Builtin::kAveragePool2d:
        return LowerPool(format::PoolMode::kAverage);
      case Builtin::kMaxPool2d:
        return LowerPool(format::PoolMode::kMax);
      case Builtin::kMean:
        return LowerMean();
      case Builtin::kResizeNearestNeighbor:
        return LowerResize();
      case Builtin::kConcatenation:
        return LowerConcatenation();
      case Builtin::kReshape:
      case Builtin::kSqueeze:
        return LowerReshape();
      case Builtin::kTranspose:
        return LowerTranspose();
      case Builtin::kSoftmax:
        return LowerSoftmax();
      case Builtin::kLogistic:
        return LowerLookup(LogisticTable);
      case Builtin::kHardSwish:
        return LowerLookup(HardSwishTable);
      case Builtin::kRelu:
        return LowerClamp(0.0f, std::numeric_limits<float>::infinity());
      case Builtin::kRelu6:
        return LowerClamp(0.0f, 6.0f);
      case Builtin::kQuantize:
        return LowerQuantize();
      case Builtin::kDequantize:
        return LowerDequantize();
    }
    Fail("not supported; supported are " + SupportedNames());
  }

  // The window of an op along one axis. `explicit_pad` is what a PAD before it
  // adds in front and behind.
  Axis Window(int32_t in, int32_t kernel, int32_t stride,
              tflite::Padding padding, int32_t pad_front,
              int32_t pad_behind) const {
    if (stride < 1 || kernel < 1) Fail("expected kernel and stride above 0");
    Axis axis = {in, kernel, stride, pad_front, 0};
    const int32_t padded = in + pad_front + pad_behind;
    switch (padding) {
      case tflite::Padding_SAME: {
        axis.out = (padded + stride - 1) / stride;
        const int64_t needed = int64_t{axis.out - 1} * stride + kernel - padded;
        axis.pad += static_cast<int32_t>(std::max<int64_t>(needed, 0) / 2);
        break;
      }
      case tflite::Padding_VALID:
        if (padded < kernel) Fail("its kernel is larger than its input");
        axis.out = (padded - kernel) / stride + 1;
        break;
      default:
        Fail("expected padding SAME or VALID");
    }
    return axis;
  }

  // Whether the runtime's windows can be laid so, see Model::Parse().
  static bool WindowFits(const Axis& axis) {
    return axis.pad < axis.kernel &&
           int64_t{axis.out - 1} * axis.stride - axis.pad < axis.in;
  }

  struct WindowOptions {
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    tflite::Padding padding;
  };

  // Sets input, window and output of an op, with the PAD before it if
  // `may_pad`.
  void SetWindow(const WindowOptions& options, int32_t max_kernel,
                 int32_t max_stride, bool may_pad, GraphOp* op) {
    const auto check = [&](const char* what, int32_t value, int32_t most) {
      if (value < 1 || value > most) {
        Fail(std::string(what) + " " + std::to_string(value) +
             ": expected 1 to " + std::to_string(most));
      }
    };
    check("kernel", options.kernel_h, max_kernel);
    check("kernel", options.kernel_w, max_kernel);
    check("stride", options.stride_h, max_stride);
    check("stride", options.stride_w, max_stride);
    Value value = InputValue(0);
    Axis rows;
    Axis columns;
    const auto lay = [&](const Padding& padding) {
      const Shape in = GraphShape(op->input);
      rows = Window(in.h, options.kernel_h, options.stride_h, options.padding,
                    padding.top, padding.bottom);
      columns = Window(in.w, options.kernel_w, options.stride_w,
                       options.padding, padding.left, padding.right);
      return WindowFits(rows) && WindowFits(columns);
    };
    op->input = value.tensor;
    bool fits = false;
    if (value.is_padded && may_pad) fits = lay(value.padding);
    if (!fits) {
      op->input = InputTensor(0);
      fits = lay({});
    }
    if (!fits) Fail("its padding is as large as its kernel");
    op->kernel_h = rows.kernel;
    op->kernel_w = columns.kernel;
    op->stride_y = rows.stride;
    op->stride_x = columns.stride;
    op->pad_top = rows.pad;
    op->pad_left = columns.pad;
    op->output = NewOutput();
    ExpectOutputShape(op->output,
                      {rows.out, columns.out, GraphShape(op->output).c});
  }

  // Bias and requantisation of a convolution with `outputs` channels.
  void SetSums(const GraphOp& op, int32_t outputs, QuantizedOp* values) {
    const int32_t weights = InputIndex(1);
    if (HasInput(2)) {
      values->bias = Constant<int32_t>(InputIndex(2), tflite::TensorType_INT32);
    } else {
      values->bias.assign(outputs, 0);
    }
    const auto* quantization = TensorAt(weights).quantization();
    const auto* scales =
        quantization == nullptr ? nullptr : quantization->scale();
    if (scales == nullptr ||
        (scales->size() != 1 &&
         scales->size() != static_cast<uint32_t>(outputs))) {
      Fail("expected one weight scale, or one for each output channel");
    }
    for (const int64_t zero : ZeroPoints(*quantization)) {
      if (zero != 0) Fail("expected weights with zero point 0");
    }
    if (values->bias.size() != static_cast<std::size_t>(outputs)) {
      Fail("expected a bias for each output channel");
    }
    const float input_scale = Quant(op.input).scale;
    const float output_scale = Quant(op.output).scale;
    for (int32_t o = 0; o < outputs; ++o) {
      const float scale = (*scales)[scales->size() == 1 ? 0 : o];
      const float requant = input_scale * scale / output_scale;
      if (!(requant > 0.0f) || !std::isfinite(requant)) {
        Fail("weight scale " + std::to_string(scale) +
             ": expected a positive number");
      }
      values->requant.push_back(requant);
    }
  }

  // The kind and window of a convolution; -> the shape of its weights.
  template <typename ConvOptions>
  std::vector<int32_t> StartConvolution(const ConvOptions& options, OpKind kind,
                                        GraphOp* op) {
    ExpectNoDilation(options.dilation_h(), options.dilation_w());
    std::vector<int32_t> dims = WeightDims(4);
    op->kind = kind;
    SetWindow({dims[1], dims[2], options.stride_h(), options.stride_w(),
               options.padding()},
              format::kMaxKernel, format::kMaxStride, true, op);
    return dims;
  }

  void EndConvolution(GraphOp op, int32_t outputs,
                      tflite::Activation activation,
                      std::vector<int8_t> weights) {
    QuantizedOp values;
    values.weights = std::move(weights);
    SetSums(op, outputs, &values);
    SetActivation(activation, op.output, &values);
    Append(std::move(op)) = std::move(values);
  }

  void LowerConv2d() {
    const auto& options = Options(op_->options_as_Conv2DOptions());
    GraphOp op;
    const auto dims = StartConvolution(options, OpKind::kConv2d, &op);
    if (dims[3] != GraphShape(op.input).c ||
        dims[0] != GraphShape(op.output).c) {
      Fail("its weights do not fit its channels (groups are not supported)");
    }
    EndConvolution(std::move(op), dims[0], options.activation(),
                   Constant<int8_t>(InputIndex(1), tflite::TensorType_INT8));
  }

  void LowerDepthwise() {
    const auto& options = Options(op_->options_as_DepthwiseConv2DOptions());
    GraphOp op;
    const auto dims = StartConvolution(options, OpKind::kDepthwiseConv2d, &op);
    const int32_t inputs = GraphShape(op.input).c;
    const int32_t outputs = GraphShape(op.output).c;
    if (dims[0] != 1 || dims[3] != outputs || outputs % inputs != 0) {
      Fail("its weights do not fit its channels");
    }
    auto weights = Constant<int8_t>(InputIndex(1), tflite::TensorType_INT8);
    if (outputs != inputs) {
      op.kind = OpKind::kConv2d;
      weights = SpreadFilters(weights, dims[1] * dims[2], inputs, outputs);
    }
    EndConvolution(std::move(op), outputs, options.activation(),
                   std::move(weights));
  }

  // Several filters for each input channel: a convolution, zero elsewhere.
  std::vector<int8_t> SpreadFilters(const std::vector<int8_t>& depthwise,
                                    int32_t taps, int32_t inputs,
                                    int32_t outputs) const {
    const int64_t size = int64_t{taps} * inputs * outputs;
    if (size > (int64_t{1} << 26)) Fail("too many filters for each channel");
    std::vector<int8_t> weights(static_cast<std::size_t>(size), 0);
    for (int32_t o = 0; o < outputs; ++o) {
      const int32_t input = o / (outputs / inputs);
      for (int32_t tap = 0; tap < taps; ++tap) {
        weights[(static_cast<std::size_t>(o) * taps + tap) * inputs + input] =
            depthwise[static_cast<std::size_t>(tap) * outputs + o];
      }
    }
    return weights;
  }

  std::vector<int32_t> WeightDims(std::size_t rank) const {
    std::vector<int32_t> dims = Dims(InputIndex(1));
    if (dims.size() != rank) {
      Fail("expected weights of rank " + std::to_string(rank));
    }
    for (const int32_t dim : dims) {
      if (dim < 1) Fail("expected weights of a positive shape");
    }
    return dims;
  }

  void ExpectNoDilation(int32_t h, int32_t w) const {
    if (h != 1 || w != 1) {
      Fail("dilation " + std::to_string(h) + "x" + std::to_string(w) +
           ": expected 1");
    }
  }

  // A convolution whose kernel is all of the map that was flattened.
  void LowerFullyConnected() {
    const auto& options = Options(op_->options_as_FullyConnectedOptions());
    if (options.weights_format() != 0) Fail("shuffled weights");
    const std::vector<int32_t> dims = WeightDims(2);
    const Value value = InputValue(0);
    GraphOp op;
    op.kind = OpKind::kConv2d;
    op.input = value.tensor;
    Shape in = GraphShape(op.input);
    const bool is_flat = !value.is_padded && in.elements() == dims[1];
    const bool each_pixel = in.c == dims[1] && in.elements() != dims[1];
    if (value.is_padded || each_pixel ||
        in.h > static_cast<int32_t>(format::kMaxKernel) ||
        in.w > static_cast<int32_t>(format::kMaxKernel)) {
      op.input = InputTensor(0);
      in = GraphShape(op.input);
    } else if (!is_flat) {
      Fail("its weights do not fit its input");
    }
    if (!each_pixel) {
      op.kernel_h = in.h;
      op.kernel_w = in.w;
      if (in.elements() != dims[1]) Fail("its weights do not fit its input");
    }
    if (op.kernel_h > static_cast<int32_t>(format::kMaxKernel) ||
        op.kernel_w > static_cast<int32_t>(format::kMaxKernel)) {
      Fail("its input is too large");
    }
    op.output = NewOutput();
    const Shape out = GraphShape(op.output);
    if (out.c != dims[0] ||
        out.elements() != (each_pixel ? int64_t{in.h} * in.w : 1) * dims[0]) {
      Fail("its weights do not fit its output");
    }
    QuantizedOp values;
    values.weights = Constant<int8_t>(InputIndex(1), tflite::TensorType_INT8);
    SetSums(op, dims[0], &values);
    SetActivation(options.activation(), op.output, &values);
    Append(std::move(op)) = std::move(values);
  }

  void LowerAdd(tflite::Activation activation, bool subtracts) {
    GraphOp op;
    op.kind = OpKind::kAdd;
    op.input = InputTensor(0);
    op.input2 = InputTensor(1);
    if (GraphShape(op.input) != GraphShape(op.input2)) {
      Fail("its inputs differ in shape: broadcasting is not supported");
    }
    op.output = NewOutput();
    ExpectOutputShape(op.output, GraphShape(op.input));
    QuantizedOp values;
    const float a = Quant(op.input).scale;
    const float b = Quant(op.input2).scale;
    const float out = Quant(op.output).scale;
    try {
      SetAddScales(a, b, out, &values);
    } catch (const CompileError& error) {
      Fail(error.what());
    }
    if (subtracts) values.add_multiplier2 = -values.add_multiplier2;
    SetActivation(activation, op.output, &values);
    Append(std::move(op)) = std::move(values);
  }

  void LowerMul() {
    const auto& options = Options(op_->options_as_MulOptions());
    GraphOp op;
    op.kind = OpKind::kMul;
    op.input = InputTensor(0);
    op.input2 = InputTensor(1);
    const auto is_one_pixel = [&](int32_t tensor, int32_t of) {
      const Shape shape = GraphShape(tensor);
      return shape.h == 1 && shape.w == 1 && shape.c == GraphShape(of).c;
    };
    if (is_one_pixel(op.input, op.input2)) std::swap(op.input, op.input2);
    if (GraphShape(op.input) != GraphShape(op.input2) &&
        !is_one_pixel(op.input2, op.input)) {
      Fail(
          "its inputs differ in shape: expected equal ones, or one pixel that "
          "scales channels");
    }
    op.output = NewOutput();
    ExpectOutputShape(op.output, GraphShape(op.input));
    QuantizedOp values;
    values.requant = {Quant(op.input).scale * Quant(op.input2).scale /
                      Quant(op.output).scale};
    ExpectPositive(values.requant[0]);
    SetActivation(options.activation(), op.output, &values);
    Append(std::move(op)) = std::move(values);
  }

  // Far beyond what quantisers write, and within what fixed point can hold.
  void ExpectUsualScales(float from, float to) const {
    const auto is_usual = [](float value) {
      return value >= 0x1p-24f && value <= 0x1p16f;
    };
    if (!is_usual(from) || !is_usual(to) || !(from / to >= 0x1p-16f) ||
        !(from / to <= 0x1p16f)) {
      Fail("its scales are too large, too small or too far apart");
    }
  }

  void ExpectPositive(float requant) const {
    if (!(requant > 0.0f) || !std::isfinite(requant)) {
      Fail("its scales leave the range of float32");
    }
  }

  void LowerPad() {
    const std::vector<int32_t> dims = Dims(InputIndex(1));
    const std::vector<int32_t> pads =
        Constant<int32_t>(InputIndex(1), tflite::TensorType_INT32);
    if (dims.size() != 2 || dims[0] != 4 || dims[1] != 2) {
      Fail("expected paddings of 4 x 2");
    }
    for (const int32_t pad : pads) {
      if (pad < 0 || pad > format::kMaxDimension) {
        Fail("expected paddings of 0 and above");
      }
    }
    if (pads[0] != 0 || pads[1] != 0 || pads[6] != 0 || pads[7] != 0) {
      Fail("pads the batch or channels: expected rows and columns");
    }
    Value value = InputValue(0);
    if (value.is_padded || value.shape) value = {.tensor = InputTensor(0)};
    const int32_t output = OutputIndex();
    ExpectType(output, tflite::TensorType_INT8);
    if (QuantOf(output) != Quant(value.tensor)) {
      Fail("changes the quantisation");
    }
    const Padding padding = {pads[2], pads[3], pads[4], pads[5]};
    const Shape in = GraphShape(value.tensor);
    const Shape out = {in.h + padding.top + padding.bottom,
                       in.w + padding.left + padding.right, in.c};
    if (out != ShapeOf(output)) Fail("its output's shape does not fit");
    SetValue(output,
             {.tensor = value.tensor, .padding = padding, .is_padded = true});
  }

  // A PAD that no convolution takes: a depthwise convolution whose one weight
  // picks the pixel itself.
  int32_t AppendPad(int32_t index, const Value& value) {
    const Padding& padding = value.padding;
    GraphOp op;
    op.kind = OpKind::kDepthwiseConv2d;
    op.input = value.tensor;
    op.kernel_h = padding.top + padding.bottom + 1;
    op.kernel_w = padding.left + padding.right + 1;
    op.pad_top = padding.top + padding.bottom;
    op.pad_left = padding.left + padding.right;
    constexpr auto kMost = static_cast<int32_t>(format::kMaxKernel);
    if (op.kernel_h > kMost || op.kernel_w > kMost) {
      Fail("pads more than " + std::to_string(kMost - 1) +
           " rows or columns where no convolution takes it");
    }
    const Shape in = GraphShape(value.tensor);
    op.output = NewTensor(index, {in.h + op.pad_top, in.w + op.pad_left, in.c},
                          Quant(value.tensor));
    const int32_t output = op.output;
    const int32_t tap = padding.bottom * op.kernel_w + padding.right;
    QuantizedOp values;
    values.weights.assign(
        static_cast<std::size_t>(op.kernel_h) * op.kernel_w * in.c, 0);
    std::fill_n(values.weights.begin() + tap * in.c, in.c, int8_t{1});
    values.bias.assign(in.c, 0);
    values.requant.assign(in.c, 1.0f);
    Append(std::move(op)) = std::move(values);
    return output;
  }

  void LowerPool(format::PoolMode mode) {
    const auto& options = Options(op_->options_as_Pool2DOptions());
    GraphOp op;
    op.kind = OpKind::kPool;
    op.variant = static_cast<uint8_t>(mode);
    SetWindow({options.filter_height(), options.filter_width(),
               options.stride_h(), options.stride_w(), options.padding()},
              format::kMaxPoolKernel, format::kMaxPoolKernel, false, &op);
    if (Quant(op.input) != Quant(op.output)) Fail("changes the quantisation");
    QuantizedOp values;
    SetActivation(options.activation(), op.output, &values);
    Append(std::move(op)) = std::move(values);
  }

  void LowerMean() {
    const std::vector<int32_t> axes =
        Constant<int32_t>(InputIndex(1), tflite::TensorType_INT32);
    const auto rank = static_cast<int32_t>(Dims(InputIndex(0)).size());
    GraphOp op;
    op.kind = OpKind::kPool;
    op.variant = static_cast<uint8_t>(format::PoolMode::kMean);
    op.input = InputTensor(0);
    const Shape in = GraphShape(op.input);
    bool of_rows = false;
    bool of_columns = false;
    for (const int32_t axis : axes) {
      of_rows |= axis == 1 || axis + rank == 1;
      of_columns |= axis == 2 || axis + rank == 2;
    }
    if (rank != 4 || axes.size() != 2 || !of_rows || !of_columns) {
      Fail("expected a mean over rows and columns");
    }
    op.kernel_h = in.h;
    op.kernel_w = in.w;
    constexpr auto kMost = static_cast<int32_t>(format::kMaxPoolKernel);
    if (in.h > kMost || in.w > kMost) {
      Fail("a mean over more than " + std::to_string(kMost) +
           " rows or columns");
    }
    op.output = NewOutput();
    ExpectOutputShape(op.output, {1, 1, in.c});
    QuantizedOp values;
    values.requant = {
        Quant(op.input).scale /
        (Quant(op.output).scale * static_cast<float>(in.h * in.w))};
    ExpectPositive(values.requant[0]);
    Append(std::move(op)) = std::move(values);
  }

  // Whether TensorFlow Lite reads pixel y / factor for every y.
  static bool RepeatsPixels(int32_t in, int32_t out, bool align_corners,
                            bool half_pixel_centers) {
    if (out % in != 0) return false;
    const float scale =
        align_corners && out > 1
            ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
            : static_cast<float>(in) / static_cast<float>(out);
    const float shift = half_pixel_centers ? 0.5f : 0.0f;
    for (int32_t y = 0; y < out; ++y) {
      const float position = (static_cast<float>(y) + shift) * scale;
      const float whole =
          align_corners ? std::round(position) : std::floor(position);
      const int32_t read = std::clamp(static_cast<int32_t>(whole), 0, in - 1);
      if (read != y / (out / in)) return false;
    }
    return true;
  }

  void LowerResize() {
    const auto& options =
        Options(op_->options_as_ResizeNearestNeighborOptions());
    GraphOp op;
    op.kind = OpKind::kResizeNearest;
    op.input = InputTensor(0);
    op.output = NewOutput();
    const Shape in = GraphShape(op.input);
    const Shape out = GraphShape(op.output);
    const auto repeats = [&](int32_t from, int32_t to) {
      return RepeatsPixels(from, to, options.align_corners(),
                           options.half_pixel_centers());
    };
    if (in.c != out.c || !repeats(in.h, out.h) || !repeats(in.w, out.w)) {
      Fail("enlarges other than by repeating pixels a whole number of times");
    }
    if (Quant(op.input) != Quant(op.output)) Fail("changes the quantisation");
    Append(std::move(op));
  }

  void LowerConcatenation() {
    const auto& options = Options(op_->options_as_ConcatenationOptions());
    if (options.activation() != tflite::Activation_NONE) {
      Fail("has a fused activation");
    }
    const uint32_t count = op_->inputs() == nullptr ? 0 : op_->inputs()->size();
    if (count < 1) Fail("has no inputs");
    const auto rank = static_cast<int32_t>(Dims(OutputIndex()).size());
    const int32_t axis =
        options.axis() < 0 ? options.axis() + rank : options.axis();
    const format::ConcatAxis concat_axis = ConcatAxisOf(axis, rank);
    const int32_t output = OutputIndex();
    ExpectType(output, tflite::TensorType_INT8);
    int32_t so_far = InputTensor(0);
    for (uint32_t i = 1; i < count; ++i) {
      const int32_t next = InputTensor(i);
      so_far = AppendConcat(output, so_far, next, concat_axis);
    }
    if (Quant(so_far) != QuantOf(output)) Fail("changes the quantisation");
    ExpectOutputShape(so_far, ShapeOf(output));
    SetValue(output, {.tensor = so_far});
  }

  // As ShapeOf() lays dimensions out.
  format::ConcatAxis ConcatAxisOf(int32_t axis, int32_t rank) const {
    using format::ConcatAxis;
    if (axis == rank - 1) return ConcatAxis::kChannels;
    if (rank == 4 && axis == 1) return ConcatAxis::kRows;
    if (rank == 4 && axis == 2) return ConcatAxis::kColumns;
    if (rank == 3 && axis == 1) {
      const Shape out = ShapeOf(OutputIndex());
      if (out.w == 1) return ConcatAxis::kRows;
    }
    Fail("joins along dimension " + std::to_string(axis) +
         ": expected rows, columns or channels");
  }

  int32_t AppendConcat(int32_t index, int32_t first, int32_t second,
                       format::ConcatAxis axis) {
    Shape shape = GraphShape(first);
    const Shape other = GraphShape(second);
    Shape rest = other;
    switch (axis) {
      case format::ConcatAxis::kRows:
        rest.h = shape.h;
        break;
      case format::ConcatAxis::kColumns:
        rest.w = shape.w;
        break;
      case format::ConcatAxis::kChannels:
        rest.c = shape.c;
        break;
    }
    if (rest != shape) Fail("its inputs differ in shape");
    if (Quant(first) != Quant(second)) Fail("changes the quantisation");
    if (axis == format::ConcatAxis::kRows) shape.h += other.h;
    if (axis == format::ConcatAxis::kColumns) shape.w += other.w;
    if (axis == format::ConcatAxis::kChannels) shape.c += other.c;
    GraphOp op;
    op.kind = OpKind::kConcat;
    op.variant = static_cast<uint8_t>(axis);
    op.input = first;
    op.input2 = second;
    op.output = NewTensor(index, shape, Quant(first));
    const int32_t output = op.output;
    Append(std::move(op));
    return output;
  }

  // The same bytes in another shape: whoever reads it decides what that needs.
  void AliasReshaped() {
    const int32_t output = OutputIndex();
    Value value = ValueOf(InputIndex(0));
    if (value.is_padded) value = {.tensor = InputTensor(0)};
    const Shape shape = ShapeOf(output);
    if (shape.elements() != GraphShape(value.tensor).elements()) {
      Fail("its output has another number of elements");
    }
    if (!value.is_float) {
      ExpectType(output, tflite::TensorType_INT8);
      if (QuantOf(output) != Quant(value.tensor)) {
        Fail("changes the quantisation");
      }
    }
    value.shape = shape;
    SetValue(output, value);
  }

  void LowerReshape() { AliasReshaped(); }

  // Only where no element moves: the dimensions above 1 keep their order.
  void LowerTranspose() {
    const std::vector<int32_t> dims = Dims(InputIndex(0));
    const std::vector<int32_t> order =
        Constant<int32_t>(InputIndex(1), tflite::TensorType_INT32);
    int32_t last = -1;
    for (const int32_t from : order) {
      if (from < 0 || static_cast<std::size_t>(from) >= dims.size()) {
        Fail("an order of dimensions that do not exist");
      }
      if (dims[from] == 1) continue;
      if (from < last) {
        Fail("moves data: expected one that keeps dimensions in order");
      }
      last = from;
    }
    AliasReshaped();
  }

  void LowerSoftmax() {
    const auto& options = Options(op_->options_as_SoftmaxOptions());
    GraphOp op;
    op.kind = OpKind::kSoftmax;
    op.input = InputTensor(0);
    op.output = NewOutput();
    ExpectOutputShape(op.output, GraphShape(op.input));
    const float scale = Quant(op.input).scale * options.beta();
    ExpectPositive(scale);
    if (Quant(op.output) != QuantParams{1.0f / 256.0f, -128}) {
      Fail("expected an output of scale 1/256 and zero point -128");
    }
    Append(std::move(op)).requant = TabulateExp(scale);
  }

  void LowerLookup(std::vector<int8_t> (*table)(QuantParams, QuantParams)) {
    GraphOp op;
    op.kind = OpKind::kLookup;
    op.input = InputTensor(0);
    op.output = NewOutput();
    ExpectOutputShape(op.output, GraphShape(op.input));
    const QuantParams from = Quant(op.input);
    const QuantParams to = Quant(op.output);
    ExpectUsualScales(from.scale, to.scale);
    Append(std::move(op)).weights = table(from, to);
  }

  void LowerClamp(float min, float max) {
    GraphOp op;
    op.kind = OpKind::kLookup;
    op.input = InputTensor(0);
    op.output = NewOutput();
    ExpectOutputShape(op.output, GraphShape(op.input));
    const QuantParams from = Quant(op.input);
    const QuantParams to = Quant(op.output);
    ExpectUsualScales(from.scale, to.scale);
    Append(std::move(op)).weights = ClampTable(from, to, min, max);
  }

  void LowerQuantize() {
    const int32_t input = InputIndex(0);
    const int32_t output = OutputIndex();
    const auto type = TensorAt(input).type();
    if (type == tflite::TensorType_INT8) return LowerLookup(QuantizeTable);
    if (input != input_) Fail("expected the image or int8 before it");
    ExpectType(output, tflite::TensorType_INT8);
    const Shape shape = ShapeOf(input);
    if (shape != ShapeOf(output)) Fail("changes the shape");
    const QuantParams quant = QuantOf(output);
    if (type == tflite::TensorType_UINT8) {
      // Only the numbering moves.
      const QuantParams unsigned_quant = QuantOf(input);
      if (unsigned_quant.scale != quant.scale ||
          unsigned_quant.zero_point != quant.zero_point + 128) {
        Fail("requantises a UINT8 image: expected the same scale");
      }
    }
    TakeImage(output, shape, quant);
  }

  void LowerDequantize() {
    Value value = ValueOf(InputIndex(0));
    ExpectType(InputIndex(0), tflite::TensorType_INT8);
    if (value.is_padded) value = {.tensor = InputTensor(0)};
    value.is_float = true;
    SetValue(OutputIndex(), value);
  }

  std::string path_;
  const tflite::Model& model_;
  const tflite::SubGraph& subgraph_;
  int32_t input_ = kNone;
  ImportedModel imported_;
  std::map<int32_t, Value> values_;  // by tensor of the file
  int32_t op_index_ = 0;
  const tflite::Operator* op_ = nullptr;
};

}  // namespace

bool IsTflite(std::span<const uint8_t> file) {
  constexpr std::size_t kIdentifierEnd = 8;
  return file.size() >= kIdentifierEnd &&
         tflite::ModelBufferHasIdentifier(file.data());
}

ImportedModel ReadTflite(const std::string& path,
                         std::span<const uint8_t> file) {
  if (!IsTflite(file)) {
    throw CompileError(path + ": expected a TensorFlow Lite file (TFL3)");
  }
  constexpr flatbuffers::uoffset_t kMostDepth = 64;
  constexpr flatbuffers::uoffset_t kMostTables = 1000000;
  flatbuffers::Verifier verifier(file.data(), file.size(), kMostDepth,
                                 kMostTables);
  if (!tflite::VerifyModelBuffer(verifier)) {
    throw CompileError(path + ": truncated or corrupt");
  }
  const tflite::Model& model = *tflite::GetModel(file.data());
  const auto* subgraphs = model.subgraphs();
  if (subgraphs == nullptr || subgraphs->size() != 1 ||
      (*subgraphs)[0] == nullptr) {
    throw CompileError(path + ": expected one subgraph");
  }
  const tflite::SubGraph& subgraph = *(*subgraphs)[0];
  if (subgraph.tensors() == nullptr || subgraph.operators() == nullptr) {
    throw CompileError(path + ": has no tensors or no operators");
  }
  return Lowering(path, model).Run();
}

}  // namespace ocellus
