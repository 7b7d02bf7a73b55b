// SPDX-License-Identifier: Apache-2.0
#include "host_demo/mute_stderr.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <opencv2/core/utils/logger.hpp>

namespace ocellus {

MuteStderr::MuteStderr() {
  std::fflush(stderr);
  const int null_device = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null_device < 0) return;
  saved_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved_ >= 0) dup2(null_device, STDERR_FILENO);
  close(null_device);
}

MuteStderr::~MuteStderr() {
  if (saved_ < 0) return;
  std::fflush(stderr);
  dup2(saved_, STDERR_FILENO);
  close(saved_);
}

void SilenceLibraries() {
  // 0: what the user has set stays.
  setenv("OPENCV_LOG_LEVEL", "SILENT", 0);
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // AV_LOG_QUIET
  setenv("OPENCV_VIDEOIO_DEBUG", "0", 0);
  setenv("QT_LOGGING_RULES", "*=false", 0);
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
}

}  // namespace ocellus
