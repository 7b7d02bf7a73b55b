// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "datasets/result.h"

namespace ocellus {

// All bytes of a file. An error if it cannot be read, is a folder, or holds
// more than `max_bytes`.
Result<std::string> ReadFile(const std::filesystem::path& path,
                             std::size_t max_bytes);

}  // namespace ocellus
