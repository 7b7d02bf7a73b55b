// SPDX-License-Identifier: Apache-2.0
#include "host_demo/video_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <vector>

#include "host_demo/failure.h"
#include "host_demo/mute_stderr.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

constexpr char kDevicePrefix[] = "/dev/video";
constexpr int kMaxCameras =
    64;  // minor numbers that Linux gives to video4linux

std::string DevicePath(int number) {
  return kDevicePrefix + std::to_string(number);
}

std::string CamerasText() {
  std::error_code error;
  std::string text;
  for (int i = 0; i < kMaxCameras; ++i) {
    if (!fs::exists(DevicePath(i), error)) continue;
    text += (text.empty() ? "" : ", ") + DevicePath(i);
  }
  return text.empty() ? "this machine has none" : "this machine has " + text;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() <= 4 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool IsUrl(const std::string& text) {
  return text.find("://") != std::string::npos;
}

}  // namespace

VideoSource::VideoSource(const std::string& where) {
  const MuteStderr mute;
  std::error_code error;
  const bool is_device = where.starts_with(kDevicePrefix);
  if (IsNumber(where) || is_device) {
    const std::string device = is_device ? where : DevicePath(std::stoi(where));
    if (!fs::exists(device, error)) {
      throw Failure("no camera " + where + ": " + device + " does not exist (" +
                    CamerasText() + ")");
    }
    if (!capture_.open(device, cv::CAP_V4L2)) {
      throw Failure("cannot open the camera " + device +
                    ": in use, not permitted, or no camera");
    }
    description_ = "camera " + device;
    is_live_ = true;
  } else {
    if (!IsUrl(where)) {
      if (!fs::exists(where, error)) {
        throw Failure("no video " + where +
                      ": expected a camera's number, a file or a URL");
      }
      if (fs::is_directory(where, error)) {
        throw Failure(where + ": is a folder, expected a video");
      }
    }
    if (!capture_.open(where, cv::CAP_FFMPEG)) {
      throw Failure("cannot read " + where + ": not a video that FFmpeg knows");
    }
    description_ = where;
    is_live_ = IsUrl(where) && !where.starts_with("file://");
  }
  const double fps = capture_.get(cv::CAP_PROP_FPS);
  // FFmpeg answers with the time base, 90000 and the like, if it cannot tell.
  if (fps > 0.5 && fps < 1000.0) fps_ = fps;
  const double count = capture_.get(cv::CAP_PROP_FRAME_COUNT);
  if (!is_live_ && count >= 1.0 && count < 1e9) {
    frame_count_ = std::llround(count);
  }
}

bool VideoSource::Read(cv::Mat& frame) {
  const MuteStderr mute;
  if (!capture_.read(frame) || frame.empty()) {
    if (frames_read_ == 0) {
      throw Failure("cannot read a frame from " + description_);
    }
    return false;
  }
  ++frames_read_;
  return true;
}

DefaultSource FindDefaultSource() {
  std::error_code error;
  for (int i = 0; i < kMaxCameras; ++i) {
    if (!fs::exists(DevicePath(i), error)) continue;
    // A camera may have several devices, of which one gives pictures.
    const MuteStderr mute;
    cv::VideoCapture capture;
    if (capture.open(DevicePath(i), cv::CAP_V4L2)) {
      return {std::to_string(i), "watching camera " + DevicePath(i)};
    }
  }
  constexpr std::array<const char*, 5> kClips = {
      "/usr/share/doc/opencv-doc/examples/data/vtest.avi",
      "/usr/share/doc/opencv-doc/examples/vtest.avi",
      "/usr/share/opencv4/samples/data/vtest.avi",
      "/usr/local/share/opencv4/samples/data/vtest.avi",
      "/usr/share/opencv/samples/data/vtest.avi"};
  for (const char* clip : kClips) {
    if (fs::exists(clip, error)) {
      return {clip, std::string("no camera: playing ") + clip +
                        " (another source: --source)"};
    }
  }
  throw Failure(
      "no camera and no clip to play: connect a camera, name a video with "
      "--source, or `apt install opencv-doc` for the pedestrian clip");
}

}  // namespace ocellus
