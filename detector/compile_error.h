// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace ocellus {

// Why a network could not be compiled: one line that names the file, the value
// and what was expected. The compiler throws it from any depth, for a parser
// and a graph builder have a failure in every line; its callers are shells,
// which print what() and exit.
class CompileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ocellus
