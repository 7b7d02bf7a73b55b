// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "datasets/result.h"

namespace ocellus {

// Why a command cannot go on: one line that names the file or value and what
// was expected. Thrown anywhere in host_demo and caught once, in main(), which
// prints it. Files being written are removed while it unwinds.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message) : std::runtime_error(message) {}
};

// The value of a library's answer, or its error thrown as Failure.
template <typename T>
T OrFail(Result<T> result) {
  if (!result.ok()) throw Failure(result.error().message);
  return std::move(result).value();
}

// Text for an errno value, e.g. "No such file or directory".
inline std::string ErrnoText(int error_number) {
  return std::generic_category().message(error_number);
}

}  // namespace ocellus
