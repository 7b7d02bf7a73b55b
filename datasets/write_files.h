// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/result.h"

namespace ocellus {

struct FileContent {
  std::filesystem::path path;
  std::string bytes;
};

// Writes every file under a temporary name beside its own, and renames them
// only when all are complete and on the disk. After an error (a full disk, a
// missing folder) no file is half-written and no temporary file is left; a
// reader sees an old file or a new one, never a part.
//
// Returns the paths written.
Result<std::vector<std::filesystem::path>> WriteFiles(
    std::span<const FileContent> files);

}  // namespace ocellus
