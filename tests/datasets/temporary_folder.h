// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ocellus {

// An empty folder that is removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }

  // Writes a file of the folder, and the folders above it. Returns its path.
  std::filesystem::path Write(const std::string& name,
                              std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

std::string ContentOf(const std::filesystem::path& path);

}  // namespace ocellus
