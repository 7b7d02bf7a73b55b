// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/add_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/runtime/kernels/host_targets.h"
#include "tests/runtime/kernels/kernel_case.h"

namespace ocellus::kernels::testing {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kSizes[] = {1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 33};

TEST(AddS8Test, EqualsCaseWorkedByHand) {
  // Scales of 1 and 1/2; a - 1 = {4, 0, 99, -129, -1},
  // (b - 0) / 2 = {1.5, -1.5, 50, -64, 0.5}. Sums of {5.5, -1.5, 149, -193,
  // -0.5} round half up to {6, -1, 149, -193, 0}; then + 2 and [-100, 120].
  AddParams params;
  params.zero_point = 1;
  params.zero_point2 = 0;
  params.output_zero_point = 2;
  params.multiplier = 1 << 20;
  params.multiplier2 = 1 << 19;
  params.shift = 20;
  params.activation_min = -100;
  params.activation_max = 120;
  const std::vector<int8_t> a = {5, 1, 100, -128, 0};
  const std::vector<int8_t> b = {3, -3, 100, -128, 1};
  ForEachBackend([&](const Backend& backend) {
    std::vector<int8_t> sum(5);
    const Shape shape = {1, 5, 1};
    backend.add(params, Tensor<const int8_t>(a.data(), shape),
                Tensor<const int8_t>(b.data(), shape),
                Tensor<int8_t>(sum.data(), shape));
    EXPECT_THAT(sum, ElementsAre(8, 1, 120, -100, 2));
  });
}

AddParams RandomParams(std::mt19937& random) {
  AddParams params;
  const int32_t zero_points[] = {-128, 127, 0, RandomInt(random, -128, 127)};
  params.zero_point = RandomOf(random, zero_points);
  params.zero_point2 = RandomOf(random, zero_points);
  params.output_zero_point = RandomOf(random, zero_points);
  params.shift = RandomInt(random, 13, 30);
  params.multiplier = RandomInt(random, 1 << 20, (1 << 21) - 1);
  params.multiplier2 = RandomInt(random, 1, params.multiplier);
  if (RandomInt(random, 0, 1) == 0) {
    std::swap(params.multiplier, params.multiplier2);
  }
  if (RandomInt(random, 0, 1) == 0) {
    params.activation_min = RandomInt(random, -128, 127);
    params.activation_max = RandomInt(random, params.activation_min, 127);
  }
  return params;
}

TEST(AddS8Test, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const AddParams params = RandomParams(random);
    const Shape shape = {RandomInt(random, 1, 5), RandomOf(random, kSizes),
                         RandomOf(random, kSizes)};
    const Layout layout = Layout::Random(random, shape.h);
    const Layout layout2 = Layout::Random(random, shape.h);
    const Layout output_layout = Layout::Random(random, shape.h);
    GuardedBuffer a(layout.Bytes(shape));
    GuardedBuffer b(layout2.Bytes(shape));
    GuardedBuffer expected(output_layout.Bytes(shape));
    a.FillRandom(random);
    b.FillRandom(random);
    expected.FillRandom(random);
    GuardedBuffer before(expected.size());
    std::memcpy(before.bytes(), expected.bytes(), expected.size());
    reference::AddS8(params, layout.View(a, shape), layout2.View(b, shape),
                     output_layout.View(expected, shape));
    ForEachFastBackend([&](const Backend& backend) {
      GuardedBuffer sum(expected.size());
      std::memcpy(sum.bytes(), before.bytes(), before.size());
      backend.add(params, layout.View(a, shape), layout2.View(b, shape),
                  output_layout.View(sum, shape));
      ASSERT_EQ(std::memcmp(sum.bytes(), expected.bytes(), sum.size()), 0);
      ASSERT_TRUE(sum.canaries_alive());
    });
    if (HasFatalFailure()) return;
  }
}

TEST(AddS8Test, EqualsReferenceInPlace) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const AddParams params = RandomParams(random);
    const Shape shape = {RandomInt(random, 1, 3), RandomOf(random, kSizes),
                         RandomOf(random, kSizes)};
    const auto bytes = static_cast<std::size_t>(shape.elements());
    GuardedBuffer a(bytes), b(bytes), expected(bytes);
    a.FillRandom(random);
    b.FillRandom(random);
    const Tensor<const int8_t> a_view(a.data<int8_t>(), shape);
    const Tensor<const int8_t> b_view(b.data<int8_t>(), shape);
    reference::AddS8(params, a_view, b_view, {expected.data<int8_t>(), shape});
    ForEachFastBackend([&](const Backend& backend) {
      for (const bool first : {true, false}) {
        GuardedBuffer sum(bytes);
        std::memcpy(sum.bytes(), first ? a.bytes() : b.bytes(), bytes);
        const Tensor<int8_t> view(sum.data<int8_t>(), shape);
        if (first) {
          backend.add(params, view, b_view, view);
        } else {
          backend.add(params, a_view, view, view);
        }
        ASSERT_EQ(std::memcmp(sum.bytes(), expected.bytes(), bytes), 0);
      }
    });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
