// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/tensor.h"

namespace ocellus::kernels {

// Enlarges a feature map by whole factors, repeating pixels.
//
//   input   [H, W, C]
//   output  [OH, OW, C], OH a multiple of H and OW of W; must not overlap input
//
// output(y, x) = input(y / (OH / H), x / (OW / W)). Both have one quantisation.
using ResizeNearestS8Fn = void(Tensor<const int8_t> input,
                               Tensor<int8_t> output) noexcept;

namespace reference {
ResizeNearestS8Fn ResizeNearestS8;
}  // namespace reference

}  // namespace ocellus::kernels
