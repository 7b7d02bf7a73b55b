// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace ocellus {

// Writes a compiled model as C++ sources for a firmware project: model.h and
// model.cpp, the blob as a constant; ocellus_example.h and .cpp, which run it
// on an image that comes row by row; CMakeLists.txt and README.md. Makes the
// folder. Throws Failure if it cannot, or if the blob is not sound.
void EmitSources(const std::string& folder, std::span<const uint8_t> blob);

}  // namespace ocellus
