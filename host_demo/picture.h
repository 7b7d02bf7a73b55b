// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

namespace ocellus {

// Whether the first bytes of a file are those of a picture that can be read.
bool IsPicture(const std::string& path);

// Reads a picture as 8 bit BGR, turned upright as its EXIF data says. Throws
// Failure if it is unreadable, corrupt or truncated.
cv::Mat ReadPicture(const std::string& path);

// Writes a picture in the format that the name ends in. Throws Failure.
void WritePicture(const std::string& path, const cv::Mat& picture);

}  // namespace ocellus
