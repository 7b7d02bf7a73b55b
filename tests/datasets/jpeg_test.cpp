// SPDX-License-Identifier: Apache-2.0
#include "datasets/jpeg.h"

// jpeglib.h uses size_t and FILE without declaring them.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/datasets/temporary_folder.h"

namespace ocellus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Encoding {
  J_COLOR_SPACE pixels = JCS_RGB;  // of what is handed to the encoder
  J_COLOR_SPACE file = JCS_YCbCr;  // of what it stores
  bool progressive = false;
  bool adobe_marker = false;
};

// Encodes [height, width, components] at quality 95, without subsampling.
std::vector<uint8_t> Encode(int width, int height, int components,
                            const std::vector<uint8_t>& pixels,
                            const Encoding& encoding = {}) {
  jpeg_compress_struct codec{};
  jpeg_error_mgr errors{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&codec, &bytes, &size);
  codec.image_width = static_cast<JDIMENSION>(width);
  codec.image_height = static_cast<JDIMENSION>(height);
  codec.input_components = components;
  codec.in_color_space = encoding.pixels;
  jpeg_set_defaults(&codec);
  jpeg_set_colorspace(&codec, encoding.file);
  jpeg_set_quality(&codec, 95, TRUE);
  codec.comp_info[0].h_samp_factor = 1;
  codec.comp_info[0].v_samp_factor = 1;
  codec.write_Adobe_marker = encoding.adobe_marker ? TRUE : FALSE;
  if (encoding.progressive) jpeg_simple_progression(&codec);
  jpeg_start_compress(&codec, TRUE);
  while (codec.next_scanline < codec.image_height) {
    JSAMPROW row =
        const_cast<uint8_t*>(pixels.data()) +
        static_cast<std::size_t>(codec.next_scanline) * width * components;
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  std::vector<uint8_t> result(bytes, bytes + size);
  jpeg_destroy_compress(&codec);
  std::free(bytes);
  return result;
}

std::vector<uint8_t> Uniform(int pixels, std::vector<uint8_t> color) {
  std::vector<uint8_t> result;
  for (int i = 0; i < pixels; ++i) {
    result.insert(result.end(), color.begin(), color.end());
  }
  return result;
}

// Enough detail that every part of the file matters.
std::vector<uint8_t> Noise(int bytes) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> value(0, 255);
  std::vector<uint8_t> result(static_cast<std::size_t>(bytes));
  for (uint8_t& byte : result) byte = static_cast<uint8_t>(value(random));
  return result;
}

RgbImage MustDecode(const std::vector<uint8_t>& bytes,
                    const JpegOptions& options = {}) {
  Result<RgbImage> image = DecodeJpeg(bytes, "made.jpg", options);
  if (!image.ok()) {
    ADD_FAILURE() << image.error().message;
    return {};
  }
  return std::move(image).value();
}

std::string ErrorOf(const Result<RgbImage>& result) {
  return result.ok() ? "no error" : result.error().message;
}

void ExpectColor(const RgbImage& image, int red, int green, int blue) {
  ASSERT_FALSE(image.pixels.empty());
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    ASSERT_NEAR(image.pixels[i], red, 3);
    ASSERT_NEAR(image.pixels[i + 1], green, 3);
    ASSERT_NEAR(image.pixels[i + 2], blue, 3);
  }
}

TEST(DecodeJpeg, KeepsThePlaceAndColourOfPixels) {
  // Left half red, right half blue; blocks of 8 fall on the border.
  std::vector<uint8_t> pixels;
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 32; ++x) {
      const bool left = x < 16;
      pixels.insert(pixels.end(), {static_cast<uint8_t>(left ? 200 : 10), 20,
                                   static_cast<uint8_t>(left ? 30 : 220)});
    }
  }
  const RgbImage image = MustDecode(Encode(32, 16, 3, pixels));
  ASSERT_EQ(image.width, 32);
  ASSERT_EQ(image.height, 16);
  ASSERT_EQ(image.pixels.size(), pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    ASSERT_NEAR(image.pixels[i], pixels[i], 3) << "byte " << i;
  }
}

