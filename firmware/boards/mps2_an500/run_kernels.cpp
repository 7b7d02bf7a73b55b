// SPDX-License-Identifier: Apache-2.0
//
// The kernels for the Cortex-M7, assembly included:
//
//   an500_kernels
//
// Runs random small layers against the reference, then the layers of a table,
// whose every output row is compared with the reference too, and prints their
// instructions: a line "NAME instructions macs", of kernels without weights
// "NAME instructions elements".
#include <algorithm>
#include <array>
#include <cstring>

#include "firmware/boards/mps2_an500/counter.h"
#include "firmware/boards/mps2_an500/memory.h"
#include "firmware/boards/mps2_an500/semihosting.h"
#include "firmware/boards/mps2_an500/uart.h"
#include "runtime/kernels/backend.h"
#include "runtime/kernels/channel_pairs.h"

namespace ocellus::an500 {
namespace {

using kernels::Conv2dParams;

class Random {
 public:
  uint32_t Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  int32_t In(int32_t low, int32_t high) {
    return low +
           static_cast<int32_t>(Next() % static_cast<uint32_t>(high - low + 1));
  }
  void Fill(std::span<int8_t> bytes, int32_t low) {
    for (int8_t& byte : bytes) byte = static_cast<int8_t>(In(low, 127));
  }

