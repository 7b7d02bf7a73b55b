// SPDX-License-Identifier: Apache-2.0
#include "host_demo/voc_folder.h"

#include <cstdlib>
#include <system_error>

#include "host_demo/failure.h"

namespace ocellus {

namespace fs = std::filesystem;

fs::path FindVoc(const std::string& wanted) {
  fs::path folder = wanted;
  if (wanted.empty()) {
    const char* named = std::getenv("OCELLUS_VOC");
    folder = named != nullptr && *named != '\0'
                 ? fs::path(named)
                 : fs::path(OCELLUS_SOURCE_DIR).parent_path() /
                       "shared/voc/VOCdevkit";
  }
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Failure("no Pascal VOC at " + folder.string() +
                  ": expected the folder VOCdevkit with VOC2007 in it (--voc "
                  "DIR or OCELLUS_VOC; to be had from "
                  "http://host.robots.ox.ac.uk/pascal/VOC/)");
  }
  return folder;
}

}  // namespace ocellus
