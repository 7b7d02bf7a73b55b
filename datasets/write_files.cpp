// SPDX-License-Identifier: Apache-2.0
#include "datasets/write_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace ocellus {
namespace {

// 0, or the errno of the step that failed.
int WriteAndSync(const std::filesystem::path& path, std::string_view bytes) {
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return errno;
  int error = 0;
  while (error == 0 && !bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  // Some file systems report a full disk only here.
  if (error == 0 && ::fsync(file) != 0) error = errno;
  if (::close(file) != 0 && error == 0) error = errno;
  return error;
}

// Removes the temporary files that were not renamed.
class TemporaryFiles {
 public:
  TemporaryFiles() = default;
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;
  ~TemporaryFiles() {
    for (const std::filesystem::path& path : paths_) ::unlink(path.c_str());
  }

  const std::filesystem::path& Add(const std::filesystem::path& final_path) {
    return paths_.emplace_back(final_path.string() + "." +
                               std::to_string(::getpid()) + ".tmp");
  }
  const std::filesystem::path& operator[](std::size_t i) const {
    return paths_[i];
  }

 private:
  std::vector<std::filesystem::path> paths_;
};

Error CannotWrite(const std::filesystem::path& path, int error) {
  return {path.string() +
          ": cannot write: " + std::generic_category().message(error)};
}

}  // namespace

Result<std::vector<std::filesystem::path>> WriteFiles(
    std::span<const FileContent> files) {
  TemporaryFiles temporary;
  for (const FileContent& file : files) {
    if (const int error = WriteAndSync(temporary.Add(file.path), file.bytes)) {
      return CannotWrite(file.path, error);
    }
  }
  std::vector<std::filesystem::path> written;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (::rename(temporary[i].c_str(), files[i].path.c_str()) != 0) {
      return CannotWrite(files[i].path, errno);
    }
    written.push_back(files[i].path);
  }
  return written;
}

}  // namespace ocellus