 private:
  uint32_t state_ = 1;
};

constexpr int32_t kMaxChannels = 384;
constexpr std::size_t kMaxWeights = 32 * 1024;
constexpr std::size_t kMaxRowBytes = 16 * 1024;

// Off the stack, which is small.
struct Memory {
  Random random;
  alignas(16) std::array<int8_t, kMaxWeights> weights;
  alignas(16) std::array<uint16_t, kMaxWeights / 2 + 1024> paired;
  std::array<int32_t, kMaxChannels> bias;
  std::array<float, kMaxChannels> requant;
  std::array<int8_t, kMaxRowBytes> row;
  alignas(16) std::array<std::byte, 64 * 1024> scratch;
};
[[gnu::section(".d2")]] Memory memory;

struct Layer {
  const char* name;
  bool depthwise = false;
  int32_t kernel = 1;
  int32_t stride = 1;
  Shape input;
  int32_t output_c = 0;
  bool relu = true;  // the output's zero point is then -128
  bool paired = true;
};

// A layer with its tensors at the start of AXI SRAM.
struct Problem {
  Conv2dParams params;
  const kernels::Conv2dKernel* kernel;
  const kernels::Conv2dKernel* reference;
  Tensor<const int8_t> input;
  Tensor<int8_t> output;
  int32_t depth;
};

int8_t* ArenaBytes() { return reinterpret_cast<int8_t*>(ArenaRoom().data()); }

// Tensors with `gap` bytes between rows, the output in a ring that starts with
// row `first_slot`.
Problem MakeProblem(const Layer& layer, int32_t gap, int32_t first_slot) {
  Random& random = memory.random;
  Problem problem;
  Conv2dParams& params = problem.params;
  params.kernel_h = params.kernel_w = layer.kernel;
  params.stride_y = params.stride_x = layer.stride;
  params.pad_top = params.pad_left = layer.kernel / 2;
  params.input_zero_point = random.In(-128, 127);
  params.output_zero_point = layer.relu ? -128 : random.In(-99, 99);
  const Shape in = layer.input;
  const Shape out = {(in.h - 1) / layer.stride + 1,
                     (in.w - 1) / layer.stride + 1, layer.output_c};
  problem.depth = layer.kernel * layer.kernel * (layer.depthwise ? 1 : in.c);
  const auto weight_count = static_cast<std::size_t>(problem.depth * out.c);
  random.Fill(std::span(memory.weights).first(weight_count), -127);
  for (int32_t o = 0; o < out.c; ++o) {
    memory.bias[o] = random.In(-20000, 20000);
    memory.requant[o] = 1.0f / static_cast<float>(random.In(64, 4096));
  }
  params.weights = memory.weights.data();
  params.bias = memory.bias.data();
  params.requant = memory.requant.data();

  const int32_t in_pitch = in.w * in.c + gap;
  const int32_t out_pitch = out.w * out.c + gap;
  int8_t* in_bytes = ArenaBytes();
  int8_t* out_bytes = in_bytes + (in_pitch * in.h + 63) / 64 * 64;
  if (static_cast<std::size_t>(out_bytes - in_bytes + out_pitch * out.h) >
          ArenaRoom().size() ||
      weight_count > kMaxWeights || out.c > kMaxChannels ||
      static_cast<std::size_t>(out.w * out.c) > kMaxRowBytes) {
    Fail("too large", layer.name);
  }
  random.Fill({in_bytes, static_cast<std::size_t>(in_pitch * in.h)}, -128);
  problem.input = {in_bytes, in, in_pitch, in.h, 0};
  problem.output = {out_bytes, out, out_pitch, out.h, first_slot % out.h};
  const Backend& fast = CortexM7Backend();
  const Backend& plain = ReferenceBackend();
  problem.kernel = layer.depthwise ? &fast.depthwise_conv2d : &fast.conv2d;
  problem.reference = layer.depthwise ? &plain.depthwise_conv2d : &plain.conv2d;
  return problem;
}

// Instructions of one run.
uint64_t Run(const Layer& layer, const Problem& problem) {
  Conv2dParams params = problem.params;
  if (!layer.depthwise && layer.paired) {
    if (!kernels::PairWeights(params.weights, problem.depth, layer.output_c,
                              memory.paired.data())) {
      Fail("cannot be paired", layer.name);
    }
    params.weights = reinterpret_cast<const int8_t*>(memory.paired.data());
    params.weight_layout = format::WeightLayout::kChannelPairs;
  }
  const std::size_t scratch = problem.kernel->scratch_bytes(
      params, problem.input.shape, problem.output.shape);
  if (scratch > memory.scratch.size()) Fail("scratch too small", layer.name);
  Moment moment = Now();
  problem.kernel->run(params, problem.input, problem.output,
                      memory.scratch.data());
  return InstructionsSince(&moment);
}

// Every output row against the reference, which sees only the rows under it.
void Compare(const Layer& layer, const Problem& problem) {
  const Shape in = problem.input.shape;
  const Shape out = problem.output.shape;
  for (int32_t y = 0; y < out.h; ++y) {
    Conv2dParams params = problem.params;
    const int32_t top = y * params.stride_y - params.pad_top;
    const int32_t begin = std::clamp<int32_t>(top, 0, in.h);
    const int32_t end = std::clamp<int32_t>(top + params.kernel_h, begin, in.h);
    params.pad_top = begin - top;
    problem.reference->run(params, problem.input.Rows(begin, end - begin),
                           {memory.row.data(), {1, out.w, out.c}}, nullptr);
    if (std::memcmp(memory.row.data(), problem.output.Row(y),
                    static_cast<std::size_t>(out.w * out.c)) != 0) {
      Fail("not the answer of the reference", layer.name);
    }
  }
}

void TryRandomLayers() {
  constexpr int kLayers = 150;
  Random& random = memory.random;
  for (int i = 0; i < kLayers; ++i) {
    Layer layer;
    layer.name = "random layer";
    layer.depthwise = i % 2 == 0;
    layer.kernel = 1 + 2 * random.In(layer.depthwise ? 1 : 0, 3);
    layer.stride = random.In(1, 2);
    layer.relu = random.Next() % 2 == 0;
    layer.paired = random.Next() % 4 != 0;
    const int32_t channels = random.In(layer.depthwise ? 4 : 1, 21);
    layer.input = {random.In(1, 9), random.In(1, 13), channels};
    layer.output_c = layer.depthwise ? channels : random.In(2, 13);
    // 255 * 127 * depth must stay below 2^23 to be sure to pair.
    if (layer.kernel * layer.kernel * channels > 250) layer.paired = false;
    const Problem problem =
        MakeProblem(layer, random.In(0, 5), random.In(0, 8));
    Run(layer, problem);
    Compare(layer, problem);
  }
  Print("random layers equal to the reference: ");
  PrintNumber(kLayers);
  Print("\n");
}

void PrintLine(const char* name, uint64_t instructions, int64_t work) {
  PrintPadded(name, 26);
  PrintNumber(instructions, 12);
  PrintNumber(static_cast<uint64_t>(work), 12);
  Print("\n");
}

void RunTable() {
  constexpr Layer kLayers[] = {
      {"conv3x3-s2-3-16-at-224", false, 3, 2, {224, 224, 3}, 16},
      {"conv1x1-16-96-at-56", false, 1, 1, {56, 56, 16}, 96},
      {"conv1x1-96-24-at-28", false, 1, 1, {28, 28, 96}, 24, false},
      {"conv1x1-192-32-at-28", false, 1, 1, {28, 28, 192}, 32, false},
      {"conv1x1-32-192-at-28", false, 1, 1, {28, 28, 32}, 192},
      {"conv1x1-384-64-at-14", false, 1, 1, {14, 14, 384}, 64, false},
      {"depthwise3x3-s2-96-at-56", true, 3, 2, {56, 56, 96}, 96},
      {"depthwise5x5-s2-96-at-56", true, 5, 2, {56, 56, 96}, 96},
      {"depthwise7x7-s2-96-at-56", true, 7, 2, {56, 56, 96}, 96},
      {"depthwise3x3-s1-192-at-28", true, 3, 1, {28, 28, 192}, 192},
      {"depthwise5x5-s1-192-at-28", true, 5, 1, {28, 28, 192}, 192},
      {"depthwise7x7-s1-192-at-28", true, 7, 1, {28, 28, 192}, 192},
      {"conv1x1-96-24-unpaired", false, 1, 1, {28, 28, 96}, 24, false, false},
  };
  for (const Layer& layer : kLayers) {
    const Problem problem = MakeProblem(layer, 0, 0);
    const uint64_t instructions = Run(layer, problem);
    Compare(layer, problem);
    PrintLine(layer.name, instructions,
              problem.output.shape.elements() * problem.depth);
  }
}

// Runs run(backend, output) with the kernels for the Cortex-M7, counted, and
// with the reference, and compares. Inputs end where `free` begins.
template <typename Run>
void RunOne(const char* name, Shape shape, int8_t* free, const Run& run) {
  const auto count = static_cast<std::size_t>(shape.elements());
  int8_t* expected = free + count;
  if (expected + count > ArenaBytes() + ArenaRoom().size()) {
    Fail("too large", name);
  }
  Moment moment = Now();
  run(CortexM7Backend(), Tensor<int8_t>(free, shape));
  const uint64_t instructions = InstructionsSince(&moment);
  run(ReferenceBackend(), Tensor<int8_t>(expected, shape));
  if (std::memcmp(free, expected, count) != 0) {
    Fail("not the answer of the reference", name);
  }
  PrintLine(name, instructions, shape.elements());
}

void RunElementwise() {
  const Shape shape = {28, 28, 96};
  const auto count = static_cast<std::size_t>(shape.elements());
  int8_t* a = ArenaBytes();
  int8_t* b = a + count;
  int8_t* free = b + count;
  memory.random.Fill({a, 2 * count}, -128);
  RunOne("add", shape, free, [&](const Backend& backend, Tensor<int8_t> out) {
    backend.add({.zero_point = 3,
                 .zero_point2 = -7,
                 .output_zero_point = 11,
                 .multiplier = 1100000,
                 .multiplier2 = 1500000,
                 .shift = 21},
                {a, shape}, {b, shape}, out);
  });
  RunOne("mul", shape, free, [&](const Backend& backend, Tensor<int8_t> out) {
    backend.mul({.zero_point = 3,
                 .zero_point2 = -7,
                 .output_zero_point = 11,
                 .requant = 0.013f},
                {a, shape}, {b, shape}, out);
  });
  RunOne("lookup", shape, free,
         [&](const Backend& backend, Tensor<int8_t> out) {
           backend.lookup(b, {a, shape}, out);
         });
}

void RunMoves() {
  const Shape half = {28, 28, 48};
  const auto count = static_cast<std::size_t>(half.elements());
  int8_t* a = ArenaBytes();
  int8_t* b = a + count;
  int8_t* free = b + count;
  memory.random.Fill({a, 2 * count}, -128);
  RunOne("concat-48-48", {28, 28, 96}, free,
         [&](const Backend& backend, Tensor<int8_t> out) {
           backend.concat(format::ConcatAxis::kChannels, {a, half}, {b, half},
                          out);
         });
  RunOne("resize2x2-96", {28, 28, 96}, free,
         [&](const Backend& backend, Tensor<int8_t> out) {
           backend.resize_nearest({.factor_y = 2, .factor_x = 2},
                                  {a, {14, 14, 96}}, out);
         });
}

void RunPools() {
  using format::PoolMode;
  const Shape in = {28, 28, 96};
  int8_t* a = ArenaBytes();
  const auto count = static_cast<std::size_t>(in.elements());
  memory.random.Fill({a, count}, -128);
  const auto pool = [&](const char* name, PoolMode mode, int32_t kernel,
                        int32_t stride, int32_t pad, Shape out) {
    RunOne(name, out, a + count, [&](const Backend& backend, Tensor<int8_t> o) {
      backend.pool({.mode = mode,
                    .kernel_h = kernel,
                    .kernel_w = kernel,
                    .stride_y = stride,
                    .stride_x = stride,
                    .pad_top = pad,
                    .pad_left = pad,
                    .input_zero_point = -5,
                    .output_zero_point = 7,
                    .requant = 0.002f},
                   {a, in}, o);
    });
  };
  pool("maxpool2x2-s2-96-at-28", PoolMode::kMax, 2, 2, 0, {14, 14, 96});
  pool("maxpool3x3-s1-96-at-28", PoolMode::kMax, 3, 1, 1, {28, 28, 96});
  pool("avgpool3x3-s1-96-at-28", PoolMode::kAverage, 3, 1, 1, {28, 28, 96});
  pool("mean28x28-96", PoolMode::kMean, 28, 28, 0, {1, 1, 96});
}

}  // namespace

extern "C" [[noreturn]] void BoardMain() {
  StartUart();
  ProtectMemory();
  TryRandomLayers();
  RunTable();
  RunElementwise();
  RunMoves();
  RunPools();
  Exit(0);
}

}  // namespace ocellus::an500
