// SPDX-License-Identifier: Apache-2.0
#include "detector/import/onnx/strided_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocellus {
namespace {

using Dims = std::vector<int64_t>;

TEST(StridedView, FindsTheMapAgainBehindMovesThatCancel) {
  const StridedView map = StridedView::OfMap({4, 5, 6});
  EXPECT_EQ(map.dims(), (Dims{1, 6, 4, 5}));
  const StridedView last = map.Transposed(Dims{0, 2, 3, 1});
  EXPECT_EQ(last.dims(), (Dims{1, 4, 5, 6}));
  EXPECT_EQ(last.AsMap(), std::nullopt);
  EXPECT_EQ(last.Transposed(Dims{0, 3, 1, 2}), map);
  const auto split = map.Reshaped(Dims{1, 2, 3, 20});
  ASSERT_TRUE(split);
  EXPECT_EQ(split->Reshaped(Dims{1, 6, 4, 5}), map);
}

TEST(StridedView, SeesAShuffleOfChannels) {
  const StridedView map = StridedView::OfMap({2, 2, 6});
  const auto shuffled = map.Reshaped(Dims{1, 2, 3, 2, 2})
                            ->Transposed(Dims{0, 2, 1, 3, 4})
                            .Reshaped(Dims{1, 6, 2, 2});
  ASSERT_TRUE(shuffled);
  EXPECT_EQ(shuffled->AsMap(), std::nullopt);
  // And back.
  EXPECT_EQ(shuffled->Reshaped(Dims{1, 3, 2, 2, 2})
                ->Transposed(Dims{0, 2, 1, 3, 4})
                .Reshaped(Dims{1, 6, 2, 2}),
            map);
}

TEST(StridedView, TellsWhereFlattenedElementsLie) {
  // Rows of channel 0, then those of channel 1.
  const auto flat = StridedView::OfMap({2, 2, 2}).Reshaped(Dims{1, 8});
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->Offsets(), (Dims{0, 2, 4, 6, 1, 3, 5, 7}));
  EXPECT_EQ(flat->AsMap(), std::nullopt);
}

TEST(StridedView, DoesNotCutAcrossPieces) {
  const StridedView map = StridedView::OfMap({4, 5, 6});
  EXPECT_EQ(map.Reshaped(Dims{1, 4, 30}), std::nullopt);
  EXPECT_EQ(map.Reshaped(Dims{1, 6, 4, 6}), std::nullopt);
  EXPECT_EQ(map.Reshaped(Dims{1, 6, 4}), std::nullopt);
}

TEST(StridedView, IsInnermostOnlyOverNeighbours) {
  const StridedView map = StridedView::OfMap({4, 5, 6});
  EXPECT_TRUE(map.IsInnermost(1, 6));
  EXPECT_FALSE(map.IsInnermost(1, 3));
  EXPECT_FALSE(map.IsInnermost(3, 5));
}

}  // namespace
}  // namespace ocellus
