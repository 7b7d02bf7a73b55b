// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace ocellus {

// A path to write to that becomes visible only when complete: callers write to
// temporary_path() and Commit() renames it. Destroyed before that, it removes
// the temporary file. Devices and pipes cannot be renamed over, so they are
// written directly.
class PendingFile {
 public:
  // Throws Failure if `path` is a folder or its folder does not exist.
  explicit PendingFile(const std::string& path);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  const std::string& path() const { return path_; }
  // In the same folder, hidden, with the same extension.
  const std::string& temporary_path() const { return temporary_path_; }

  // Throws Failure if the file cannot be renamed.
  void Commit();

 private:
  std::string path_;
  std::string temporary_path_;
  bool committed_ = false;
};

// A PendingFile with a stream. Every function throws Failure, naming the file,
// when not all bytes could be written, a full disk included.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void Write(std::string_view bytes);
  // Hands what was written to the system, to learn early of a full disk.
  void Flush();
  // Flushes to the disk, checks and renames.
  void Commit();

 private:
  [[noreturn]] void Fail(int error_number) const;

  PendingFile file_;
  std::FILE* stream_ = nullptr;
};

// All of a file at once.
void WriteFile(const std::string& path, std::string_view bytes);

// Makes a folder and those above it. Throws Failure if it cannot.
void MakeFolder(const std::string& path);

}  // namespace ocellus
