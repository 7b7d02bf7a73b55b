// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "runtime/kernels/backend.h"
#include "tests/runtime/kernels/host_targets.h"

namespace ocellus {
namespace {

TEST(HostBackendTest, IsTheBestThatTheProcessorHas) {
  const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  // Better targets are smaller numbers.
  const int64_t best = *std::min_element(targets.begin(), targets.end());
  EXPECT_STREQ(HostBackend().name, hwy::TargetName(best));
}

TEST(HostBackendTest, RunsEveryTargetThatTheProcessorHas) {
  std::set<std::string> expected;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    expected.insert(hwy::TargetName(target));
  }
  std::set<std::string> run;
  kernels::testing::ForEachHostBackend(
      [&](const Backend& backend) { run.insert(backend.name); });
  EXPECT_EQ(run, expected);
}

TEST(HostBackendTest, IsTheReferenceOnlyWithoutVectors) {
  kernels::testing::ForEachHostBackend([](const Backend& backend) {
    const Backend& reference = ReferenceBackend();
    const std::string name = backend.name;
    const bool no_vectors = name == "SCALAR" || name == "EMU128";
    EXPECT_EQ(backend.conv2d.run == reference.conv2d.run, no_vectors);
    EXPECT_EQ(backend.depthwise_conv2d.run == reference.depthwise_conv2d.run,
              no_vectors);
    EXPECT_EQ(backend.add == reference.add, no_vectors);
  });
}

}  // namespace
}  // namespace ocellus
