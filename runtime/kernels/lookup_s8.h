// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

// output = table[input + 128], element by element: any function of one int8.
//
//   table   [256]
//   input   [H, W, C]
//   output  [H, W, C]; may be the input (same data, same pitch), but must not
//           overlap it otherwise
using LookupS8Fn = void(const int8_t* table, Tensor<const int8_t> input,
                        Tensor<int8_t> output) noexcept;

namespace reference {
LookupS8Fn LookupS8;
}  // namespace reference

}  // namespace ocellus::kernels
