// SPDX-License-Identifier: Apache-2.0
// Times the host kernels, operator by operator, on random data and the shapes
// of a network like detector/models/voc_wide.json, at 224x224:
//
//   benchmark_kernels [repetitions] [target, e.g. SSE4]
//
// prints the best time of each operator, sums them and names the target.
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernels/backend.h"
#include "tests/runtime/kernels/kernel_case.h"

namespace ocellus {
namespace {

using kernels::testing::Conv2dCase;
using kernels::testing::GuardedBuffer;

struct Block {
  int32_t kernel;
  int32_t expansion;
  int32_t width;
  int32_t stride;
};

constexpr Block kBackbone[] = {
    {3, 1, 16, 1},  {3, 3, 24, 2},  {3, 5, 24, 1},  {3, 5, 40, 2},
    {3, 4, 40, 1},  {7, 4, 40, 1},  {7, 3, 80, 2},  {3, 3, 80, 1},
    {7, 3, 80, 1},  {3, 4, 96, 1},  {5, 3, 96, 1},  {5, 3, 96, 1},
    {7, 4, 192, 2}, {7, 3, 192, 1}, {5, 3, 192, 1}, {5, 4, 320, 1}};
constexpr int32_t kHeadWidth = 96;
constexpr int32_t kHeadKernel = 5;
constexpr int32_t kTowerDepth = 2;
constexpr int32_t kClasses = 20;

class Benchmark {
 public:
  Benchmark(const Backend& backend, int repetitions)
      : backend_(backend), repetitions_(repetitions) {}

  void Network() {
    Shape x = Convolution("stem", false, {224, 224, 3}, 3, 2, 32);
    std::vector<std::pair<int32_t, Shape>> levels;
    for (std::size_t i = 0; i < std::size(kBackbone); ++i) {
      const Block& block = kBackbone[i];
      const std::string name = "block" + std::to_string(i);
      const Shape input = x;
      const int32_t hidden = x.c * block.expansion;
      if (block.expansion != 1) {
        x = Convolution(name + ".expand", false, x, 1, 1, hidden);
      }
      if (block.stride == 2 && x.h <= 28) levels.emplace_back(x.h, input);
      x = Convolution(name + ".depthwise", true, x, block.kernel, block.stride,
                      hidden);
      x = Convolution(name + ".project", false, x, 1, 1, block.width);
      if (x == input) Add(name + ".add", x);
    }
    levels.emplace_back(x.h, x);
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::string name = "head" + std::to_string(i);
      const bool coarsest = i + 1 == levels.size();
      x = Convolution(name + ".lateral", false, levels[i].second, 1, 1,
                      kHeadWidth);
      if (!coarsest) {
        Resize(name + ".resize", {x.h / 2, x.w / 2, x.c}, x);
        Add(name + ".add", x);
      }
      for (int32_t j = coarsest ? 1 : 0; j <= kTowerDepth; ++j) {
        const std::string layer = name + ".separable" + std::to_string(j);
        x = Convolution(layer + ".depthwise", true, x, kHeadKernel, 1,
                        kHeadWidth);
        x = Convolution(layer + ".pointwise", false, x, 1, 1, kHeadWidth);
      }
      Convolution(name + ".class", false, x, 1, 1, kClasses);
      Convolution(name + ".box", false, x, 1, 1, 4);
    }
    std::printf("%-28s %35.2f ms  %5.1f GMAC/s  (%.1f M MAC)\n", "total",
                total_ms_, static_cast<double>(total_macs_) / total_ms_ * 1e-6,
                static_cast<double>(total_macs_) * 1e-6);
    std::printf("%-28s %35.2f ms\n", "of which depthwise", depthwise_ms_);
    std::printf("target %s\n", backend_.name);
  }

 private:
  double BestMs(const std::function<void()>& run) const {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < repetitions_; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      run();
      const std::chrono::duration<double, std::milli> time =
          std::chrono::steady_clock::now() - begin;
      best = std::min(best, time.count());
    }
    return best;
  }

