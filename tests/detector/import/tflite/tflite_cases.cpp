// SPDX-License-Identifier: Apache-2.0
#include "tests/detector/import/tflite/tflite_cases.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "detector/import/tflite/tflite_generated.h"

namespace ocellus {
namespace {

using tflite::Activation;
using tflite::Padding;
using tflite::TensorType;

constexpr int kInputsPerCase = 6;

// One 32-bit linear congruential generator (Numerical Recipes' constants), so
// that no library's distribution matters.
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 12345u) {}
  uint32_t Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  int32_t Of(int32_t least, int32_t most) {
    return least + static_cast<int32_t>(
                       Next() % static_cast<uint32_t>(most - least + 1));
  }
  template <typename T>
  T Pick(std::initializer_list<T> choices) {
    return *(choices.begin() + Of(0, static_cast<int32_t>(choices.size()) - 1));
  }
  // Dyadic, so that no division rounds differently anywhere.
  float Real(float least, float most) {
    return least + (most - least) * static_cast<float>(Next() % 65536) / 65536;
  }

 private:
  uint32_t state_;
};

struct Dims4 {
  int32_t h;
  int32_t w;
  int32_t c;
};

class ModelMaker {
 public:
  explicit ModelMaker(Random* random) : random_(*random) {
    model_.version = 3;
    model_.buffers.push_back(std::make_unique<tflite::BufferT>());
    subgraph_ = std::make_unique<tflite::SubGraphT>();
  }

  int32_t Activations(std::vector<int32_t> shape, float scale,
                      int32_t zero_point) {
    auto tensor = std::make_unique<tflite::TensorT>();
    tensor->shape = std::move(shape);
    tensor->type = TensorType::TensorType_INT8;
    tensor->quantization = std::make_unique<tflite::QuantizationT>();
    tensor->quantization->scale = {scale};
    tensor->quantization->zero_point = {zero_point};
    return Add(std::move(tensor));
  }
  // Of a random quantisation. (Arguments have no order: each draw is a line.)
  int32_t RandomActivations(std::vector<int32_t> shape) {
    const float scale = random_.Real(0.01f, 0.2f);
    const int32_t zero_point = random_.Of(-128, 127);
    return Activations(std::move(shape), scale, zero_point);
  }
  int32_t Activations(Dims4 shape) {
    return RandomActivations({1, shape.h, shape.w, shape.c});
  }
  int32_t Like(int32_t tensor, std::vector<int32_t> shape) {
    const auto& quantization = *subgraph_->tensors[tensor]->quantization;
    return Activations(std::move(shape), quantization.scale[0],
                       static_cast<int32_t>(quantization.zero_point[0]));
  }

  template <typename T>
  int32_t Constant(std::vector<int32_t> shape, TensorType type,
                   const std::vector<T>& values,
                   const std::vector<float>& scales = {}, int32_t axis = 0) {
    auto tensor = std::make_unique<tflite::TensorT>();
    tensor->shape = std::move(shape);
    tensor->type = type;
    tensor->buffer = static_cast<uint32_t>(model_.buffers.size());
    auto buffer = std::make_unique<tflite::BufferT>();
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    buffer->data.assign(bytes, bytes + values.size() * sizeof(T));
    model_.buffers.push_back(std::move(buffer));
    if (!scales.empty()) {
      tensor->quantization = std::make_unique<tflite::QuantizationT>();
      tensor->quantization->scale = scales;
      tensor->quantization->zero_point.assign(scales.size(), 0);
      tensor->quantization->quantized_dimension = axis;
    }
    return Add(std::move(tensor));
  }
  int32_t Ints(std::vector<int32_t> shape, const std::vector<int32_t>& values) {
    return Constant(std::move(shape), TensorType::TensorType_INT32, values);
  }

  template <typename OptionsT>
  void Op(int32_t code, int32_t version, std::vector<int32_t> inputs,
          int32_t output, OptionsT options) {
    tflite::OptionsUnion any;
    any.Set(std::move(options));
    Op(code, version, std::move(inputs), output, std::move(any));
  }
  void Op(int32_t code, int32_t version, std::vector<int32_t> inputs,
          int32_t output, tflite::OptionsUnion options = {}) {
    auto operator_code = std::make_unique<tflite::OperatorCodeT>();
    operator_code->builtin_code = code;
    operator_code->deprecated_builtin_code = static_cast<int8_t>(code);
    operator_code->version = version;
    auto op = std::make_unique<tflite::OperatorT>();
    op->opcode_index = static_cast<uint32_t>(model_.operator_codes.size());
    op->inputs = std::move(inputs);
    op->outputs = {output};
    op->options = std::move(options);
    model_.operator_codes.push_back(std::move(operator_code));
    subgraph_->operators.push_back(std::move(op));
  }

