// SPDX-License-Identifier: Apache-2.0
#include "runtime/tensor.h"

#include <gtest/gtest.h>

namespace ocellus {
namespace {

TEST(Tensor, FindsRowsOfAPlainBuffer) {
  int8_t data[24];
  const Tensor<int8_t> tensor(data, {3, 4, 2});
  EXPECT_EQ(tensor.Row(2), data + 16);
  EXPECT_TRUE(tensor.is_dense());
}

TEST(Tensor, WrapsRowsOfARing) {
  int8_t data[30];
  // Rows 0, 1, 2 in slots 2, 0, 1, ten elements apart.
  const Tensor<int8_t> ring(data, {3, 4, 2}, 10, 3, 2);
  EXPECT_EQ(ring.Row(0), data + 20);
  EXPECT_EQ(ring.Row(1), data);
  EXPECT_EQ(ring.Row(2), data + 10);
  EXPECT_FALSE(ring.is_dense());
}

TEST(Tensor, CutsRowsOutOfARing) {
  int8_t data[24];
  const Tensor<int8_t> ring(data, {3, 4, 2}, 8, 3, 2);
  const Tensor<int8_t> rows = ring.Rows(1, 2);
  EXPECT_EQ(rows.Row(0), data);
  EXPECT_EQ(rows.Row(1), data + 8);
  EXPECT_EQ(rows.shape, (Shape{2, 4, 2}));
  EXPECT_TRUE(rows.is_dense());
}

}  // namespace
}  // namespace ocellus
