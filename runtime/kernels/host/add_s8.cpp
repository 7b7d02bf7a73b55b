// SPDX-License-Identifier: Apache-2.0
#include "runtime/kernels/add_s8.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/kernels/host/add_s8.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "runtime/kernels/host/kernels-inl.h"
#include "runtime/kernels/host/vectors-inl.h"

#if OCELLUS_HOST_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace ocellus::kernels::host::HWY_NAMESPACE {
namespace {

// One vector of sums. In place, so never twice over the same elements.
HWY_INLINE void AddVector(const AddParams& params, int32_t constant,
                          const int8_t* a, const int8_t* b, int8_t* out) {
  const S32 d32;
  const S8OfS32 d8;
  const auto a_term = hn::Mul(hn::PromoteTo(d32, hn::LoadU(d8, a)),
                              hn::Set(d32, params.multiplier));
  const auto b_term = hn::Mul(hn::PromoteTo(d32, hn::LoadU(d8, b)),
                              hn::Set(d32, params.multiplier2));
  const auto sum = hn::Add(hn::Add(a_term, b_term), hn::Set(d32, constant));
  const auto value = hn::Add(hn::ShiftRightSame(sum, params.shift),
                             hn::Set(d32, params.output_zero_point));
  const auto clamped =
      hn::Min(hn::Max(value, hn::Set(d32, params.activation_min)),
              hn::Set(d32, params.activation_max));
  hn::StoreU(hn::DemoteTo(d8, clamped), d8, out);
}

}  // namespace

void AddS8(const AddParams& params, Tensor<const int8_t> input,
           Tensor<const int8_t> input2, Tensor<int8_t> output) noexcept {
  // At most 2^30 + 2 * 128 * 2^21 in magnitude.
  const int32_t constant = (int32_t{1} << (params.shift - 1)) -
                           params.zero_point * params.multiplier -
                           params.zero_point2 * params.multiplier2;
  const int32_t row_elements = output.shape.w * output.shape.c;
  for (int32_t y = 0; y < output.shape.h; ++y) {
    const int8_t* a = input.Row(y);
    const int8_t* b = input2.Row(y);
    int8_t* out = output.Row(y);
    int32_t i = 0;
    for (; i + kLanes32 <= row_elements; i += kLanes32) {
      AddVector(params, constant, a + i, b + i, out + i);
    }
    if (i < row_elements) {
      const auto rest = static_cast<std::size_t>(row_elements - i);
      int8_t a_rest[kLanes32] = {};
      int8_t b_rest[kLanes32] = {};
      std::memcpy(a_rest, a + i, rest);
      std::memcpy(b_rest, b + i, rest);
      AddVector(params, constant, a_rest, b_rest, a_rest);
      std::memcpy(out + i, a_rest, rest);
    }
  }
}

}  // namespace ocellus::kernels::host::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OCELLUS_HOST_HAS_VECTORS
