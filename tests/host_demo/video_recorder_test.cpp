// SPDX-License-Identifier: Apache-2.0
#include "host_demo/video_recorder.h"

#include <gtest/gtest.h>

namespace ocellus {
namespace {

TEST(CopiesDue, FillsGapsAndDropsWhatComesTooFast) {
  EXPECT_EQ(CopiesDue(0.0, 25.0, 0), 1);
  EXPECT_EQ(CopiesDue(0.01, 25.0, 1), 0);
  EXPECT_EQ(CopiesDue(0.2, 25.0, 1), 5);
}

}  // namespace
}  // namespace ocellus
