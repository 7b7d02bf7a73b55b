// SPDX-License-Identifier: Apache-2.0
#include "host_demo/progress_bar.h"

#include <gtest/gtest.h>

#include <string>

namespace ocellus {
namespace {

TEST(ProgressText, TellsShareCountAndTimeLeft) {
  EXPECT_EQ(ProgressText("eval", 25, 100, 10.0, 60),
            "eval [=======>                     ]  25 % 25/100  0:30 left");
  EXPECT_EQ(ProgressText("eval", 100, 100, 4000.0, 200).substr(0, 48),
            "eval [" + std::string(40, '=') + "] ");
}

TEST(ProgressText, FitsAnyWidth) {
  for (int columns = 0; columns < 120; ++columns) {
    for (const int64_t done : {0, 1, 99, 100}) {
      EXPECT_LE(ProgressText("label", done, 100, 3.0, columns).size(),
                static_cast<std::size_t>(columns));
    }
  }
}

TEST(ProgressText, CountsWhenTheEndIsUnknown) {
  EXPECT_EQ(ProgressText("cam", 12, 0, 3700.0, 60), "cam 12  1:01:40");
}

}  // namespace
}  // namespace ocellus
