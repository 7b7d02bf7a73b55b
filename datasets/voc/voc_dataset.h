// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/result.h"

namespace ocellus {

struct VocImage {
  std::string id;                    // "000005"
  std::filesystem::path jpeg;        // <devkit>/VOC2007/JPEGImages/000005.jpg
  std::filesystem::path annotation;  // <devkit>/VOC2007/Annotations/000005.xml
};

// One image list of a folder laid out like Pascal VOC's VOCdevkit.
class VocDataset {
 public:
  // Reads <devkit>/<year>/ImageSets/Main/<list>.txt, where `list` is
  // "<year>/<list>", for example "VOC2007/val". Images and annotations are not
  // opened.
  //
  // Errors: not such a folder, no such list, a list that is empty, holds
  // anything but one image id a line, or holds an id twice.
  static Result<VocDataset> Open(const std::filesystem::path& devkit,
                                 std::string_view list);

  const std::vector<VocImage>& images() const { return images_; }
  const std::string& year() const { return year_; }            // "VOC2007"
  const std::string& list_name() const { return list_name_; }  // "val"

 private:
  VocDataset() = default;

  std::string year_;
  std::string list_name_;
  std::vector<VocImage> images_;
};

}  // namespace ocellus