  // Weights and bias of a convolution; `axis` is that of output channels.
  std::vector<int32_t> Filters(int32_t input, std::vector<int32_t> shape,
                               int32_t axis, bool per_channel) {
    const int32_t outputs = shape[axis];
    int32_t count = 1;
    for (const int32_t dim : shape) count *= dim;
    std::vector<float> scales;
    for (int32_t o = 0; o < (per_channel ? outputs : 1); ++o) {
      scales.push_back(random_.Real(0.001f, 0.02f));
    }
    std::vector<int8_t> weights;
    for (int32_t i = 0; i < count; ++i) {
      weights.push_back(static_cast<int8_t>(random_.Of(-127, 127)));
    }
    std::vector<int32_t> bias;
    std::vector<float> bias_scales;
    const float input_scale = subgraph_->tensors[input]->quantization->scale[0];
    for (int32_t o = 0; o < outputs; ++o) {
      bias.push_back(random_.Of(-2000, 2000));
    }
    for (const float scale : scales) bias_scales.push_back(scale * input_scale);
    return {
        Constant(std::move(shape), TensorType::TensorType_INT8, weights, scales,
                 axis),
        Constant({outputs}, TensorType::TensorType_INT32, bias, bias_scales)};
  }

  // A second map, of the given shape's channels, made from the first.
  int32_t Second(int32_t input, Dims4 shape, int32_t channels) {
    const int32_t output = Activations({shape.h, shape.w, channels});
    const auto filters =
        Filters(input, {channels, 1, 1, shape.c}, 0, random_.Of(0, 1) == 0);
    tflite::Conv2DOptionsT options;
    options.stride_h = options.stride_w = 1;
    Op(3, 3, {input, filters[0], filters[1]}, output, options);
    return output;
  }

