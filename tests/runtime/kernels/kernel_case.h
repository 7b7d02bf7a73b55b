// SPDX-License-Identifier: Apache-2.0
// What the tests and the benchmark of the kernels share: buffers that notice
// trespassers, random tensors, and convolutions with their weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <ostream>
#include <random>
#include <vector>

#include "runtime/kernels/backend.h"
#include "runtime/kernels/channel_pairs.h"
#include "runtime/tensor.h"

namespace ocellus::kernels::testing {

inline int32_t RandomInt(std::mt19937& random, int32_t low, int32_t high) {
  return std::uniform_int_distribution<int32_t>(low, high)(random);
}

template <typename T, std::size_t N>
T RandomOf(std::mt19937& random, const T (&values)[N]) {
  return values[RandomInt(random, 0, static_cast<int32_t>(N) - 1)];
}

// Bytes of an exact number at an odd multiple of 16, all that a kernel may ask
// for, or at a multiple of 64. The address sanitizer sees each access outside
// them; in other builds, canaries on either side see each write.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(std::size_t size, std::size_t alignment = 16)
      : size_(size), begin_(kCanaryBytes + (alignment == 16 ? 16 : 0)) {
    const std::size_t total = begin_ + size_ + kCanaryBytes;
    memory_ = static_cast<std::byte*>(::operator new(total, kAlignment));
    std::memset(memory_, kCanary, total);
  }
  ~GuardedBuffer() { ::operator delete(memory_, kAlignment); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  std::byte* bytes() const { return memory_ + begin_; }
  std::size_t size() const { return size_; }
  template <typename T>
  T* data() const {
    return reinterpret_cast<T*>(bytes());
  }

  void FillRandom(std::mt19937& random) {
    for (std::size_t i = 0; i < size_; ++i) {
      bytes()[i] = static_cast<std::byte>(random());
    }
  }

  bool canaries_alive() const {
    for (std::size_t i = 0; i < begin_; ++i) {
      if (memory_[i] != std::byte{kCanary}) return false;
    }
    for (std::size_t i = 0; i < kCanaryBytes; ++i) {
      if (bytes()[size_ + i] != std::byte{kCanary}) return false;
    }
    return true;
  }

 private:
#ifdef __SANITIZE_ADDRESS__
  static constexpr std::size_t kCanaryBytes = 0;
#else
  static constexpr std::size_t kCanaryBytes = 64;
#endif
  static constexpr std::align_val_t kAlignment{64};
  static constexpr unsigned char kCanary = 0xA5;

  std::size_t size_;
  std::size_t begin_;
  std::byte* memory_;
};

// How the rows of a tensor lie in memory.
struct Layout {
  int32_t pitch_gap = 0;  // elements between rows
  int32_t spare_rows = 0;
  int32_t first_slot = 0;

  static Layout Random(std::mt19937& random, int32_t rows) {
    Layout layout;
    if (RandomInt(random, 0, 1) == 0) return layout;
    layout.pitch_gap = RandomInt(random, 0, 5);
    layout.spare_rows = RandomInt(random, 0, 3);
    layout.first_slot = RandomInt(random, 0, rows + layout.spare_rows - 1);
    return layout;
  }

  // The last slot ends with its last element: there is no gap to read.
  std::size_t Bytes(Shape shape) const {
    const int32_t row = shape.w * shape.c;
    return static_cast<std::size_t>(
        (shape.h + spare_rows - 1) * (row + pitch_gap) + row);
  }

  Tensor<int8_t> View(const GuardedBuffer& buffer, Shape shape) const {
    return {buffer.data<int8_t>(), shape, shape.w * shape.c + pitch_gap,
            shape.h + spare_rows, first_slot};
  }
};

// A convolution with weights of its own.
struct Conv2dCase {
  Conv2dParams params;
  bool depthwise = false;
  Shape input_shape;
  Shape output_shape;
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> requant;

  int32_t depth() const {
    return params.kernel_h * params.kernel_w * (depthwise ? 1 : input_shape.c);
  }

  // Random weights, with scales that spread the answers over all of int8, and
  // powers of two among the scales, so that there are ties to round.
  void FillWeights(std::mt19937& random) {
    weights.resize(static_cast<std::size_t>(depth() * output_shape.c));
    // Without -128, channels can be paired.
    const int32_t smallest = RandomInt(random, -128, -127);
    for (int8_t& weight : weights) {
      weight = static_cast<int8_t>(RandomInt(random, smallest, 127));
    }
    for (int32_t o = 0; o < output_shape.c; ++o) {
      bias.push_back(RandomInt(random, -20000, 20000));
      const float scale = 1.0f / static_cast<float>(RandomInt(random, 16, 512));
      requant.push_back(RandomInt(random, 0, 3) == 0 ? 0x1p-7f : scale);
    }
    params.weights = weights.data();
    params.bias = bias.data();
    params.requant = requant.data();
  }

  friend std::ostream& operator<<(std::ostream& stream, const Conv2dCase& c) {
    const auto print = [&](const Shape& s) {
      stream << '[' << s.h << ", " << s.w << ", " << s.c << ']';
    };
    stream << (c.depthwise ? "depthwise " : "") << c.params.kernel_h << 'x'
           << c.params.kernel_w << " stride " << c.params.stride_y << ' '
           << c.params.stride_x << " pad " << c.params.pad_top << ' '
           << c.params.pad_left << ", ";
    print(c.input_shape);
    stream << " -> ";
    print(c.output_shape);
    return stream;
  }
};

// A case with the memory that a backend wants for it, exactly, and with paired
// weights if the backend takes them and they can be paired.
class PreparedConv2d {
 public:
  PreparedConv2d(const Backend& backend, const Conv2dCase& c)
      : kernel_(c.depthwise ? backend.depthwise_conv2d : backend.conv2d),
        paired_(PairedBytes(c.depth(), c.output_shape.c)),
        packed_(kernel_.packed_bytes == nullptr
                    ? 0
                    : kernel_.packed_bytes(c.params, c.input_shape.c,
                                           c.output_shape.c),
                64),
        scratch_(kernel_.scratch_bytes == nullptr
                     ? 0
                     : kernel_.scratch_bytes(c.params, c.input_shape,
                                             c.output_shape)) {
    is_paired_ = kernel_.reads_channel_pairs &&
                 PairWeights(c.params.weights, c.depth(), c.output_shape.c,
                             paired_.data<uint16_t>());
    if (kernel_.pack != nullptr) {
      kernel_.pack(c.params, c.input_shape.c, c.output_shape.c,
                   packed_.bytes());
    }
  }

  void Run(Conv2dParams params, Tensor<const int8_t> input,
           Tensor<int8_t> output) const {
    params.packed = packed_.size() == 0 ? nullptr : packed_.bytes();
    if (is_paired_) {
      params.weights = paired_.data<int8_t>();
      params.weight_layout = format::WeightLayout::kChannelPairs;
    }
    kernel_.run(params, input, output, scratch_.bytes());
  }

  bool is_paired() const { return is_paired_; }

  bool canaries_alive() const {
    return packed_.canaries_alive() && scratch_.canaries_alive();
  }

 private:
  const Conv2dKernel& kernel_;
  GuardedBuffer paired_;
  bool is_paired_ = false;
  GuardedBuffer packed_;
  GuardedBuffer scratch_;
};

}  // namespace ocellus::kernels::testing
