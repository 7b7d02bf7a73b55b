// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>

namespace ocellus {

// A serial line for this program alone, raw, at 921600 baud.
class SerialPort {
 public:
  // Throws Failure, saying what is there instead, if `path` is missing, in use,
  // not permitted or no serial line.
  explicit SerialPort(const std::string& path);
  ~SerialPort();
  SerialPort(const SerialPort&) = delete;
  SerialPort& operator=(const SerialPort&) = delete;

  const std::string& path() const { return path_; }

  // Takes what has come, and waits for it at most `patience`. How many bytes;
  // 0 also when a signal came. Throws Failure when the line is gone.
  std::size_t Read(std::span<char> bytes, std::chrono::milliseconds patience);
  // Sends what the line takes within `patience`. How many bytes; throws alike.
  std::size_t Write(std::span<const char> bytes,
                    std::chrono::milliseconds patience);

 private:
  // Whether the line is ready for `events` of poll().
  bool Wait(short events, std::chrono::milliseconds patience) const;
  [[noreturn]] void Unplugged() const;

  std::string path_;
  int file_ = -1;
};

}  // namespace ocellus
