// SPDX-License-Identifier: Apache-2.0
//
// Whatever a blob holds, Parse() refuses it, or it runs inside an arena of the
// size that it states. The checksum is made right first.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>

#include "runtime/executor.h"
#include "runtime/model.h"
#include "tests/support/aligned_arena.h"

namespace {

using ocellus::Model;
namespace format = ocellus::format;

// What one run may take, so that the fuzzer does many.
constexpr double kMaxWork = 4e5;
constexpr std::size_t kMaxArena = std::size_t{1} << 20;

// A copy that is aligned and exactly as large, with its checksum right.
class Blob {
 public:
  Blob(const uint8_t* data, std::size_t size)
      : bytes_(static_cast<uint8_t*>(
            ::operator new (size, std::align_val_t{format::kBlobAlignment}))),
        size_(size) {
    std::memcpy(bytes_, data, size);
    format::Header header;
    std::memcpy(&header, bytes_, sizeof header);
    if (header.total_bytes < sizeof header || header.total_bytes > size) return;
    header.crc32 =
        ocellus::Crc32(span().first(header.total_bytes).subspan(sizeof header));
    std::memcpy(bytes_, &header, sizeof header);
  }
  ~Blob() {
    ::operator delete (bytes_, std::align_val_t{format::kBlobAlignment});
  }
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  std::span<const uint8_t> span() const { return {bytes_, size_}; }

 private:
  uint8_t* bytes_;
  std::size_t size_;
};

// Pixels times taps of all ops, computed once, and tiles. Stages may repeat it
// a few times.
double Work(const Model& model) {
  double work = 0.0;
  for (const format::OpRecord& op : model.ops()) {
    const ocellus::Shape in = model.shape(op.input);
    const double taps =
        format::HasWindow(static_cast<format::OpKind>(op.kind))
            ? static_cast<double>(op.kernel_h * op.kernel_w) * in.c
            : 1.0;
    work += static_cast<double>(model.shape(op.output).elements()) * taps;
  }
  for (const format::RangeRecord& range : model.ranges()) {
    work += range.end - range.compute;
  }
  return work;
}

void Run(const Model& model, const ocellus::Backend& backend) {
  const std::size_t bytes =
      ocellus::Executor::MeasureArena(model, backend).total_bytes();
  if (bytes > kMaxArena) return;
  ocellus::AlignedArena arena(bytes);
  std::memset(arena.span().data(), 0x77, bytes);
  ocellus::Executor executor;
  if (executor.Prepare(model, backend, arena.span()) != ocellus::Status::kOk) {
    __builtin_trap();  // the arena is as large as it asked for
  }
  const ocellus::Shape image = model.shape(model.header().input);
  executor.Begin();
  for (int32_t y = 0; y < image.h; ++y) {
    std::memset(executor.NextInputRow(), y, image.w * image.c);
    executor.CommitInputRow();
  }
  executor.Finish();
  if (executor.holds_whole_input()) executor.Invoke();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size < sizeof(format::Header)) return 0;
  const Blob blob(data, size);
  Model model;
  if (Model::Parse(blob.span(), &model) != ocellus::Status::kOk) return 0;
  if (Work(model) > kMaxWork) return 0;
  Run(model, ocellus::ReferenceBackend());
  Run(model, ocellus::CortexM7Backend());
  return 0;
}
