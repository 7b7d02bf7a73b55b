// SPDX-License-Identifier: Apache-2.0
#include "detector/search/redistribute.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace ocellus {
namespace {

constexpr double kMillion = 1e6;

// MobileNetV2 1.0 at 224. Its last 1x1 convolution, to 1280 channels, stands
// where a description has the head's.
NetworkDescription MobileNetV2() {
  NetworkDescription network;
  network.name = "mobilenet_v2";
  network.input = {224, 224, 3};
  network.classes = {"one"};
  network.stem = {.kernel = 3, .stride = 2, .width = 32};
  network.blocks = {
      {.kernel = 3, .expansion = 1, .width = 16},
      {.kernel = 3, .expansion = 6, .width = 24, .depth = 2, .stride = 2},
      {.kernel = 3, .expansion = 6, .width = 32, .depth = 3, .stride = 2},
      {.kernel = 3, .expansion = 6, .width = 64, .depth = 4, .stride = 2},
      {.kernel = 3, .expansion = 6, .width = 96, .depth = 3},
      {.kernel = 3, .expansion = 6, .width = 160, .depth = 3, .stride = 2},
      {.kernel = 3, .expansion = 6, .width = 320}};
  network.head = {.strides = {32}, .widths = {1280}, .tower_depth = 0};
  return network;
}

NetworkDescription Shipped() {
  return ReadNetworkDescription(std::string(OCELLUS_SOURCE_DIR) +
                                "/detector/models/voc_h7.json");
}

// MCUNetV2 (Lin et al., 2021), table 1: both rows of MobileNetV2.
TEST(Redistribute, GivesThePapersTableOfMobileNetV2) {
  const auto forms = Redistribute(MobileNetV2());
  const PatchCost before = CountPatchCost(forms.front().network, 4);
  EXPECT_EQ(before.patch_side, 75);
  EXPECT_NEAR(before.stage_overhead, 0.42, 0.005);
  EXPECT_NEAR(static_cast<double>(before.stage_macs) / kMillion, 130.0, 0.5);
  EXPECT_EQ(before.layers_peak_bytes / 1024, 1372u);

  const auto form =
      std::find_if(forms.begin(), forms.end(), [](const Redistribution& each) {
        return each.change == "first 1x1, 1 block moved";
      });
  ASSERT_NE(form, forms.end());
  const PatchCost after = CountPatchCost(form->network, 4);
  EXPECT_EQ(after.patch_side, 63);
  EXPECT_EQ(after.halo, 7);
  EXPECT_NEAR(after.stage_overhead, 0.18, 0.005);
  EXPECT_NEAR(after.overhead, 0.03, 0.015);
  EXPECT_NEAR(static_cast<double>(after.stage_macs) / kMillion, 73.0, 0.5);
  EXPECT_NEAR(static_cast<double>(after.macs) / kMillion, 301.0, 3.0);
  EXPECT_EQ(after.patches_peak_bytes, (32u + 192u) * 28u * 28u);

  // Two 32-channel blocks of 11 M MACs each fit what one 24-channel block and
  // a 3x3 save.
  EXPECT_EQ(form->network.blocks[0].kernel, 1);
  EXPECT_EQ(form->network.blocks[1].depth, 1);
  EXPECT_EQ(form->network.blocks[2].width, 32);
  EXPECT_EQ(form->network.blocks[2].depth, 5);
}

TEST(Redistribute, KeepsTheMacsOfTheShippedNetworkAndShrinksItsHalo) {
  const auto forms = Redistribute(Shipped());
  ASSERT_GT(forms.size(), 4u);
  const PatchCost before = CountPatchCost(forms.front().network, 4);
  for (std::size_t i = 1; i < forms.size(); ++i) {
    SCOPED_TRACE(forms[i].change);
    const PatchCost after = CountPatchCost(forms[i].network, 4);
    EXPECT_LE(after.plain_macs, before.plain_macs);
    EXPECT_GT(after.plain_macs, before.plain_macs * 9 / 10);
    EXPECT_LT(after.stage_overhead, before.stage_overhead);
    EXPECT_LT(after.patch_side, before.patch_side);
    EXPECT_EQ(after.halo, after.patch_side - 64);
  }
}

TEST(NetworkDescriptionText, ReadsTheSame) {
  const std::string text = NetworkDescriptionText(MobileNetV2());
  const auto path = std::filesystem::temp_directory_path() /
                    ("ocellus_description_" + std::to_string(getpid()));
  std::ofstream(path) << text;
  const NetworkDescription read = ReadNetworkDescription(path.string());
  std::filesystem::remove(path);
  EXPECT_EQ(NetworkDescriptionText(read), text);
  EXPECT_EQ(CountPatchCost(read, 4).macs,
            CountPatchCost(MobileNetV2(), 4).macs);
}

}  // namespace
}  // namespace ocellus
