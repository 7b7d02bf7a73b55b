// SPDX-License-Identifier: Apache-2.0
#include "host_demo/input_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "host_demo/model_file.h"
#include "runtime/model_format.h"
#include "tests/host_demo/tiny_model.h"

namespace ocellus {
namespace {

// A model whose input has these numbers. Only its input is looked at.
class InputTableTest : public testing::Test {
 protected:
  InputTables TableFor(float mean, float std, float scale, int32_t zero_point) {
    const std::string blob = TinyModel();
    bytes_ = AllocateAligned(blob.size());
    std::memcpy(bytes_.get(), blob.data(), blob.size());
    auto* header = reinterpret_cast<format::Header*>(bytes_.get());
    std::fill_n(header->input_mean, 3, mean);
    std::fill_n(header->input_std, 3, std);
    auto* tensor = reinterpret_cast<format::TensorRecord*>(
        bytes_.get() + header->tensors.offset);
    tensor->scale = scale;
    tensor->zero_point = zero_point;
    auto* all = reinterpret_cast<uint8_t*>(bytes_.get());
    header->crc32 = Crc32({all + sizeof *header, blob.size() - sizeof *header});
    Model model;
    EXPECT_EQ(Model::Parse({all, blob.size()}, &model), Status::kOk);
    return MakeInputTables(model);
  }

  AlignedBytes bytes_;
};

TEST_F(InputTableTest, SubtractsTheMeanWhenStepsAreOnePixel) {
  const InputTables table = TableFor(128.0f, 128.0f, 1.0f / 128.0f, 0);
  for (int pixel = 0; pixel < 256; ++pixel) {
    EXPECT_EQ(table.channels[2][pixel], pixel - 128);
  }
}

TEST_F(InputTableTest, RoundsAndShiftsByTheZeroPoint) {
  // 0.02 real a pixel, 0.05 real a step: 2.5 pixels a step.
  const InputTables table = TableFor(0.0f, 50.0f, 0.05f, -100);
  EXPECT_EQ(table.channels[2][0], -100);
  EXPECT_EQ(table.channels[2][1], -100);  // 0.4 steps
  EXPECT_EQ(table.channels[2][2], -99);   // 0.8
  EXPECT_EQ(table.channels[2][255], 2);   // 102
}

TEST_F(InputTableTest, ClampsWhatInt8CannotHold) {
  const InputTables table = TableFor(128.0f, 64.0f, 1.0f / 128.0f, 0);
  EXPECT_EQ(table.channels[2][0], -128);
  EXPECT_EQ(table.channels[2][63], -128);
  EXPECT_EQ(table.channels[2][65], -126);
  EXPECT_EQ(table.channels[2][255], 127);
}

TEST(FillInput, WritesRgbWhateverTheOrderOfTheImage) {
  InputTables identity;
  for (auto& channel : identity.channels) {
    for (int i = 0; i < 256; ++i) channel[i] = static_cast<int8_t>(i - 128);
  }
  cv::Mat image(2, 2, CV_8UC3, cv::Scalar(10, 20, 30));
  std::vector<int8_t> bytes(12);
  const Tensor<int8_t> input(bytes.data(), {2, 2, 3});
  FillInput(image, ChannelOrder::kBgr, identity, input);
  EXPECT_EQ(bytes[9], 30 - 128);
  EXPECT_EQ(bytes[10], 20 - 128);
  EXPECT_EQ(bytes[11], 10 - 128);
  FillInput(image, ChannelOrder::kRgb, identity, input);
  EXPECT_EQ(bytes[9], 10 - 128);
  EXPECT_EQ(bytes[11], 30 - 128);
}

TEST(FillInput, StretchesBothSidesToTheInput) {
  InputTables identity;
  for (auto& channel : identity.channels) {
    for (int i = 0; i < 256; ++i) channel[i] = static_cast<int8_t>(i - 128);
  }
  cv::Mat image(10, 40, CV_8UC3, cv::Scalar::all(0));
  image.colRange(20, 40).setTo(cv::Scalar::all(255));
  std::vector<int8_t> bytes(4 * 4 * 3);
  FillInput(image, ChannelOrder::kBgr, identity, {bytes.data(), {4, 4, 3}});
  for (int y = 0; y < 4; ++y) {
    EXPECT_EQ(bytes[y * 12], -128);
    EXPECT_EQ(bytes[y * 12 + 9], 127);
  }
}

}  // namespace
}  // namespace ocellus
