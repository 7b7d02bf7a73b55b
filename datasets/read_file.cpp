// SPDX-License-Identifier: Apache-2.0
#include "datasets/read_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace ocellus {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error CannotRead(const std::filesystem::path& path) {
  return {path.string() +
          ": cannot read: " + std::generic_category().message(errno)};
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path,
                             std::size_t max_bytes) {
  const std::unique_ptr<std::FILE, CloseFile> file(
      std::fopen(path.c_str(), "rb"));
  if (!file) return CannotRead(path);

  std::string bytes;
  char chunk[1 << 16];
  while (true) {
    errno = 0;
    const std::size_t count = std::fread(chunk, 1, sizeof(chunk), file.get());
    if (std::ferror(file.get()) != 0) return CannotRead(path);
    if (count == 0) return bytes;
    if (count > max_bytes - bytes.size()) {
      return Error{path.string() + ": file too large, expected at most " +
                   std::to_string(max_bytes) + " bytes"};
    }
    bytes.append(chunk, count);
  }
}

}  // namespace ocellus
