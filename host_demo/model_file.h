// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "runtime/model.h"

namespace ocellus {

// Bytes that start at a multiple of 64, as blobs and arenas need.
struct AlignedDelete {
  void operator()(std::byte* bytes) const;
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedDelete>;
AlignedBytes AllocateAligned(std::size_t size);

// A model read from a file, with its bytes.
class ModelFile {
 public:
  // Throws Failure if the file cannot be read or is no sound model.
  explicit ModelFile(const std::string& path);
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::string& path() const { return path_; }
  const Model& model() const { return model_; }
  const std::vector<std::string>& class_names() const { return class_names_; }

 private:
  std::string path_;
  AlignedBytes bytes_;
  Model model_;
  std::vector<std::string> class_names_;
};

inline constexpr char kShippedModel[] = "voc_h7.ocellus";
// The same network, which has not learned from VOC2007 val.
inline constexpr char kShippedTwin[] = "voc_h7_twin.ocellus";

// The model to use: `wanted` if not empty, else $OCELLUS_MODEL, else the
// `shipped` one of the installation or of the source tree. Throws Failure,
// saying where it looked, if there is none.
std::string FindModel(const std::string& wanted,
                      const std::string& shipped = kShippedModel);

}  // namespace ocellus
