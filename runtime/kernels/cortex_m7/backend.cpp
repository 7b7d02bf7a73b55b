// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/backend.h"

#include "runtime/kernels/cortex_m7/kernels.h"

namespace ocellus {

const Backend& CortexM7Backend() {
  static constexpr Backend kBackend = {
      .name = "cortex_m7",
      .conv2d = {.run = kernels::cortex_m7::Conv2dS8,
                 .scratch_bytes = kernels::cortex_m7::Conv2dS8ScratchBytes,
                 .reads_channel_pairs = true},
      .depthwise_conv2d =
          {.run = kernels::cortex_m7::DepthwiseConv2dS8,
           .scratch_bytes = kernels::cortex_m7::DepthwiseConv2dS8ScratchBytes},
      .add = kernels::cortex_m7::AddS8,
      .resize_nearest = kernels::cortex_m7::ResizeNearestS8,
      .pool = kernels::cortex_m7::PoolS8,
      .mul = kernels::cortex_m7::MulS8,
      .lookup = kernels::cortex_m7::LookupS8,
      .concat = kernels::cortex_m7::ConcatS8,
      .softmax = kernels::reference::SoftmaxS8,
  };
  return kBackend;
}

}  // namespace ocellus
