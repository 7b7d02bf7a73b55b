// SPDX-License-Identifier: Apache-2.0
#include "host_demo/serial_port.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "host_demo/failure.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

std::string SerialLinesText() {
  std::vector<std::string> lines;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/dev", error)) {
    const std::string path = entry.path();
    if (path.starts_with("/dev/ttyACM") || path.starts_with("/dev/ttyUSB")) {
      lines.push_back(path);
    }
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) {
    text += (text.empty() ? "" : ", ") + line;
  }
  return text.empty() ? "no board is plugged in" : "this machine has " + text;
}

std::string WhyNotOpened(const std::string& path, int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return "no serial line " + path + " (" + SerialLinesText() + ")";
    case EBUSY:
    case EWOULDBLOCK:
      return path + ": in use by another program";
    case EACCES:
      return path + ": not permitted (on Debian, join the group dialout)";
    case ENOTTY:
      return path + ": not a serial line";
    default:
      return "cannot open " + path + ": " + ErrnoText(error_number);
  }
}

// 0, or an errno value.
int SetUp(int file) {
  termios settings{};
  if (tcgetattr(file, &settings) != 0) return ENOTTY;
  // Others that ask are refused: by this lock, and unless they are root by the
  // line itself.
  if (flock(file, LOCK_EX | LOCK_NB) != 0) return errno;
  if (ioctl(file, TIOCEXCL) != 0) return errno;
  cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  cfsetspeed(&settings, B921600);
  if (tcsetattr(file, TCSANOW, &settings) != 0) return errno;
  // What came before is old.
  return tcflush(file, TCIFLUSH) == 0 ? 0 : errno;
}

}  // namespace

SerialPort::SerialPort(const std::string& path) : path_(path) {
  file_ = open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  const int error = file_ < 0 ? errno : SetUp(file_);
  if (error == 0) return;
  if (file_ >= 0) close(file_);
  throw Failure(WhyNotOpened(path, error));
}

SerialPort::~SerialPort() {
  ioctl(file_, TIOCNXCL);
  close(file_);
}

std::size_t SerialPort::Read(std::span<char> bytes,
                             std::chrono::milliseconds patience) {
  if (!Wait(POLLIN, patience)) return 0;
  const ssize_t count = read(file_, bytes.data(), bytes.size());
  if (count > 0) return static_cast<std::size_t>(count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  Unplugged();
}

std::size_t SerialPort::Write(std::span<const char> bytes,
                              std::chrono::milliseconds patience) {
  if (!Wait(POLLOUT, patience)) return 0;
  const ssize_t count = write(file_, bytes.data(), bytes.size());
  if (count >= 0) return static_cast<std::size_t>(count);
  if (errno == EAGAIN || errno == EINTR) return 0;
  Unplugged();
}

bool SerialPort::Wait(short events, std::chrono::milliseconds patience) const {
  pollfd waited = {.fd = file_, .events = events, .revents = 0};
  const int ready = poll(&waited, 1, static_cast<int>(patience.count()));
  if (ready <= 0) return false;
  // What came before the end can still be read.
  if ((waited.revents & events) != 0) return true;
  Unplugged();
}

void SerialPort::Unplugged() const {
  throw Failure(path_ + ": the board is gone (unplugged, or it was reset)");
}

}  // namespace ocellus
