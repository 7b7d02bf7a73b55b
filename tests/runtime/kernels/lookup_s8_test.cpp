// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/lookup_s8.h"

#include <gtest/gtest.h>

#include <array>

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
