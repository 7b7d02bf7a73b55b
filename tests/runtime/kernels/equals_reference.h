// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/runtime/kernels/host_targets.h"
#include "tests/runtime/kernels/kernel_case.h"

namespace ocellus::kernels::testing {

// Random values in a random layout.
class RandomTensor {
 public:
  RandomTensor(std::mt19937& random, Shape shape)
      : layout_(Layout::Random(random, shape.h)),
        shape_(shape),
        buffer_(layout_.Bytes(shape)) {
    buffer_.FillRandom(random);
  }

  Tensor<int8_t> view() const { return layout_.View(buffer_, shape_); }

 private:
  Layout layout_;
  Shape shape_;
  GuardedBuffer buffer_;
};

// Calls run(backend, tensor) with every fast backend and with the reference,
// each with an output of this shape that holds the same random bytes before.
// Behind, they must be the same again, gaps between rows included.
template <typename Run>
void ExpectEqualsReference(std::mt19937& random, Shape output_shape,
                           const Run& run) {
  const Layout layout = Layout::Random(random, output_shape.h);
  GuardedBuffer before(layout.Bytes(output_shape));
  before.FillRandom(random);
  const auto answer = [&](const Backend& backend, GuardedBuffer& output) {
    std::memcpy(output.bytes(), before.bytes(), before.size());
    run(backend, layout.View(output, output_shape));
  };
  GuardedBuffer expected(before.size());
  answer(ReferenceBackend(), expected);
  ForEachFastBackend([&](const Backend& backend) {
    GuardedBuffer output(before.size());
    answer(backend, output);
    ASSERT_EQ(std::memcmp(output.bytes(), expected.bytes(), output.size()), 0);
    ASSERT_TRUE(output.canaries_alive());
  });
}

}  // namespace ocellus::kernels::testing
