// SPDX-License-Identifier: Apache-2.0
#include "host_demo/model_file.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <span>
#include <system_error>

#include "datasets/read_file.h"
#include "host_demo/failure.h"

namespace ocellus {
namespace {

namespace fs = std::filesystem;

constexpr std::align_val_t kAlignment{64};

// Models are a few megabytes. What is larger is some other file.
constexpr std::size_t kMaxModelBytes = std::size_t{256} << 20;

}  // namespace

void AlignedDelete::operator()(std::byte* bytes) const {
  ::operator delete[](bytes, kAlignment);
}

AlignedBytes AllocateAligned(std::size_t size) {
  return AlignedBytes(
      static_cast<std::byte*>(::operator new[](size, kAlignment)));
}

ModelFile::ModelFile(const std::string& path) : path_(path) {
  const std::string read = OrFail(ReadFile(path, kMaxModelBytes));
  bytes_ = AllocateAligned(read.size());
  std::memcpy(bytes_.get(), read.data(), read.size());
  const std::span<const uint8_t> blob(
      reinterpret_cast<const uint8_t*>(bytes_.get()), read.size());
  const Status status = Model::Parse(blob, &model_);
  if (status != Status::kOk) {
    std::string message = path + ": " + StatusText(status);
    if (status == Status::kBadVersion) {
      const auto* header = reinterpret_cast<const format::Header*>(blob.data());
      message += " (" + std::to_string(header->version) + ", expected " +
                 std::to_string(format::kVersion) + ")";
    }
    throw Failure(message);
  }
  for (int i = 0; i < model_.class_count(); ++i) {
    class_names_.emplace_back(model_.class_name(i));
  }
}

std::string FindModel(const std::string& wanted, const std::string& shipped) {
  if (!wanted.empty()) return wanted;
  if (const char* named = std::getenv("OCELLUS_MODEL");
      named != nullptr && *named != '\0') {
    return named;
  }
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed =
      executable.parent_path().parent_path() / "share/ocellus/models" / shipped;
  const fs::path in_source =
      fs::path(OCELLUS_SOURCE_DIR) / "detector/models" / shipped;
  for (const fs::path& path : {installed, in_source}) {
    if (fs::exists(path, error)) return path.string();
  }
  throw Failure("no model: neither " + installed.string() + " nor " +
                in_source.string() +
                " exists; give one with --model FILE or OCELLUS_MODEL");
}

}  // namespace ocellus
