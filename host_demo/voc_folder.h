// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace ocellus {

// The devkit's folder: `wanted`, else $OCELLUS_VOC, else beside the source
// tree. Throws Failure, saying what is missing and where to get it.
std::filesystem::path FindVoc(const std::string& wanted);

}  // namespace ocellus