  std::vector<uint8_t> Finish(int32_t input, std::vector<int32_t> outputs) {
    subgraph_->inputs = {input};
    subgraph_->outputs = std::move(outputs);
    model_.subgraphs.push_back(std::move(subgraph_));
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(tflite::Model::Pack(builder, &model_), "TFL3");
    return {builder.GetBufferPointer(),
            builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  int32_t Add(std::unique_ptr<tflite::TensorT> tensor) {
    const auto index = static_cast<int32_t>(subgraph_->tensors.size());
    tensor->name = "tensor" + std::to_string(index);
    subgraph_->tensors.push_back(std::move(tensor));
    return index;
  }

  Random& random_;
  tflite::ModelT model_;
  std::unique_ptr<tflite::SubGraphT> subgraph_;
};

Activation AnyActivation(Random& random) {
  return random.Pick({Activation::Activation_NONE, Activation::Activation_RELU,
                      Activation::Activation_RELU6,
                      Activation::Activation_RELU_N1_TO_1});
}

Padding AnyPadding(Random& random) {
  return random.Pick({Padding::Padding_SAME, Padding::Padding_VALID});
}

int32_t OutputSize(int32_t in, int32_t kernel, int32_t stride,
                   Padding padding) {
  return padding == Padding::Padding_SAME ? (in + stride - 1) / stride
                                          : (in - kernel) / stride + 1;
}

// With padding SAME and strides beyond the kernel, the TensorFlow Lite of the
// goldens takes the whole image for padding, a fault that later ones lack.
template <typename OptionsT>
void LimitStrides(int32_t kernel_h, int32_t kernel_w, OptionsT* options) {
  if (options->padding != Padding::Padding_SAME) return;
  options->stride_h = std::min(options->stride_h, kernel_h);
  options->stride_w = std::min(options->stride_w, kernel_w);
}

// Appends an operator that reads `input` of shape `in`; returns its output.
using Make = std::function<int32_t(Random&, ModelMaker&, int32_t, Dims4)>;

int32_t MakeConv(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  tflite::Conv2DOptionsT options;
  const int32_t kernel_h = random.Of(1, 5);
  const int32_t kernel_w = random.Of(1, 5);
  options.stride_h = random.Of(1, 3);
  options.stride_w = random.Of(1, 3);
  options.padding = AnyPadding(random);
  options.activation = AnyActivation(random);
  LimitStrides(kernel_h, kernel_w, &options);
  const int32_t channels = random.Of(1, 19);
  const auto filters = model.Filters(
      input, {channels, kernel_h, kernel_w, in.c}, 0, random.Of(0, 2) > 0);
  const int32_t output = model.Activations(
      {OutputSize(in.h, kernel_h, options.stride_h, options.padding),
       OutputSize(in.w, kernel_w, options.stride_w, options.padding),
       channels});
  model.Op(3, 3, {input, filters[0], filters[1]}, output, options);
  return output;
}

int32_t MakeDepthwise(Random& random, ModelMaker& model, int32_t input,
                      Dims4 in) {
  tflite::DepthwiseConv2DOptionsT options;
  const int32_t kernel_h = random.Of(1, 5);
  const int32_t kernel_w = random.Of(1, 5);
  // TensorFlow Lite knows strides that differ, XNNPACK takes equal ones too.
  options.stride_h = options.stride_w = random.Of(1, 3);
  options.padding = AnyPadding(random);
  options.activation = AnyActivation(random);
  LimitStrides(kernel_h, kernel_w, &options);
  options.stride_h = options.stride_w =
      std::min(options.stride_h, options.stride_w);
  options.depth_multiplier = random.Pick({1, 1, 1, 2, 3});
  const int32_t channels = in.c * options.depth_multiplier;
  const auto filters =
      model.Filters(input, {1, kernel_h, kernel_w, channels}, 3, true);
  const int32_t output = model.Activations(
      {OutputSize(in.h, kernel_h, options.stride_h, options.padding),
       OutputSize(in.w, kernel_w, options.stride_w, options.padding),
       channels});
  model.Op(4, 3, {input, filters[0], filters[1]}, output, options);
  return output;
}

int32_t MakeFullyConnected(Random& random, ModelMaker& model, int32_t input,
                           Dims4 in) {
  const int32_t size = in.h * in.w * in.c;
  const int32_t flat = model.Like(input, {1, size});
  tflite::ReshapeOptionsT reshape;
  reshape.new_shape = {1, size};
  model.Op(22, 1, {input, model.Ints({2}, {1, size})}, flat, reshape);
  tflite::FullyConnectedOptionsT options;
  options.activation = AnyActivation(random);
  const int32_t channels = random.Of(1, 12);
  const auto filters = model.Filters(flat, {channels, size}, 0, false);
  const int32_t output = model.RandomActivations({1, channels});
  model.Op(9, 4, {flat, filters[0], filters[1]}, output, options);
  return output;
}

template <typename OptionsT>
int32_t MakeSum(int32_t code, Random& random, ModelMaker& model, int32_t input,
                Dims4 in) {
  OptionsT options;
  options.activation = AnyActivation(random);
  const int32_t second = model.Second(input, in, in.c);
  const int32_t output = model.Activations(in);
  const bool swaps = random.Of(0, 1) == 0;
  model.Op(code, 2,
           swaps ? std::vector<int32_t>{second, input}
                 : std::vector<int32_t>{input, second},
           output, options);
  return output;
}

int32_t MakeAdd(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  return MakeSum<tflite::AddOptionsT>(0, random, model, input, in);
}
int32_t MakeSub(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  return MakeSum<tflite::SubOptionsT>(41, random, model, input, in);
}
int32_t MakeMul(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  return MakeSum<tflite::MulOptionsT>(18, random, model, input, in);
}

int32_t MakeMean(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  (void)random;
  tflite::ReducerOptionsT options;
  options.keep_dims = true;
  const int32_t output = model.Activations({1, 1, in.c});
  model.Op(40, 2, {input, model.Ints({2}, {1, 2})}, output, options);
  return output;
}

int32_t MakeFlatMean(Random& random, ModelMaker& model, int32_t input,
                     Dims4 in) {
  (void)random;
  const int32_t output = model.RandomActivations({1, in.c});
  model.Op(40, 2, {input, model.Ints({2}, {1, 2})}, output,
           tflite::ReducerOptionsT());
  return output;
}

// Squeeze and excite: the mean's logistic scales the channels.
int32_t MakeSqueeze(Random& random, ModelMaker& model, int32_t input,
                    Dims4 in) {
  const int32_t mean = MakeMean(random, model, input, in);
  const int32_t gate = model.Activations({1, 1, 1, in.c}, 1.0f / 256, -128);
  model.Op(14, 2, {mean}, gate);
  const int32_t output = model.Activations(in);
  model.Op(18, 2, {input, gate}, output, tflite::MulOptionsT());
  return output;
}

int32_t MakePool(int32_t code, Random& random, ModelMaker& model, int32_t input,
                 Dims4 in) {
  tflite::Pool2DOptionsT options;
  options.filter_height = random.Of(1, 4);
  options.filter_width = random.Of(1, 4);
  options.stride_h = random.Of(1, 3);
  options.stride_w = random.Of(1, 3);
  options.padding = AnyPadding(random);
  options.activation = AnyActivation(random);
  const int32_t output =
      model.Like(input, {1,
                         OutputSize(in.h, options.filter_height,
                                    options.stride_h, options.padding),
                         OutputSize(in.w, options.filter_width,
                                    options.stride_w, options.padding),
                         in.c});
  model.Op(code, 2, {input}, output, options);
  return output;
}
int32_t MakeAveragePool(Random& random, ModelMaker& model, int32_t input,
                        Dims4 in) {
  return MakePool(1, random, model, input, in);
}
int32_t MakeMaxPool(Random& random, ModelMaker& model, int32_t input,
                    Dims4 in) {
  return MakePool(17, random, model, input, in);
}

// With a convolution behind it, as TensorFlow's exporters write it, or a
// pooling, which cannot take it.
int32_t MakePad(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  const int32_t top = random.Of(0, 2);
  const int32_t bottom = random.Of(0, 2);
  const int32_t left = random.Of(0, 2);
  const int32_t right = random.Of(0, 2);
  const Dims4 out = {in.h + top + bottom, in.w + left + right, in.c};
  const int32_t padded = model.Like(input, {1, out.h, out.w, out.c});
  model.Op(34, 2,
           {input, model.Ints({4, 2}, {0, 0, top, bottom, left, right, 0, 0})},
           padded, tflite::PadOptionsT());
  switch (random.Of(0, 2)) {
    case 0:
      return MakeDepthwise(random, model, padded, out);
    case 1:
      return MakeConv(random, model, padded, out);
    default:
      return MakeMaxPool(random, model, padded, out);
  }
}

int32_t MakeResize(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  const int32_t factor_y = random.Of(1, 4);
  const int32_t factor_x = random.Of(1, 4);
  const int32_t output =
      model.Like(input, {1, in.h * factor_y, in.w * factor_x, in.c});
  tflite::ResizeNearestNeighborOptionsT options;
  options.half_pixel_centers = random.Of(0, 1) == 0;
  model.Op(97, 3, {input, model.Ints({2}, {in.h * factor_y, in.w * factor_x})},
           output, options);
  return output;
}

int32_t MakeConcat(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  tflite::ConcatenationOptionsT options;
  options.axis = random.Pick({1, 2, 3, -1, 3});
  const int32_t parts = random.Of(2, 4);
  std::vector<int32_t> inputs = {input};
  std::vector<int32_t> shape = {1, in.h, in.w, in.c};
  const int32_t axis = options.axis < 0 ? options.axis + 4 : options.axis;
  for (int32_t i = 1; i < parts; ++i) {
    // Of the input's quantisation, as the operator demands.
    const int32_t channels = axis == 3 ? random.Of(1, 9) : in.c;
    const int32_t part = model.Like(input, {1, in.h, in.w, channels});
    const auto filters = model.Filters(input, {channels, 1, 1, in.c}, 0, true);
    tflite::Conv2DOptionsT conv;
    conv.stride_h = conv.stride_w = 1;
    model.Op(3, 3, {input, filters[0], filters[1]}, part, conv);
    inputs.push_back(part);
    shape[axis] += axis == 3 ? channels : shape[axis] / i;
  }
  const int32_t output = model.Like(input, shape);
  model.Op(2, 2, inputs, output, options);
  return output;
}

int32_t MakeSoftmax(Random& random, ModelMaker& model, int32_t input,
                    Dims4 in) {
  tflite::SoftmaxOptionsT options;
  options.beta = random.Pick({1.0f, 1.0f, 0.5f});
  const int32_t output =
      model.Activations({1, in.h, in.w, in.c}, 1.0f / 256, -128);
  model.Op(25, 2, {input}, output, options);
  return output;
}

int32_t MakeLogistic(Random& random, ModelMaker& model, int32_t input,
                     Dims4 in) {
  (void)random;
  const int32_t output =
      model.Activations({1, in.h, in.w, in.c}, 1.0f / 256, -128);
  model.Op(14, 2, {input}, output);
  return output;
}

int32_t MakeHardSwish(Random& random, ModelMaker& model, int32_t input,
                      Dims4 in) {
  (void)random;
  const int32_t output = model.Activations(in);
  model.Op(117, 1, {input}, output, tflite::HardSwishOptionsT());
  return output;
}

template <int32_t code>
int32_t MakeRelu(Random& random, ModelMaker& model, int32_t input, Dims4 in) {
  const bool keeps = random.Of(0, 1) == 0;
  const int32_t output =
      keeps ? model.Like(input, {1, in.h, in.w, in.c}) : model.Activations(in);
  model.Op(code, 2, {input}, output);
  return output;
}

int32_t MakeRequantize(Random& random, ModelMaker& model, int32_t input,
                       Dims4 in) {
  (void)random;
  const int32_t output = model.Activations(in);
  model.Op(114, 2, {input}, output, tflite::QuantizeOptionsT());
  return output;
}

int32_t MakeTranspose(Random& random, ModelMaker& model, int32_t input,
                      Dims4 in) {
  // Over a map of one pixel nothing moves.
  const int32_t mean = MakeMean(random, model, input, in);
  const int32_t turned = model.Like(mean, {1, in.c, 1, 1});
  model.Op(39, 2, {mean, model.Ints({4}, {0, 3, 1, 2})}, turned,
           tflite::TransposeOptionsT());
  const int32_t flat = model.Like(mean, {1, in.c});
  tflite::ReshapeOptionsT reshape;
  reshape.new_shape = {1, in.c};
  model.Op(22, 1, {turned, model.Ints({2}, {1, in.c})}, flat, reshape);
  const int32_t output = model.Activations({1, in.c}, 1.0f / 256, -128);
  tflite::SoftmaxOptionsT softmax;
  softmax.beta = 1.0f;
  model.Op(25, 2, {flat}, output, softmax);
  return output;
}

struct Family {
  const char* name;
  Make make;
  int32_t cases;
};

}  // namespace

std::vector<int8_t> PseudoRandomInt8(uint32_t seed, std::size_t count) {
  Random random(seed);
  std::vector<int8_t> values(count);
  for (int8_t& value : values) value = static_cast<int8_t>(random.Next() >> 4);
  return values;
}

std::vector<TfliteCase> TfliteCases() {
  const Family families[] = {
      {"conv_2d", MakeConv, 24},
      {"depthwise_conv_2d", MakeDepthwise, 24},
      {"fully_connected", MakeFullyConnected, 12},
      {"add", MakeAdd, 16},
      {"sub", MakeSub, 12},
      {"mul", MakeMul, 12},
      {"squeeze_excite", MakeSqueeze, 12},
      {"mean", MakeMean, 12},
      {"mean_flat", MakeFlatMean, 12},
      {"average_pool_2d", MakeAveragePool, 16},
      {"max_pool_2d", MakeMaxPool, 12},
      {"pad", MakePad, 18},
      {"resize_nearest_neighbor", MakeResize, 10},
      {"concatenation", MakeConcat, 12},
      {"softmax", MakeSoftmax, 12},
      {"logistic", MakeLogistic, 16},
      {"hard_swish", MakeHardSwish, 24},
      {"relu", MakeRelu<19>, 10},
      {"relu6", MakeRelu<21>, 10},
      {"quantize", MakeRequantize, 16},
      {"transpose", MakeTranspose, 4},
  };
  std::vector<TfliteCase> cases;
  uint32_t seed = 1;
  for (const Family& family : families) {
    for (int32_t i = 0; i < family.cases; ++i, ++seed) {
      Random random(seed);
      ModelMaker model(&random);
      const Dims4 shape = {random.Of(5, 13), random.Of(5, 13),
                           random.Pick({3, 8, 16, 17, 5})};
      const int32_t input = model.Activations(shape);
      const int32_t output = family.make(random, model, input, shape);
      TfliteCase& made = cases.emplace_back();
      made.name = std::string(family.name) + "_" + std::to_string(i);
      made.file = model.Finish(input, {output});
      for (uint32_t j = 0; j < kInputsPerCase; ++j) {
        made.inputs.push_back(PseudoRandomInt8(
            seed * 100 + j, static_cast<std::size_t>(shape.h) * shape.w *
                                static_cast<std::size_t>(shape.c)));
      }
    }
  }
  return cases;
}

}  // namespace ocellus
