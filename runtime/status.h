// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace ocellus {

// Why a model was refused or could not be prepared. Invoke() and the kernels
// cannot fail once Prepare() has returned kOk.
enum class [[nodiscard]] Status : uint8_t{
    kOk,
    kMisaligned,     // blob or arena does not start at the alignment it needs
    kTruncated,      // fewer bytes than the header (or the blob's size) says
    kBadMagic,       // not an Ocellus model
    kBadVersion,     // a model of another format version
    kBadChecksum,    // bytes changed since the model was packed
    kMalformed,      // a record points outside the blob, or contradicts another
    kOverflow,       // a convolution's sums could leave int32
    kUnsupported,    // an op kind or parameter this runtime has no kernel for
    kArenaTooSmall,  // the arena holds fewer bytes than Executor::ArenaBytes()
};

// A short English clause for messages, e.g. "checksum mismatch".
constexpr const char* StatusText(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kMisaligned:
      return "misaligned buffer";
    case Status::kTruncated:
      return "truncated model";
    case Status::kBadMagic:
      return "not an Ocellus model (bad magic)";
    case Status::kBadVersion:
      return "model of another format version";
    case Status::kBadChecksum:
      return "corrupted model (checksum mismatch)";
    case Status::kMalformed:
      return "malformed model (inconsistent records)";
    case Status::kOverflow:
      return "malformed model (int32 sums could overflow)";
    case Status::kUnsupported:
      return "model uses an unsupported operator or parameter";
    case Status::kArenaTooSmall:
      return "arena too small";
  }
  return "unknown status";
}

}  // namespace ocellus
