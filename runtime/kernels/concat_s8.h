// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/model_format.h"
#include "runtime/tensor.h"

namespace ocellus::kernels {

// Two feature maps of one quantisation, one behind the other.
//
//   input, input2  [H, W, C], equal but along `axis`
//   output         as they are, and as long as both along `axis`; must not
//                  overlap them
using ConcatS8Fn = void(format::ConcatAxis axis, Tensor<const int8_t> input,
                        Tensor<const int8_t> input2,
                        Tensor<int8_t> output) noexcept;

namespace reference {
ConcatS8Fn ConcatS8;
}  // namespace reference

}  // namespace ocellus::kernels