  void Report(const std::string& name, Shape input, Shape output, int64_t macs,
              double ms) {
    std::printf("%-28s %4dx%3dx%3d -> %3dx%3dx%3d  %7.3f ms  %5.1f GMAC/s\n",
                name.c_str(), input.h, input.w, input.c, output.h, output.w,
                output.c, ms, static_cast<double>(macs) / ms * 1e-6);
    total_ms_ += ms;
    total_macs_ += macs;
  }

  Shape Convolution(const std::string& name, bool depthwise, Shape input,
                    int32_t kernel, int32_t stride, int32_t output_c) {
    Conv2dCase c;
    c.depthwise = depthwise;
    c.input_shape = input;
    c.output_shape = {(input.h - 1) / stride + 1, (input.w - 1) / stride + 1,
                      output_c};
    c.params.kernel_h = c.params.kernel_w = kernel;
    c.params.stride_y = c.params.stride_x = stride;
    c.params.pad_top = c.params.pad_left = kernel / 2;
    c.params.input_zero_point = -128;
    c.params.output_zero_point = -128;
    c.FillWeights(random_);
    GuardedBuffer input_data(static_cast<std::size_t>(input.elements()));
    GuardedBuffer output_data(
        static_cast<std::size_t>(c.output_shape.elements()));
    input_data.FillRandom(random_);
    const kernels::testing::PreparedConv2d prepared(backend_, c);
    const Tensor<int8_t> in(input_data.data<int8_t>(), input);
    const Tensor<int8_t> out(output_data.data<int8_t>(), c.output_shape);
    const double ms = BestMs([&] { prepared.Run(c.params, in, out); });
    const int64_t macs =
        c.output_shape.elements() * kernel * kernel * (depthwise ? 1 : input.c);
    Report(name, input, c.output_shape, macs, ms);
    if (depthwise) depthwise_ms_ += ms;
    return c.output_shape;
  }

  void Add(const std::string& name, Shape shape) {
    const auto bytes = static_cast<std::size_t>(shape.elements());
    GuardedBuffer a(bytes), b(bytes), sum(bytes);
    a.FillRandom(random_);
    b.FillRandom(random_);
    kernels::AddParams params;
    params.multiplier = params.multiplier2 = 1 << 20;
    params.shift = 21;
    const double ms = BestMs([&] {
      backend_.add(params, Tensor<const int8_t>(a.data<int8_t>(), shape),
                   Tensor<const int8_t>(b.data<int8_t>(), shape),
                   Tensor<int8_t>(sum.data<int8_t>(), shape));
    });
    Report(name, shape, shape, 0, ms);
  }

  void Resize(const std::string& name, Shape input, Shape output) {
    GuardedBuffer a(static_cast<std::size_t>(input.elements()));
    GuardedBuffer b(static_cast<std::size_t>(output.elements()));
    a.FillRandom(random_);
    const double ms = BestMs([&] {
      backend_.resize_nearest({.factor_y = 2, .factor_x = 2},
                              Tensor<const int8_t>(a.data<int8_t>(), input),
                              Tensor<int8_t>(b.data<int8_t>(), output));
    });
    Report(name, input, output, 0, ms);
  }

  const Backend& backend_;
  int repetitions_;
  std::mt19937 random_;
  double total_ms_ = 0;
  double depthwise_ms_ = 0;
  int64_t total_macs_ = 0;
};

}  // namespace
}  // namespace ocellus

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 20;
  if (argc > 2) {
    int64_t chosen = 0;
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      if (std::string(argv[2]) == hwy::TargetName(target)) chosen = target;
    }
    if (chosen == 0) {
      std::fprintf(stderr, "%s: this processor has no such target\n", argv[2]);
      return 1;
    }
    hwy::SetSupportedTargetsForTest(chosen);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ocellus::Benchmark(ocellus::HostBackend(), repetitions).Network();
}
