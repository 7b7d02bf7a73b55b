// SPDX-License-Identifier: Apache-2.0
#include "detector/quantize/quantisation_error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <new>

#include "detector/compile_error.h"
#include "detector/pack/pack_model.h"
#include "detector/plan/memory_plan.h"
#include "detector/quantize/float_executor.h"
#include "runtime/executor.h"
#include "runtime/input_table.h"

namespace ocellus {
namespace {

struct DeleteAligned {
  void operator()(std::byte* bytes) const {
    ::operator delete[](bytes, std::align_val_t{Executor::kArenaAlignment});
  }
};

// The int8 network, op by op over whole tensors, so that every tensor can be
// read right behind its op.
class IntegerNetwork {
 public:
  IntegerNetwork(const Graph& graph, const QuantizedGraph& quantized,
                 const Backend& backend)
      : blob_(PackModel(graph, quantized, PlanMemory(graph))),
        values_(graph.ops.size()) {
    if (Model::Parse(blob_, &model_) != Status::kOk) {
      throw CompileError(graph.name + ": packed into an unsound model");
    }
    const std::size_t bytes =
        Executor::MeasureArena(model_, backend).total_bytes();
    arena_.reset(new (std::align_val_t{Executor::kArenaAlignment})
                     std::byte[bytes]);
    if (executor_.Prepare(model_, backend, {arena_.get(), bytes}) !=
        Status::kOk) {
      throw CompileError(graph.name + ": does not run");
    }
    for (int32_t channel = 0; channel < 3; ++channel) {
      tables_[channel] = MakeInputTable(model_, channel);
    }
    executor_.set_observer(Observe, this);
  }

  void Run(const std::vector<uint8_t>& image) {
    int8_t* input = executor_.input().data;
    for (std::size_t i = 0; i < image.size(); ++i) {
      input[i] = tables_[i % 3][image[i]];
    }
    executor_.Invoke();
  }

  // What an op wrote, as real numbers.
  const std::vector<float>& values(std::size_t op) const { return values_[op]; }

 private:
  static void Observe(void* self, int32_t op_index, bool done) {
    if (done) static_cast<IntegerNetwork*>(self)->Copy(op_index);
  }
  void Copy(int32_t op_index) {
    const int32_t output = model_.ops()[op_index].output;
    const Tensor<const int8_t> tensor = executor_.tensor(output);
    const QuantParams quant = model_.quant(output);
    std::vector<float>& values = values_[op_index];
    values.resize(static_cast<std::size_t>(tensor.shape.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] =
          quant.scale * static_cast<float>(tensor.data[i] - quant.zero_point);
    }
  }

  std::vector<uint8_t> blob_;
  Model model_;
  std::unique_ptr<std::byte[], DeleteAligned> arena_;
  Executor executor_;
  std::array<InputTable, 3> tables_;
  std::vector<std::vector<float>> values_;
};

void AddErrors(std::span<const float> exact, std::span<const float> found,
               OpError* error) {
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = double{found[i]} - double{exact[i]};
    error->signal_rms += double{exact[i]} * double{exact[i]};
    error->error_rms += difference * difference;
    error->largest = std::max(error->largest, std::abs(difference));
  }
}

}  // namespace

double OpError::signal_to_noise() const {
  return 20.0 * std::log10(signal_rms / error_rms);
}

std::vector<OpError> MeasureErrors(
    const Graph& graph, const QuantizedGraph& quantized,
    std::span<const std::vector<uint8_t>> images, const Backend& backend,
    const std::function<void(int, int)>& progress) {
  IntegerNetwork integers(graph, quantized, backend);
  FloatExecutor floats(graph);
  std::vector<OpError> errors(graph.ops.size());
  int done = 0;
  for (const std::vector<uint8_t>& image : images) {
    floats.RunPixels(image);
    integers.Run(image);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      AddErrors(floats.tensor(graph.ops[i].output), integers.values(i),
                &errors[i]);
    }
    if (progress) progress(++done, static_cast<int>(images.size()));
  }
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const auto count =
        static_cast<double>(images.size()) *
        static_cast<double>(graph.shape(graph.ops[i].output).elements());
    errors[i].signal_rms = std::sqrt(errors[i].signal_rms / count);
    errors[i].error_rms = std::sqrt(errors[i].error_rms / count);
  }
  return errors;
}

}  // namespace ocellus
