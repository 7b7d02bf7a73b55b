// SPDX-License-Identifier: Apache-2.0
#include "host_demo/video_recorder.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "host_demo/failure.h"
#include "host_demo/mute_stderr.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

bool IsAvi(const std::string& path) {
  return fs::path(path).extension() == ".avi";
}

}  // namespace

void VideoRecorder::CheckName(const std::string& path) {
  const fs::path extension = fs::path(path).extension();
  if (extension != ".mp4" && extension != ".mov" && extension != ".avi") {
    throw Failure("cannot record to " + path +
                  ": expected a name ending in .mp4, .mov or .avi");
  }
}

VideoRecorder::VideoRecorder(const std::string& path, cv::Size frame_size,
                             double fps)
    : file_((CheckName(path), path)), fps_(fps) {
  // FFmpeg's reason is not told by OpenCV, so the file is tried first.
  std::FILE* probe = std::fopen(file_.temporary_path().c_str(), "wbe");
  if (probe == nullptr) {
    throw Failure("cannot write " + path + ": " + ErrnoText(errno));
  }
  std::fclose(probe);
  const MuteStderr mute;
  // H.264 plays everywhere, MPEG-4 part 2 is in every FFmpeg.
  const int codecs[] = {IsAvi(path)
                            ? cv::VideoWriter::fourcc('M', 'J', 'P', 'G')
                            : cv::VideoWriter::fourcc('a', 'v', 'c', '1'),
                        cv::VideoWriter::fourcc('m', 'p', '4', 'v')};
  for (const int codec : codecs) {
    if (writer_.open(file_.temporary_path(), cv::CAP_FFMPEG, codec, fps,
                     frame_size)) {
      return;
    }
  }
  throw Failure("cannot write " + path +
                ": OpenCV was built without H.264 and MPEG-4 encoders");
}

void VideoRecorder::Write(const cv::Mat& frame) {
  const MuteStderr mute;
  writer_.write(frame);
  ++frames_;
}

void VideoRecorder::WriteAt(const cv::Mat& frame, double elapsed_s) {
  for (int64_t n = CopiesDue(elapsed_s, fps_, frames_); n > 0; --n) {
    Write(frame);
  }
}

void VideoRecorder::Commit() {
  {
    const MuteStderr mute;
    writer_.release();
    cv::VideoCapture again;
    const bool complete =
        again.open(file_.temporary_path(), cv::CAP_FFMPEG) &&
        std::llround(again.get(cv::CAP_PROP_FRAME_COUNT)) == frames_;
    if (!complete) {
      throw Failure("cannot write " + file_.path() +
                    ": the video is incomplete (disk full?)");
    }
  }
  file_.Commit();
}

int64_t CopiesDue(double elapsed_s, double fps, int64_t written) {
  const auto wanted = static_cast<int64_t>(elapsed_s * fps) + 1;
  return std::max<int64_t>(0, wanted - written);
}

}  // namespace ocellus
