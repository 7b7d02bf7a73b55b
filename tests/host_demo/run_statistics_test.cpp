// SPDX-License-Identifier: Apache-2.0
#include "host_demo/run_statistics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace ocellus {
namespace {

TEST(RunStatistics, LeavesPausesOut) {
  const RunStatistics::Clock::time_point start{};
  const auto at = [&](int ms) { return start + std::chrono::milliseconds(ms); };
  const std::vector<std::string> names = {"car", "person"};
  const Detection car{{}, 0, 0.5f};
  const Detection person{{}, 1, 0.5f};
  RunStatistics statistics;
  EXPECT_EQ(statistics.recent_fps(), 0.0);
  statistics.Add(std::vector{person, car}, 2.0, at(0));
  statistics.Add(std::vector{person}, 4.0, at(100));
  statistics.Interrupt();
  statistics.Add({}, 3.0, at(9000));
  statistics.Add({}, 3.0, at(9100));
  EXPECT_EQ(statistics.Summary(names),
            "4 frames, 10.0 fps, inference 3.00 ms; person 2, car 1");
}

}  // namespace
}  // namespace ocellus
