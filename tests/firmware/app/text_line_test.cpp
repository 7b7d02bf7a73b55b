// SPDX-License-Identifier: Apache-2.0
#include "firmware/app/text_line.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace ocellus {
namespace {

std::string Text(const TextLine& line) {
  return {line.text().begin(), line.text().end()};
}

TEST(TextLine, WritesWholeNumbers) {
  TextLine line;
  line.Add(0).Add(" ").Add(-7).Add(" ").Add(120);
  line.Add(" ").Add(std::numeric_limits<int32_t>::min());
  EXPECT_EQ(Text(line), "0 -7 120 -2147483648");
}

TEST(TextLine, RoundsHalvesAwayFromZero) {
  TextLine line;
  line.AddFixed(1.5f, 0).Add(" ").AddFixed(-0.25f, 1).Add(" ");
  line.AddFixed(0.0f, 2).Add(" ").AddFixed(41.96f, 1).Add(" ");
  line.AddFixed(-0.01f, 1).Add(" ").AddFixed(0.0404f, 4);
  EXPECT_EQ(Text(line), "2 -0.3 0.00 42.0 0.0 0.0404");
}

TEST(TextLine, EscapesQuotesAndControlCharacters) {
  TextLine line;
  line.AddQuoted("a\"b\\c\nd");
  EXPECT_EQ(Text(line), R"("a\"b\\c?d")");
}

TEST(TextLine, LeavesOutWhatDoesNotFit) {
  TextLine line;
  line.Add(std::string(TextLine::kCapacity - 2, 'x')).Add("123").Add("45");
  EXPECT_EQ(line.room(), 0u);
  EXPECT_TRUE(Text(line).ends_with("x45"));
}

}  // namespace
}  // namespace ocellus
