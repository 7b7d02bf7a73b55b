// SPDX-License-Identifier: Apache-2.0
#include "datasets/jpeg.h"

// jpeglib.h uses size_t and FILE without declaring them.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>
// Behind jpeglib.h, whose types it uses.
#include <jerror.h>

#include <csetjmp>
#include <cstring>
#include <string>

#include "datasets/read_file.h"

namespace ocellus {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 28;

// A progressive file may hold thousands of scans of a few bytes that each
// touch every pixel. Encoders write about ten.
constexpr int kMaxScans = 500;

// Some cameras pad the last scan. More bytes than this between it and the end
// marker are a scan that was decoded wrongly.
constexpr int kMaxPaddingBytes = 64;
constexpr int kEndOfImageMarker = 0xD9;

// libjpeg-turbo with its errors turned into false. libjpeg leaves a call by
// longjmp, so no function between setjmp and it may own anything: the methods
// hold plain data only, and callers allocate.
class JpegReader {
 public:
  JpegReader() {
    codec_.err = jpeg_std_error(&errors_);
    codec_.client_data = this;
    errors_.error_exit = OnError;
    errors_.emit_message = OnMessage;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = OnProgress;
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&codec_); }

  bool ReadHeader(std::span<const uint8_t> bytes) {
    if (setjmp(on_error_) != 0) return false;
    jpeg_create_decompress(&codec_);
    codec_.progress = &progress_;
    jpeg_mem_src(&codec_, bytes.data(), bytes.size());
    jpeg_read_header(&codec_, TRUE);
    return true;
  }

  int64_t full_width() const { return codec_.image_width; }
  int64_t full_height() const { return codec_.image_height; }

  // After ReadHeader(). Chooses a size of `eighths` / 8.
  bool Start(int eighths) {
    if (setjmp(on_error_) != 0) return false;
    codec_.scale_num = static_cast<unsigned>(eighths);
    codec_.scale_denom = 8;
    const bool has_ink = codec_.jpeg_color_space == JCS_CMYK ||
                         codec_.jpeg_color_space == JCS_YCCK;
    codec_.out_color_space = has_ink ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&codec_);
    return true;
  }

  // After Start().
  int32_t width() const { return static_cast<int32_t>(codec_.output_width); }
  int32_t height() const { return static_cast<int32_t>(codec_.output_height); }
  bool is_cmyk() const { return codec_.out_color_space == JCS_CMYK; }

  //   pixels    [height, width, 3]
  //   cmyk_row  [width, 4], scratch; only used if is_cmyk()
  bool ReadPixels(uint8_t* pixels, uint8_t* cmyk_row) {
    if (setjmp(on_error_) != 0) return false;
    while (codec_.output_scanline < codec_.output_height) {
      uint8_t* rgb_row = pixels + std::size_t{3} * codec_.output_width *
                                      codec_.output_scanline;
      JSAMPROW row = is_cmyk() ? cmyk_row : rgb_row;
      jpeg_read_scanlines(&codec_, &row, 1);
      if (is_cmyk()) RgbFromCmyk(cmyk_row, rgb_row);
    }
    jpeg_finish_decompress(&codec_);
    return true;
  }

  const char* message() const { return message_; }

 private:
  static JpegReader& Self(j_common_ptr codec) {
    return *static_cast<JpegReader*>(codec->client_data);
  }

  [[noreturn]] static void OnError(j_common_ptr codec) {
    JpegReader& self = Self(codec);
    codec->err->format_message(codec, self.message_);
    std::longjmp(self.on_error_, 1);
  }

  // level < 0: a warning, upon which libjpeg would carry on with made-up
  // pixels.
  static void OnMessage(j_common_ptr codec, int level) {
    if (level >= 0) return;
    const jpeg_error_mgr& errors = *codec->err;
    switch (errors.msg_code) {
      case JWRN_ADOBE_XFORM:  // an unknown colour transform: YCbCr is meant
      case JWRN_JFIF_MAJOR:   // a newer JFIF version
        return;
      case JWRN_EXTRANEOUS_DATA:
        if (errors.msg_parm.i[0] <= kMaxPaddingBytes &&
            errors.msg_parm.i[1] == kEndOfImageMarker) {
          return;
        }
        break;
      default:
        break;
    }
    OnError(codec);
  }

  static void OnProgress(j_common_ptr codec) {
    JpegReader& self = Self(codec);
    if (self.codec_.input_scan_number <= kMaxScans) return;
    std::snprintf(self.message_, sizeof(self.message_),
                  "more than %d scans in one image", kMaxScans);
    std::longjmp(self.on_error_, 1);
  }

  void RgbFromCmyk(const uint8_t* cmyk, uint8_t* rgb) const {
    // Adobe's encoders store 255 - ink. A channel's light is what its own ink
    // and black let through.
    const int inversion = codec_.saw_Adobe_marker ? 0 : 255;
    for (JDIMENSION x = 0; x < codec_.output_width; ++x, cmyk += 4, rgb += 3) {
      const int black = cmyk[3] ^ inversion;
      for (int c = 0; c < 3; ++c) {
        const int light = (cmyk[c] ^ inversion) * black;
        rgb[c] = static_cast<uint8_t>((light + 127) / 255);
      }
    }
  }

  jpeg_decompress_struct codec_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf on_error_{};
  char message_[JMSG_LENGTH_MAX] = "";
};

int ChooseEighths(const JpegReader& reader, const JpegOptions& options) {
  if (options.min_width <= 0 && options.min_height <= 0) return 8;
  for (int n = 1; n < 8; ++n) {
    if ((reader.full_width() * n + 7) / 8 >= options.min_width &&
        (reader.full_height() * n + 7) / 8 >= options.min_height) {
      return n;
    }
  }
  return 8;
}

}  // namespace

Result<RgbImage> DecodeJpegFile(const std::filesystem::path& path,
                                const JpegOptions& options) {
  const Result<std::string> file = ReadFile(path, kMaxFileBytes);
  if (!file.ok()) return file.error();
  const std::string& bytes = file.value();
  return DecodeJpeg(
      {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
      path.string(), options);
}

Result<RgbImage> DecodeJpeg(std::span<const uint8_t> bytes,
                            std::string_view name, const JpegOptions& options) {
  JpegReader reader;
  const auto failure = [&] {
    return Error{std::string(name) +
                 ": cannot decode as a JPEG: " + reader.message()};
  };
  if (!reader.ReadHeader(bytes)) return failure();
  if (reader.full_width() * reader.full_height() > kMaxJpegPixels) {
    return Error{std::string(name) + ": image is " +
                 std::to_string(reader.full_width()) + " x " +
                 std::to_string(reader.full_height()) + ", expected at most " +
                 std::to_string(kMaxJpegPixels) + " pixels"};
  }
  if (!reader.Start(ChooseEighths(reader, options))) return failure();

  RgbImage image{reader.width(), reader.height(), {}};
  const std::size_t width = static_cast<std::size_t>(image.width);
  image.pixels.resize(width * static_cast<std::size_t>(image.height) * 3);
  std::vector<uint8_t> cmyk_row(reader.is_cmyk() ? width * 4 : 0);
  if (!reader.ReadPixels(image.pixels.data(), cmyk_row.data())) {
    return failure();
  }
  return image;
}

}  // namespace ocellus
