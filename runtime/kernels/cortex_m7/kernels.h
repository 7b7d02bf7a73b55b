// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "runtime/kernels/add_s8.h"
#include "runtime/kernels/concat_s8.h"
#include "runtime/kernels/conv2d_s8.h"
#include "runtime/kernels/lookup_s8.h"
#include "runtime/kernels/mul_s8.h"
#include "runtime/kernels/pool_s8.h"
#include "runtime/kernels/resize_nearest_s8.h"

namespace ocellus::kernels::cortex_m7 {

AddS8Fn AddS8;
ConcatS8Fn ConcatS8;
LookupS8Fn LookupS8;
MulS8Fn MulS8;
PoolS8Fn PoolS8;
ResizeNearestS8Fn ResizeNearestS8;

Conv2dS8Fn Conv2dS8;
std::size_t Conv2dS8ScratchBytes(const Conv2dParams& params, Shape input,
                                 Shape output);

DepthwiseConv2dS8Fn DepthwiseConv2dS8;
std::size_t DepthwiseConv2dS8ScratchBytes(const Conv2dParams& params,
                                          Shape input, Shape output);

}  // namespace ocellus::kernels::cortex_m7
