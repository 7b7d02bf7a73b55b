// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "datasets/result.h"
#include "postprocess/bounding_box.h"

namespace ocellus {

struct VocObject {
  std::string class_name;
  // Pixels of the annotated image, 1-based and inclusive, as written: a few of
  // VOC's own boxes have fractions.
  BoundingBox box_in_image;
  bool difficult = false;
  bool truncated = false;
};

struct VocAnnotation {
  // Of the image as it was annotated, which the boxes refer to. The JPEG at
  // hand may have been resized since.
  int32_t width = 0;
  int32_t height = 0;
  // May be empty: an image without objects is a valid negative example.
  std::vector<VocObject> objects;
};

// Reads one annotation file (XML).
//
// Errors, each naming the file and the object: not readable as XML, no
// <annotation>, no <size> or not a positive one, an object without <name>,
// without <bndbox>, or with a broken box (a coordinate missing or not a number,
// min above max, wholly outside the image), <difficult> other than 0 or 1.
// Sets made with other tools may lack <difficult> and <truncated>: they are 0.
Result<VocAnnotation> ReadAnnotation(const std::filesystem::path& path);

}  // namespace ocellus