TEST(DecodeJpeg, ReadsProgressiveFilesAsTheBaselineOnes) {
  const std::vector<uint8_t> pixels = Noise(40 * 30 * 3);
  const RgbImage baseline = MustDecode(Encode(40, 30, 3, pixels));
  const RgbImage progressive =
      MustDecode(Encode(40, 30, 3, pixels, {.progressive = true}));
  EXPECT_EQ(baseline.pixels, progressive.pixels);
}

TEST(DecodeJpeg, GivesGrayscaleThreeEqualChannels) {
  ExpectColor(
      MustDecode(Encode(9, 7, 1, Uniform(63, {77}),
                        {.pixels = JCS_GRAYSCALE, .file = JCS_GRAYSCALE})),
      77, 77, 77);
}

TEST(DecodeJpeg, ConvertsCmykInk) {
  // Ink 51 of 255 cyan, 0 magenta, 102 yellow, 51 black: light is
  // (204, 255, 153) * 204 / 255 = (163, 204, 122).
  const std::vector<uint8_t> ink = Uniform(64, {51, 0, 102, 51});
  ExpectColor(
      MustDecode(Encode(8, 8, 4, ink, {.pixels = JCS_CMYK, .file = JCS_CMYK})),
      163, 204, 122);
  // Adobe stores 255 - ink.
  const std::vector<uint8_t> inverted = Uniform(64, {204, 255, 153, 204});
  for (const J_COLOR_SPACE file : {JCS_CMYK, JCS_YCCK}) {
    ExpectColor(MustDecode(Encode(
                    8, 8, 4, inverted,
                    {.pixels = JCS_CMYK, .file = file, .adobe_marker = true})),
                163, 204, 122);
  }
}

TEST(DecodeJpeg, ChoosesTheSmallestScaleThatIsLargeEnough) {
  constexpr int kWidth = 100;
  constexpr int kHeight = 75;
  const std::vector<uint8_t> bytes =
      Encode(kWidth, kHeight, 3, Uniform(kWidth * kHeight, {10, 200, 100}));
  for (int min_width = 0; min_width <= 120; min_width += 3) {
    for (int min_height = 0; min_height <= 90; min_height += 5) {
      // Sizes at n/8, rounded up: 13 x 10, 25 x 19, 38 x 29 .. 100 x 75.
      int width = kWidth;
      int height = kHeight;
      for (int n = 7; n >= 1 && (min_width > 0 || min_height > 0); --n) {
        const int scaled_width = (kWidth * n + 7) / 8;
        const int scaled_height = (kHeight * n + 7) / 8;
        if (scaled_width < min_width || scaled_height < min_height) break;
        width = scaled_width;
        height = scaled_height;
      }
      const RgbImage image =
          MustDecode(bytes, {.min_width = min_width, .min_height = min_height});
      ASSERT_EQ(image.width, width) << min_width << " x " << min_height;
      ASSERT_EQ(image.height, height) << min_width << " x " << min_height;
      ASSERT_EQ(image.pixels.size(),
                static_cast<std::size_t>(3 * width * height));
      ExpectColor(image, 10, 200, 100);
    }
  }
}

TEST(DecodeJpegFile, ReadsAFile) {
  const TemporaryFolder folder;
  const std::vector<uint8_t> bytes = Encode(5, 4, 3, Uniform(20, {1, 2, 3}));
  const auto path =
      folder.Write("a.jpg", std::string(bytes.begin(), bytes.end()));
  const Result<RgbImage> image = DecodeJpegFile(path);
  ASSERT_TRUE(image.ok()) << ErrorOf(image);
  EXPECT_EQ(image.value().width, 5);
  EXPECT_EQ(image.value().height, 4);
}

TEST(DecodeJpegFile, NamesFilesThatAreNotReadable) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(DecodeJpegFile(folder.path() / "gone.jpg")),
              AllOf(HasSubstr("gone.jpg: cannot read: No such file")));
  EXPECT_THAT(ErrorOf(DecodeJpegFile(folder.path())),
              AllOf(HasSubstr(folder.path().string() + ": cannot read")));
  EXPECT_THAT(ErrorOf(DecodeJpegFile(folder.Write("empty.jpg", ""))),
              HasSubstr("empty.jpg: cannot decode as a JPEG: Empty input"));
  EXPECT_THAT(
      ErrorOf(DecodeJpegFile(folder.Write("text.jpg", "not a picture"))),
      AllOf(HasSubstr("text.jpg: cannot decode as a JPEG: Not a JPEG file"),
            Not(HasSubstr("\n"))));
}

