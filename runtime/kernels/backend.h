// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/kernels/add_s8.h"
#include "runtime/kernels/concat_s8.h"
#include "runtime/kernels/conv2d_s8.h"
#include "runtime/kernels/lookup_s8.h"
#include "runtime/kernels/mul_s8.h"
#include "runtime/kernels/pool_s8.h"
#include "runtime/kernels/resize_nearest_s8.h"
#include "runtime/kernels/softmax_s8.h"

namespace ocellus {

// One implementation of every kernel. Backends differ in speed only.
struct Backend {
  const char* name;
  kernels::Conv2dKernel conv2d;
  kernels::Conv2dKernel depthwise_conv2d;
  kernels::AddS8Fn* add;
  kernels::ResizeNearestS8Fn* resize_nearest;
  kernels::PoolS8Fn* pool;
  kernels::MulS8Fn* mul;
  kernels::LookupS8Fn* lookup;
  kernels::ConcatS8Fn* concat;
  kernels::SoftmaxS8Fn* softmax;
};

// Plain loops: the definition of every answer.
const Backend& ReferenceBackend();

// For the Cortex-M7. Elsewhere it runs as well, slowly, to be tested.
const Backend& CortexM7Backend();

// SIMD for desktop processors, the best that this one has. In the library
// ocellus::runtime_host, not on the board.
const Backend& HostBackend();

}  // namespace ocellus
