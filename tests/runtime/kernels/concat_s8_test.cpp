// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/concat_s8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/runtime/kernels/equals_reference.h"

namespace ocellus::kernels::reference {
namespace {

using format::ConcatAxis;
using ::testing::ElementsAre;

constexpr std::array<int8_t, 4> kFirst = {1, 2, 3, 4};
constexpr std::array<int8_t, 4> kSecond = {5, 6, 7, 8};

// Of two maps of 1 x 2 pixels with 2 channels.
std::array<int8_t, 8> Concat(ConcatAxis axis, Shape output_shape) {
  std::array<int8_t, 8> output = {};
  ConcatS8(axis, {kFirst.data(), {1, 2, 2}}, {kSecond.data(), {1, 2, 2}},
           {output.data(), output_shape});
  return output;
}

TEST(ConcatS8, PutsOneBehindTheOtherAlongEachAxis) {
  EXPECT_THAT(Concat(ConcatAxis::kRows, {2, 2, 2}),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(Concat(ConcatAxis::kColumns, {1, 4, 2}),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(Concat(ConcatAxis::kChannels, {1, 2, 4}),
              ElementsAre(1, 2, 5, 6, 3, 4, 7, 8));
}

}  // namespace
}  // namespace ocellus::kernels::reference

namespace ocellus::kernels::testing {
namespace {

TEST(ConcatS8, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const Shape first = {RandomInt(random, 1, 5), RandomInt(random, 1, 7),
                         RandomInt(random, 1, 40)};
    Shape second = first;
    Shape out = first;
    const auto axis = RandomOf(
        random, {format::ConcatAxis::kRows, format::ConcatAxis::kColumns,
                 format::ConcatAxis::kChannels});
    const auto extent = axis == format::ConcatAxis::kRows      ? &Shape::h
                        : axis == format::ConcatAxis::kColumns ? &Shape::w
                                                               : &Shape::c;
    second.*extent = RandomInt(random, 1, 20);
    out.*extent += second.*extent;
    const RandomTensor a(random, first);
    const RandomTensor b(random, second);
    ExpectEqualsReference(random, out,
                          [&](const Backend& backend, Tensor<int8_t> output) {
                            backend.concat(axis, a.view(), b.view(), output);
                          });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
