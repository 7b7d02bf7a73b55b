// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/backend.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/host/backend.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/host/kernels-inl.h"

namespace ocellus::kernels::host {

ResizeNearestS8Fn ResizeNearestS8;

namespace HWY_NAMESPACE {

// Named after the instruction set.
const Backend& TargetBackend() {
  static constexpr Backend kBackend = {
    .name = &HWY_STR(HWY_NAMESPACE)[sizeof("N_") - 1],
#if OCELLUS_HOST_HAS_VECTORS
    .conv2d = {.run = Conv2dS8,
               .packed_bytes = Conv2dS8PackedBytes,
               .pack = Conv2dS8Pack,
               .scratch_bytes = Conv2dS8ScratchBytes},
    .depthwise_conv2d = {.run = DepthwiseConv2dS8,
                         .packed_bytes = DepthwiseConv2dS8PackedBytes,
                         .pack = DepthwiseConv2dS8Pack,
                         .scratch_bytes = DepthwiseConv2dS8ScratchBytes},
    .add = AddS8,
#else
    .conv2d = {.run = reference::Conv2dS8},
    .depthwise_conv2d = {.run = reference::DepthwiseConv2dS8},
    .add = reference::AddS8,
#endif
    .resize_nearest = ResizeNearestS8,
    .pool = reference::PoolS8,
    .mul = reference::MulS8,
    .lookup = reference::LookupS8,
    .concat = reference::ConcatS8,
    .softmax = reference::SoftmaxS8,
  };
  return kBackend;
}

}  // namespace HWY_NAMESPACE
}  // namespace ocellus::kernels::host

#if HWY_ONCE
namespace ocellus {
namespace kernels::host {

HWY_EXPORT(TargetBackend);

}  // namespace kernels::host

const Backend& HostBackend() {
  using namespace kernels::host;
  return HWY_DYNAMIC_DISPATCH(TargetBackend)();
}

}  // namespace ocellus
#endif  // HWY_ONCE
