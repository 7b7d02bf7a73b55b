// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/backend.h"

namespace ocellus {

const Backend& ReferenceBackend() {
  static constexpr Backend kBackend = {
      .name = "reference",
      .conv2d = {.run = kernels::reference::Conv2dS8},
      .depthwise_conv2d = {.run = kernels::reference::DepthwiseConv2dS8},
      .add = kernels::reference::AddS8,
      .resize_nearest = kernels::reference::ResizeNearestS8,
      .pool = kernels::reference::PoolS8,
      .mul = kernels::reference::MulS8,
      .lookup = kernels::reference::LookupS8,
      .concat = kernels::reference::ConcatS8,
      .softmax = kernels::reference::SoftmaxS8,
  };
  return kBackend;
}

}  // namespace ocellus
