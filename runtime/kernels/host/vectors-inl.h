// SPDX-License-Identifier: Apache-2.0
// What the vectorised convolutions share, defined once per Highway target.
#if defined(OCELLUS_RUNTIME_KERNELS_HOST_VECTORS_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef OCELLUS_RUNTIME_KERNELS_HOST_VECTORS_INL_H_
#undef OCELLUS_RUNTIME_KERNELS_HOST_VECTORS_INL_H_
#else
#define OCELLUS_RUNTIME_KERNELS_HOST_VECTORS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/conv2d_s8.h"
#include "runtime/kernels/host/kernels-inl.h"

#if OCELLUS_HOST_HAS_VECTORS
HWY_BEFORE_NAMESPACE();
namespace ocellus::kernels::host::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Full vectors. Their width is a constant because the build leaves out the
// targets whose width is not (see CMakeLists.txt).
using S16 = hn::ScalableTag<int16_t>;
using S32 = hn::ScalableTag<int32_t>;
using F32 = hn::ScalableTag<float>;
using S8OfS16 = hn::Rebind<int8_t, S16>;  // as many lanes as S16
using S8OfS32 = hn::Rebind<int8_t, S32>;
inline constexpr int32_t kLanes16 = static_cast<int32_t>(HWY_LANES(int16_t));
inline constexpr int32_t kLanes32 = static_cast<int32_t>(HWY_LANES(int32_t));
inline constexpr std::size_t kVectorBytes = HWY_LANES(uint8_t);

// `value` up to a multiple of `step`.
constexpr int32_t RoundUp(int32_t value, int32_t step) {
  return (value + step - 1) / step * step;
}

// The first multiple of a vector's size at or after `scratch`, which kernels
// ask for with kVectorBytes to spare.
inline std::byte* AlignToVector(std::byte* scratch) {
  const auto address = reinterpret_cast<uintptr_t>(scratch);
  return scratch + (-address & (kVectorBytes - 1));
}

// Sums of products of adjacent int16 pairs, int32.
class PairSum {
 public:
  HWY_INLINE PairSum() : sum_(hn::Zero(S32())), sum2_(hn::Zero(S32())) {}

  // sum[i] += a[2 i] * b[2 i] + a[2 i + 1] * b[2 i + 1]
  HWY_INLINE void Add(hn::Vec<S16> a, hn::Vec<S16> b) {
    sum_ = hn::ReorderWidenMulAccumulate(S32(), a, b, sum_, sum2_);
  }

  HWY_INLINE hn::Vec<S32> Total() const {
    return hn::RearrangeToOddPlusEven(sum_, sum2_);
  }

 private:
  hn::Vec<S32> sum_;
  hn::Vec<S32> sum2_;  // used where one instruction cannot add the pairs
};

// Requantize() of runtime/kernels/requantize.h, but the last narrowing.
class Requantizer {
 public:
  explicit HWY_INLINE Requantizer(const Conv2dParams& params)
      : low_(static_cast<float>(params.activation_min -
                                params.output_zero_point)),
        high_(static_cast<float>(params.activation_max -
                                 params.output_zero_point)),
        magic_bits_(0x4B400000 - params.output_zero_point) {}

  HWY_INLINE hn::Vec<S32> operator()(hn::Vec<S32> sum,
                                     hn::Vec<F32> scale) const {
    const F32 d;
    const auto scaled = hn::Mul(hn::ConvertTo(d, sum), scale);
    const auto clamped =
        hn::Min(hn::Max(scaled, hn::Set(d, low_)), hn::Set(d, high_));
    const auto rounded = hn::Add(clamped, hn::Set(d, 12582912.0f));
    return hn::Sub(hn::BitCast(S32(), rounded), hn::Set(S32(), magic_bits_));
  }

 private:
  float low_;
  float high_;
  int32_t magic_bits_;  // bits of 1.5 * 2^23, minus the output's zero point
};

}  // namespace ocellus::kernels::host::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OCELLUS_HOST_HAS_VECTORS

#endif