TEST(DecodeJpeg, RefusesEveryTruncation) {
  for (const bool progressive : {false, true}) {
    const std::vector<uint8_t> bytes =
        Encode(48, 40, 3, Noise(48 * 40 * 3), {.progressive = progressive});
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Result<RgbImage> image =
          DecodeJpeg(std::span(bytes).first(size), "cut.jpg");
      ASSERT_FALSE(image.ok()) << size << " of " << bytes.size() << " bytes";
      ASSERT_THAT(image.error().message, HasSubstr("cut.jpg: "));
    }
  }
}

TEST(DecodeJpeg, ReportsWhatLibjpegOnlyWarnsAbout) {
  std::vector<uint8_t> bytes = Encode(48, 40, 3, Noise(48 * 40 * 3));
  EXPECT_THAT(
      ErrorOf(DecodeJpeg(std::span(bytes).first(bytes.size() / 2), "cut.jpg")),
      HasSubstr("cut.jpg: cannot decode as a JPEG: Premature end of JPEG"));
  // A marker in the middle of the scan.
  bytes[bytes.size() / 2] = 0xFF;
  bytes[bytes.size() / 2 + 1] = 0xD9;
  EXPECT_THAT(ErrorOf(DecodeJpeg(bytes, "marker.jpg")),
              HasSubstr("marker.jpg: cannot decode as a JPEG: Corrupt JPEG"));
}

TEST(DecodeJpeg, ToleratesPaddingBehindTheScan) {
  std::vector<uint8_t> bytes = Encode(8, 8, 3, Uniform(64, {90, 80, 70}));
  bytes.insert(bytes.end() - 2, 3, uint8_t{0});
  ExpectColor(MustDecode(bytes), 90, 80, 70);
  bytes.insert(bytes.end() - 2, 100, uint8_t{0});
  EXPECT_THAT(ErrorOf(DecodeJpeg(bytes, "padded.jpg")),
              HasSubstr("extraneous bytes"));
}

TEST(DecodeJpeg, SurvivesRandomDamage) {
  const std::vector<uint8_t> baseline = Encode(48, 40, 3, Noise(48 * 40 * 3));
  const std::vector<uint8_t> progressive =
      Encode(48, 40, 3, Noise(48 * 40 * 3), {.progressive = true});
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    std::vector<uint8_t> bytes = seed % 2 == 0 ? baseline : progressive;
    // Headers are few of the bytes and most of the danger.
    std::uniform_int_distribution<std::size_t> place(
        2, seed % 4 < 2 ? 700 : bytes.size() - 1);
    std::uniform_int_distribution<int> value(0, 255);
    for (int i = 0; i < 3; ++i) {
      bytes[place(random)] = static_cast<uint8_t>(value(random));
    }
    const Result<RgbImage> image =
        DecodeJpeg(bytes, "bad.jpg", {.min_width = 20, .min_height = 20});
    if (image.ok()) {
      EXPECT_EQ(image.value().pixels.size(),
                3 * static_cast<std::size_t>(image.value().width) *
                    static_cast<std::size_t>(image.value().height));
    } else {
      EXPECT_THAT(image.error().message, HasSubstr("bad.jpg: "));
    }
  }
}

TEST(DecodeJpeg, RefusesAbsurdSizes) {
  std::vector<uint8_t> bytes = Encode(8, 8, 3, Uniform(64, {1, 2, 3}));
  // Frame header: FF C0, length (2), precision (1), height (2), width (2).
  const uint8_t kFrame[] = {0xFF, 0xC0};
  const auto frame = std::search(bytes.begin(), bytes.end(), std::begin(kFrame),
                                 std::end(kFrame));
  ASSERT_NE(frame, bytes.end());
  std::fill(frame + 5, frame + 9, uint8_t{0xF0});
  EXPECT_THAT(ErrorOf(DecodeJpeg(bytes, "huge.jpg")),
              HasSubstr("huge.jpg: image is 61680 x 61680, expected at most "
                        "67108864 pixels"));
}

}  // namespace
}  // namespace ocellus
