// SPDX-License-Identifier: Apache-2.0
#include "host_demo/plot.h"

#include <gtest/gtest.h>

namespace ocellus {
namespace {

TEST(PlotString, QuotesQuotes) {
  EXPECT_EQ(PlotString("it's\n50 %"), "'it''s 50 %'");
}

}  // namespace
}  // namespace ocellus
