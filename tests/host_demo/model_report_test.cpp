// SPDX-License-Identifier: Apache-2.0
#include "host_demo/model_report.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "host_demo/model_file.h"
#include "tests/host_demo/tiny_model.h"

namespace ocellus {
namespace {

TEST(ReportModel, CountsWorkAndMemoryOfTheTinyModel) {
  const std::string blob = TinyModel();
  const AlignedBytes bytes = AllocateAligned(blob.size());
  std::memcpy(bytes.get(), blob.data(), blob.size());
  Model model;
  ASSERT_EQ(
      Model::Parse({reinterpret_cast<const uint8_t*>(bytes.get()), blob.size()},
                   &model),
      Status::kOk);
  const ModelReport report = ReportModel(model);
  ASSERT_EQ(report.ops.size(), 3u);
  EXPECT_EQ(report.ops[0].macs, 4 * 4 * 4 * 9 * 3);
  EXPECT_EQ(report.ops[1].macs, 4 * 4 * 20 * 4);
  EXPECT_EQ(report.weight_bytes, 4 * 9 * 3 + 20 * 4 + 4 * 4);
  EXPECT_EQ(report.parameter_bytes, 8 * (4 + 20 + 4));
  EXPECT_EQ(report.arena_bytes, 640);
  // Image and stem; stem and classes; then boxes as well.
  EXPECT_EQ(report.ops[0].live_bytes, 192 + 64);
  EXPECT_EQ(report.ops[1].live_bytes, 64 + 320);
  EXPECT_EQ(report.ops[2].live_bytes, 64 + 320 + 64);
  EXPECT_EQ(report.ops[0].live_bytes_paper, 64);
  EXPECT_EQ(report.ops[2].high_water_bytes, 640);
  EXPECT_EQ(report.peak_op, 2);
  EXPECT_EQ(report.peak_live_bytes, 448);
  EXPECT_EQ(report.peak_live_bytes_paper, 448);
}

TEST(GroupedText, SeparatesThousands) {
  EXPECT_EQ(GroupedText(0), "0");
  EXPECT_EQ(GroupedText(999), "999");
  EXPECT_EQ(GroupedText(1000), "1,000");
  EXPECT_EQ(GroupedText(-1234567), "-1,234,567");
}

}  // namespace
}  // namespace ocellus
