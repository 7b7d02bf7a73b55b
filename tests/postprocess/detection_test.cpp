// SPDX-License-Identifier: Apache-2.0
#include "postprocess/detection.h"

#include <gtest/gtest.h>

#include <vector>

namespace ocellus {
namespace {

TEST(BetterDetection, ComparesScoreThenClassThenBox) {
  // Best first; each differs from the one before in the first key that counts.
  const std::vector<Detection> order = {
      {{9, 9, 9, 9}, 9, 0.9f}, {{9, 9, 9, 9}, 1, 0.5f}, {{0, 9, 9, 9}, 2, 0.5f},
      {{1, 0, 9, 9}, 2, 0.5f}, {{1, 1, 0, 9}, 2, 0.5f}, {{1, 1, 1, 0}, 2, 0.5f},
      {{1, 1, 1, 1}, 2, 0.5f}};
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t j = 0; j < order.size(); ++j) {
      EXPECT_EQ(BetterDetection(order[i], order[j]), i < j) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace ocellus
