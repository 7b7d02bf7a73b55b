// SPDX-License-Identifier: Apache-2.0
#include "host_demo/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "host_demo/failure.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

bool IsRegularOrAbsent(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return !fs::exists(status) || fs::is_regular_file(status);
}

}  // namespace

PendingFile::PendingFile(const std::string& path) : path_(path) {
  std::error_code error;
  if (path.empty()) throw Failure("cannot write to an empty file name");
  if (fs::is_directory(path, error)) {
    throw Failure("cannot write " + path + ": it is a folder, not a file");
  }
  const fs::path target(path);
  const fs::path folder =
      target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (!fs::is_directory(folder, error)) {
    throw Failure("cannot write " + path + ": there is no folder " +
                  folder.string());
  }
  if (!IsRegularOrAbsent(path)) {
    temporary_path_ = path;
    return;
  }
  const std::string name = "." + target.stem().string() + ".part" +
                           std::to_string(getpid()) +
                           target.extension().string();
  temporary_path_ = (folder / name).string();
}

PendingFile::~PendingFile() {
  if (committed_ || temporary_path_ == path_) return;
  std::error_code ignored;
  fs::remove(temporary_path_, ignored);
}

void PendingFile::Commit() {
  if (temporary_path_ != path_) {
    std::error_code error;
    fs::rename(temporary_path_, path_, error);
    if (error) throw Failure("cannot write " + path_ + ": " + error.message());
  }
  committed_ = true;
}

OutputFile::OutputFile(const std::string& path) : file_(path) {
  stream_ = std::fopen(file_.temporary_path().c_str(), "wbe");
  if (stream_ == nullptr) Fail(errno);
}

OutputFile::~OutputFile() {
  if (stream_ != nullptr) std::fclose(stream_);
}

void OutputFile::Fail(int error_number) const {
  throw Failure("cannot write " + file_.path() + ": " +
                ErrnoText(error_number));
}

void OutputFile::Write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stream_) != bytes.size()) {
    Fail(errno);
  }
}

void OutputFile::Flush() {
  if (std::fflush(stream_) != 0) Fail(errno);
}

void OutputFile::Commit() {
  Flush();
  // Some file systems report a full disk only here. Pipes cannot be synced.
  if (fsync(fileno(stream_)) != 0 && errno != EINVAL && errno != ENOTSUP) {
    Fail(errno);
  }
  std::FILE* stream = stream_;
  stream_ = nullptr;
  if (std::fclose(stream) != 0) Fail(errno);
  file_.Commit();
}

void WriteFile(const std::string& path, std::string_view bytes) {
  OutputFile file(path);
  file.Write(bytes);
  file.Commit();
}

void MakeFolder(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) {
    throw Failure("cannot make the folder " + path +
                  ": a file of that name exists");
  }
  fs::create_directories(path, error);
  if (error) {
    throw Failure("cannot make the folder " + path + ": " + error.message());
  }
}

}  // namespace ocellus
