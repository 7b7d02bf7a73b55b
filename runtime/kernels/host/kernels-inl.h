// SPDX-License-Identifier: Apache-2.0
// The host kernels, declared once per Highway target: foreach_target.h includes
// this again and again, with another HWY_NAMESPACE each time.
#if defined(OCELLUS_RUNTIME_KERNELS_HOST_KERNELS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef OCELLUS_RUNTIME_KERNELS_HOST_KERNELS_INL_H_
#undef OCELLUS_RUNTIME_KERNELS_HOST_KERNELS_INL_H_
#else
#define OCELLUS_RUNTIME_KERNELS_HOST_KERNELS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/add_s8.h"
#include "runtime/kernels/conv2d_s8.h"

// Targets without vectors of 16 bytes run the reference kernels.
#undef OCELLUS_HOST_HAS_VECTORS
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
#define OCELLUS_HOST_HAS_VECTORS 0
#else
#define OCELLUS_HOST_HAS_VECTORS 1
#endif

namespace ocellus::kernels::host::HWY_NAMESPACE {

AddS8Fn AddS8;

Conv2dS8Fn Conv2dS8;
std::size_t Conv2dS8PackedBytes(const Conv2dParams& params, int32_t input_c,
                                int32_t output_c);
void Conv2dS8Pack(const Conv2dParams& params, int32_t input_c, int32_t output_c,
                  std::byte* packed);
std::size_t Conv2dS8ScratchBytes(const Conv2dParams& params, Shape input,
                                 Shape output);

DepthwiseConv2dS8Fn DepthwiseConv2dS8;
std::size_t DepthwiseConv2dS8PackedBytes(const Conv2dParams& params,
                                         int32_t input_c, int32_t output_c);
void DepthwiseConv2dS8Pack(const Conv2dParams& params, int32_t input_c,
                           int32_t output_c, std::byte* packed);
std::size_t DepthwiseConv2dS8ScratchBytes(const Conv2dParams& params,
                                          Shape input, Shape output);

}  // namespace ocellus::kernels::host::HWY_NAMESPACE

#endif
