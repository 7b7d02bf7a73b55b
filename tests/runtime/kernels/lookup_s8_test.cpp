// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/lookup_s8.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/runtime/kernels/equals_reference.h"

namespace ocellus::kernels::reference {
namespace {

TEST(LookupS8, AnswersEveryValueInPlace) {
  std::array<int8_t, 256> table;
  std::array<int8_t, 256> values;
  for (int i = 0; i < 256; ++i) {
    table[i] = static_cast<int8_t>(127 - i);
    values[i] = static_cast<int8_t>(i - 128);
  }
  LookupS8(table.data(), {values.data(), {2, 16, 8}},
           {values.data(), {2, 16, 8}});
  for (int i = 0; i < 256; ++i) EXPECT_EQ(values[i], 127 - i);
}

}  // namespace
}  // namespace ocellus::kernels::reference

namespace ocellus::kernels::testing {
namespace {

TEST(LookupS8, EqualsReferenceOnRandomTensors) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const Shape shape = {RandomInt(random, 1, 5), RandomInt(random, 1, 9),
                         RandomInt(random, 1, 21)};
    const RandomTensor table(random, {1, 1, 256});
    const RandomTensor input(random, shape);
    ExpectEqualsReference(
        random, shape, [&](const Backend& backend, Tensor<int8_t> output) {
          backend.lookup(table.view().data, input.view(), output);
        });
    ExpectEqualsReference(random, shape,
                          [&](const Backend& backend, Tensor<int8_t> output) {
                            backend.lookup(table.view().data, output, output);
                          });
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ocellus::kernels::testing
