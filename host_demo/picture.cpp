// SPDX-License-Identifier: Apache-2.0
#include "host_demo/picture.h"

#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <string_view>
#include <vector>

#include "datasets/jpeg.h"
#include "host_demo/failure.h"
#include "host_demo/mute_stderr.h"
#include "host_demo/output_file.h"

namespace ocellus {
namespace {

bool IsJpeg(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return stream.get() == 0xFF && stream.get() == 0xD8;
}

}  // namespace

bool IsPicture(const std::string& path) {
  const MuteStderr mute;
  return cv::haveImageReader(path);
}

cv::Mat ReadPicture(const std::string& path) {
  // OpenCV takes a JPEG that ends early for a good one, gray from there on.
  // Decoded at an eighth of the size, all of its bytes are still looked at.
  if (IsJpeg(path)) {
    OrFail(DecodeJpegFile(path, {.min_width = 1, .min_height = 1}));
  }
  const MuteStderr mute;
  cv::Mat picture;
  try {
    picture = cv::imread(path, cv::IMREAD_COLOR);
  } catch (const cv::Exception&) {
    // E.g. more pixels than OpenCV allows.
  }
  if (picture.empty()) {
    throw Failure(path + ": truncated, corrupt or not a picture");
  }
  return picture;
}

void WritePicture(const std::string& path, const cv::Mat& picture) {
  const std::string extension = std::filesystem::path(path).extension();
  std::vector<unsigned char> bytes;
  bool encoded = false;
  try {
    const MuteStderr mute;
    encoded = cv::imencode(extension, picture, bytes);
  } catch (const cv::Exception&) {
  }
  if (!encoded) {
    throw Failure("cannot write " + path +
                  ": expected a name ending in .png, .jpg or the like");
  }
  WriteFile(path, std::string_view(reinterpret_cast<const char*>(bytes.data()),
                                   bytes.size()));
}

}  // namespace ocellus
