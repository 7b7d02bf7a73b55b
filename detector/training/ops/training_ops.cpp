// SPDX-License-Identifier: Apache-2.0
//
// Two operations for training on a CPU, channels-last (NHWC) memory: depthwise
// convolution (forward, input and weight gradient), and train-mode batch norm
// followed by ReLU6 or nothing. Values and their gradients are float32 or
// bfloat16, weights and statistics float32; all is computed in float32. Both
// take channel counts that are multiples of kLanes; python falls back to
// PyTorch's own ops for others.

#include <torch/extension.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

constexpr int kLanes = 8;
typedef float Vec __attribute__((vector_size(4 * kLanes), aligned(4)));
typedef int Mask __attribute__((vector_size(4 * kLanes), aligned(4)));

using Bf16 = at::BFloat16;  // the upper half of a float32
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));

inline Vec Load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
inline void Store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }

// GCC 12 makes halves of these vectors of its own; hence the intrinsics.
inline Vec Load(const Bf16* p) {
#ifdef __AVX2__
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
#else
  Halves halves;
  std::memcpy(&halves, p, sizeof halves);
  const Bits bits = __builtin_convertvector(halves, Bits) << 16;
  Vec v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
#endif
}

// To nearest, half to even.
inline void Store(Bf16* p, Vec v) {
#if defined(__AVX512BF16__) && defined(__AVX512VL__)
  const __m128bh halves = _mm256_cvtneps_pbh(v);
#else
  Bits bits;
  std::memcpy(&bits, &v, sizeof bits);
  bits += 0x7fff + ((bits >> 16) & 1);
  const Halves halves = __builtin_convertvector(bits >> 16, Halves);
#endif
  std::memcpy(p, &halves, sizeof halves);
}

// Calls f with a value of the type of t's elements.
template <class F>
void WithElement(const Tensor& t, F f) {
  t.scalar_type() == at::kBFloat16 ? f(Bf16()) : f(float());
}

Tensor ChannelsLast(const Tensor& t) {
  return t.contiguous(at::MemoryFormat::ChannelsLast);
}

int64_t Grain(int64_t n) {
  const int64_t threads = at::get_num_threads();
  return std::max<int64_t>(1, (n + threads - 1) / threads);
}

// ---------------------------------------------------------------- depthwise

// Rows of one image, repacked to [channel block][padded x][lane] with zero
// borders. A ring: row y lives in slot y % slots.
template <class E>
class RowRing {
 public:
  RowRing(int slots, int height, int width, int channels, int left, int right)
      : slots_(slots), height_(height), width_(width), channels_(channels),
        left_(left), padded_(left + width + right),
        row_(static_cast<size_t>(channels) * padded_),
        data_(row_ * (slots + 1), 0.0f) {}

  void Start(const E* image) { image_ = image; next_ = 0; }

  // Makes rows up to and including `last` available.
  void Advance(int last) {
    for (last = std::min(last, height_ - 1); next_ <= last; ++next_) {
      const E* in = image_ + static_cast<size_t>(next_) * width_ * channels_;
      float* out = &data_[row_ * (next_ % slots_)] + left_ * kLanes;
      for (int x = 0; x < width_; ++x, in += channels_) {
        float* to = out + static_cast<size_t>(x) * kLanes;
        for (int c = 0; c < channels_; c += kLanes, to += padded_ * kLanes) {
          Store(to, Load(in + c));
        }
      }
    }
  }

  // Row y of a channel block from its left border on; zeros outside the image.
  const float* Row(int y, int block) const {
    const int slot = y < 0 || y >= height_ ? slots_ : y % slots_;
    return &data_[row_ * slot] + static_cast<size_t>(block) * padded_ * kLanes;
  }

 private:
  int slots_, height_, width_, channels_, left_, padded_;
  size_t row_;
  std::vector<float> data_;
  const E* image_ = nullptr;
  int next_ = 0;
};

// Output pixels a tile computes together: 5 and 7 divide the widths met here.
int TileOf(int width) {
  const auto cost = [&](int t) { return (width + t - 1) / t * t; };
  return cost(7) <= cost(5) ? 7 : 5;
}

// weights: [block][K*K][lane]. One output row of one channel block.
template <int K, int S, int T, class E>
void ForwardRow(const float* const* rows, const float* weights, E* out,
                int channels, int width) {
  for (int x = 0; x < width; x += T) {
    Vec acc[T];
    for (int t = 0; t < T; ++t) acc[t] = Vec{};
    for (int ky = 0; ky < K; ++ky) {
      const float* in = rows[ky] + static_cast<size_t>(x) * S * kLanes;
      const float* w = weights + ky * K * kLanes;
      Vec tap[K];
#pragma GCC unroll 8
      for (int kx = 0; kx < K; ++kx) tap[kx] = Load(w + kx * kLanes);
#pragma GCC unroll 32
      for (int i = 0; i < (T - 1) * S + K; ++i) {
        const Vec v = Load(in + i * kLanes);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          const int kx = i - t * S;
          if (kx >= 0 && kx < K) acc[t] += v * tap[kx];
        }
      }
    }
    const int n = std::min(T, width - x);
    if (n == T) {
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        Store(out + static_cast<size_t>(x + t) * channels, acc[t]);
      }
    } else {
      for (int t = 0; t < n; ++t) {
        Store(out + static_cast<size_t>(x + t) * channels, acc[t]);
      }
    }
  }
}

// gradient: [x][lane]. Adds one row's part to sums [K][lane] of one ky.
template <int K, int S, int T>
void WeightGradientRow(const float* in, const float* gradient, float* sums,
                       int width) {
  Vec acc[K];
#pragma GCC unroll 8
  for (int kx = 0; kx < K; ++kx) acc[kx] = Load(sums + kx * kLanes);
  for (int x = 0; x < width; x += T) {
    Vec g[T];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) g[t] = Load(gradient + (x + t) * kLanes);
    const float* p = in + static_cast<size_t>(x) * S * kLanes;
#pragma GCC unroll 32
    for (int i = 0; i < (T - 1) * S + K; ++i) {
      const Vec v = Load(p + i * kLanes);
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const int kx = i - t * S;
        if (kx >= 0 && kx < K) acc[kx] += v * g[t];
      }
    }
  }
#pragma GCC unroll 8
  for (int kx = 0; kx < K; ++kx) Store(sums + kx * kLanes, acc[kx]);
}

// Weights [C, 1, K, K] to [block][K*K][lane], turned by 180 degrees if `flip`.
std::vector<float> PackWeights(const Tensor& weight, bool flip) {
  const int channels = weight.size(0), taps = weight.size(2) * weight.size(3);
  const Tensor w = weight.contiguous();
  const float* p = w.data_ptr<float>();
  std::vector<float> packed(static_cast<size_t>(channels) * taps);
  for (int c = 0; c < channels; ++c) {
    for (int k = 0; k < taps; ++k) {
      packed[(static_cast<size_t>(c / kLanes) * taps + k) * kLanes +
             c % kLanes] = p[c * taps + (flip ? taps - 1 - k : k)];
    }
  }
  return packed;
}

template <class E, int K, int S, int T>
void Convolve(const Tensor& x, const std::vector<float>& weights, Tensor& y) {
  const int channels = x.size(1), height = x.size(2), width = x.size(3);
  const int out_height = y.size(2), out_width = y.size(3);
  const E* in = x.data_ptr<E>();
  E* out = y.data_ptr<E>();
  at::parallel_for(0, x.size(0), Grain(x.size(0)), [&](int64_t b, int64_t e) {
    RowRing<E> ring(K, height, width, channels, K / 2, K + S * T);
    for (int64_t n = b; n < e; ++n) {
      ring.Start(in + n * height * width * channels);
      for (int oy = 0; oy < out_height; ++oy) {
        const int top = oy * S - K / 2;
        ring.Advance(top + K - 1);
        E* row = out + (n * out_height + oy) * out_width * channels;
        for (int block = 0; block < channels / kLanes; ++block) {
          const float* rows[K];
          for (int k = 0; k < K; ++k) rows[k] = ring.Row(top + k, block);
          ForwardRow<K, S, T>(rows, &weights[block * K * K * kLanes],
                              row + block * kLanes, channels, out_width);
        }
      }
    }
  });
}

template <class E, int K, int S, int T>
void WeightGradient(const Tensor& x, const Tensor& g, Tensor& dw) {
  const int channels = x.size(1), height = x.size(2), width = x.size(3);
  const int out_height = g.size(2), out_width = g.size(3);
  const E* in = x.data_ptr<E>();
  const E* grad = g.data_ptr<E>();
  const int threads = at::get_num_threads();
  std::vector<std::vector<float>> sums(threads);
  at::parallel_for(0, x.size(0), Grain(x.size(0)), [&](int64_t b, int64_t e) {
    RowRing<E> ring(K, height, width, channels, K / 2, K + S * T);
    RowRing<E> gradient(1, out_height, out_width, channels, 0, T);
    auto& sum = sums[at::get_thread_num()];
    sum.resize(static_cast<size_t>(channels) * K * K, 0.0f);
    for (int64_t n = b; n < e; ++n) {
      ring.Start(in + n * height * width * channels);
      gradient.Start(grad + n * out_height * out_width * channels);
      for (int oy = 0; oy < out_height; ++oy) {
        const int top = oy * S - K / 2;
        ring.Advance(top + K - 1);
        gradient.Advance(oy);
        for (int block = 0; block < channels / kLanes; ++block) {
          const float* gr = gradient.Row(oy, block);
          float* s = &sum[block * K * K * kLanes];
          for (int ky = 0; ky < K; ++ky) {
            if (top + ky < 0 || top + ky >= height) continue;
            WeightGradientRow<K, S, T>(ring.Row(top + ky, block), gr,
                                       s + ky * K * kLanes, out_width);
          }
        }
      }
    }
  });
  float* out = dw.data_ptr<float>();
  std::fill(out, out + dw.numel(), 0.0f);
  for (const auto& sum : sums) {
    if (sum.empty()) continue;
    for (int c = 0; c < channels; ++c) {
      for (int k = 0; k < K * K; ++k) {
        out[c * K * K + k] +=
            sum[((c / kLanes) * K * K + k) * kLanes + c % kLanes];
      }
    }
  }
}

// Input gradient at stride 2: every input pixel takes the taps of its parity.
template <class E, int K, int T>
void InputGradientStride2(const Tensor& g, const std::vector<float>& weights,
                          Tensor& dx) {
  constexpr int P = K / 2;
  const int channels = g.size(1), out_height = g.size(2), out_width = g.size(3);
  const int height = dx.size(2), width = dx.size(3);
  const E* grad = g.data_ptr<E>();
  E* out = dx.data_ptr<E>();
  at::parallel_for(0, g.size(0), Grain(g.size(0)), [&](int64_t b, int64_t e) {
    RowRing<E> ring(K, out_height, out_width, channels, K, K + T);
    for (int64_t n = b; n < e; ++n) {
      ring.Start(grad + n * out_height * out_width * channels);
      for (int y = 0; y < height; ++y) {
        ring.Advance((y + P) / 2);
        E* row = out + (n * height + y) * width * channels;
        for (int block = 0; block < channels / kLanes; ++block) {
          const float* w = &weights[block * K * K * kLanes];
          for (int x = 0; x < width; x += 2 * T) {
            Vec acc[2 * T];
#pragma GCC unroll 16
            for (int t = 0; t < 2 * T; ++t) acc[t] = Vec{};
            for (int ky = (y + P) % 2; ky < K; ky += 2) {
              const float* p = ring.Row((y + P - ky) / 2, block) +
                               static_cast<size_t>(x / 2 + K) * kLanes;
#pragma GCC unroll 8
              for (int kx = 0; kx < K; ++kx) {
                const Vec tap = Load(w + (ky * K + kx) * kLanes);
                constexpr int kFar = 64;  // keeps the division's sign positive
#pragma GCC unroll 8
                for (int t = 0; t < T; ++t) {
                  const int parity = (P + kx) % 2;
                  const int from = (parity + P - kx + kFar) / 2 - kFar / 2 + t;
                  acc[2 * t + parity] += tap * Load(p + from * kLanes);
                }
              }
            }
            const int count = std::min(2 * T, width - x);
            for (int t = 0; t < count; ++t) {
              Store(row + static_cast<size_t>(x + t) * channels +
                        block * kLanes, acc[t]);
            }
          }
        }
      }
    }
  });
}

#define DISPATCH_TILE(FUNCTION, K, S, width, ...)            \
  (TileOf(width) == 7 ? FUNCTION<E, K, S, 7>(__VA_ARGS__)    \
                      : FUNCTION<E, K, S, 5>(__VA_ARGS__))
#define DISPATCH(FUNCTION, kernel, stride, width, ...)                      \
  do {                                                                      \
    if (kernel == 3 && stride == 1) DISPATCH_TILE(FUNCTION, 3, 1, width, __VA_ARGS__); \
    else if (kernel == 5 && stride == 1) DISPATCH_TILE(FUNCTION, 5, 1, width, __VA_ARGS__); \
    else if (kernel == 7 && stride == 1) DISPATCH_TILE(FUNCTION, 7, 1, width, __VA_ARGS__); \
    else if (kernel == 3) DISPATCH_TILE(FUNCTION, 3, 2, width, __VA_ARGS__); \
    else if (kernel == 5) DISPATCH_TILE(FUNCTION, 5, 2, width, __VA_ARGS__); \
    else DISPATCH_TILE(FUNCTION, 7, 2, width, __VA_ARGS__);                 \
  } while (0)

struct DepthwiseConv : torch::autograd::Function<DepthwiseConv> {
  static Tensor forward(AutogradContext* context, const Tensor& input,
                        const Tensor& weight, int64_t stride) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor x = ChannelsLast(input);
    const int64_t kernel = weight.size(2);
    const auto out = [&](int64_t n) { return (n - 1) / stride + 1; };
    Tensor y = at::empty({x.size(0), x.size(1), out(x.size(2)), out(x.size(3))},
                         x.options(), at::MemoryFormat::ChannelsLast);
    const auto packed = PackWeights(weight, false);
    WithElement(x, [&](auto element) {
      using E = decltype(element);
      DISPATCH(Convolve, kernel, stride, y.size(3), x, packed, y);
    });
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    return y;
  }

  static tensor_list backward(AutogradContext* context, tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor x = saved[0], weight = saved[1], g = ChannelsLast(grads[0]);
    const int64_t stride = context->saved_data["stride"].toInt();
    const int64_t kernel = weight.size(2);
    Tensor dx, dw;
    const bool wants_dx = context->needs_input_grad(0);
    const bool wants_dw = context->needs_input_grad(1);
    WithElement(x, [&](auto element) {
      using E = decltype(element);
      if (wants_dx) {
        dx = at::empty_like(x);
        const auto packed = PackWeights(weight, stride == 1);
        if (stride == 1) {
          DISPATCH(Convolve, kernel, 1, dx.size(3), g, packed, dx);
        } else if (kernel == 3) {
          InputGradientStride2<E, 3, 4>(g, packed, dx);
        } else if (kernel == 5) {
          InputGradientStride2<E, 5, 4>(g, packed, dx);
        } else {
          InputGradientStride2<E, 7, 4>(g, packed, dx);
        }
      }
      if (wants_dw) {
        dw = at::empty(weight.sizes(), weight.options());
        DISPATCH(WeightGradient, kernel, stride, g.size(3), x, g, dw);
      }
    });
    return {dx, dw, Tensor()};
  }
};

// --------------------------------------------------------------- batch norm

constexpr int kChunk = 128;  // rows summed in float before joining the doubles
constexpr float kSix = 6.0f;

inline Vec Relu6(Vec v) {
  v = v > 0.0f ? v : Vec{};
  return v < kSix ? v : Vec{} + kSix;
}

// Adds each channel's sum of first(row) and second(row) to sums [2][C].
template <int B, class Term>
inline void SumBlock(int64_t r0, int64_t r1, int channels, int c,
                     double* sums, Term term) {
  Vec a[B], b[B];
#pragma GCC unroll 4
  for (int k = 0; k < B; ++k) a[k] = b[k] = Vec{};
  for (int64_t r = r0; r < r1; ++r) {
#pragma GCC unroll 4
    for (int k = 0; k < B; ++k) term(r, k, a[k], b[k]);
  }
  for (int k = 0; k < B; ++k) {
    for (int i = 0; i < kLanes; ++i) {
      sums[c + k * kLanes + i] += a[k][i];
      sums[channels + c + k * kLanes + i] += b[k][i];
    }
  }
}

template <int B, class E>
inline void StatisticsBlock(const E* x, int64_t r0, int64_t r1,
                            int channels, int c, double* sums) {
  SumBlock<B>(r0, r1, channels, c, sums,
              [&](int64_t r, int k, Vec& a, Vec& b) {
                const Vec v = Load(x + r * channels + c + k * kLanes);
                a += v;
                b += v * v;
              });
}

template <int B, bool kAct, class E>
inline void ReduceBlock(const E* x, const E* dy, const float* scale,
                        const float* shift, const float* mean, int64_t r0,
                        int64_t r1, int channels, int c, double* sums) {
  Vec s[B], h[B], m[B];
#pragma GCC unroll 4
  for (int k = 0; k < B; ++k) {
    s[k] = Load(scale + c + k * kLanes);
    h[k] = Load(shift + c + k * kLanes);
    m[k] = Load(mean + c + k * kLanes);
  }
  SumBlock<B>(r0, r1, channels, c, sums,
              [&](int64_t r, int k, Vec& a, Vec& b) {
                const int64_t at = r * channels + c + k * kLanes;
                const Vec v = Load(x + at);
                Vec g = Load(dy + at);
                if (kAct) {
                  const Vec u = v * s[k] + h[k];
                  g = u > 0.0f ? g : Vec{};
                  g = u < kSix ? g : Vec{};
                }
                a += g;
                b += g * (v - m[k]);
              });
}

template <bool kAct, class E>
void ApplyRows(const E* x, E* y, const float* scale, const float* shift,
               int64_t r0, int64_t r1, int channels) {
  for (int64_t r = r0; r < r1; ++r) {
    const E* in = x + r * channels;
    E* out = y + r * channels;
    for (int c = 0; c < channels; c += kLanes) {
      const Vec u = Load(in + c) * Load(scale + c) + Load(shift + c);
      Store(out + c, kAct ? Relu6(u) : u);
    }
  }
}

template <bool kAct, class E>
void BackwardRows(const E* x, const E* dy, E* dx, const float* scale, const float* shift, const float* p,
                  const float* q, int64_t r0, int64_t r1, int channels) {
  for (int64_t r = r0; r < r1; ++r) {
    const int64_t at = r * channels;
    for (int c = 0; c < channels; c += kLanes) {
      const Vec v = Load(x + at + c), s = Load(scale + c);
      Vec g = Load(dy + at + c);
      if (kAct) {
        const Vec u = v * s + Load(shift + c);
        g = u > 0.0f ? g : Vec{};
        g = u < kSix ? g : Vec{};
      }
      Store(dx + at + c, s * g + Load(p + c) * v + Load(q + c));
    }
  }
}

// Runs block<1, 2 or 4>(row0, row1, channel) over all rows and channels.
template <class F4, class F2, class F1>
void ForBlocks(int64_t b, int64_t e, int channels, F4 f4, F2 f2, F1 f1) {
  for (int64_t r = b; r < e; r += kChunk) {
    const int64_t last = std::min(r + kChunk, e);
    int c = 0;
    for (; c + 4 * kLanes <= channels; c += 4 * kLanes) f4(r, last, c);
    for (; c + 2 * kLanes <= channels; c += 2 * kLanes) f2(r, last, c);
    for (; c < channels; c += kLanes) f1(r, last, c);
  }
}

std::vector<double> Join(const std::vector<std::vector<double>>& parts, int n) {
  std::vector<double> total(n, 0.0);
  for (const auto& part : parts) {
    for (size_t i = 0; i < part.size(); ++i) total[i] += part[i];
  }
  return total;
}

// Two sums of each channel, [2][C]: what blocks(first row, last row, sums) adds
// for all rows, each thread to sums of its own.
template <class Blocks>
std::vector<double> SumRows(int64_t rows, int channels, Blocks blocks) {
  std::vector<std::vector<double>> parts(at::get_num_threads());
  at::parallel_for(0, rows, Grain(rows), [&](int64_t b, int64_t e) {
    auto& part = parts[at::get_thread_num()];
    part.resize(2 * channels, 0.0);
    blocks(b, e, part.data());
  });
  return Join(parts, 2 * channels);
}

// Each channel's sum and sum of squares.
template <class E>
std::vector<double> Statistics(const E* in, int64_t rows, int channels) {
  return SumRows(rows, channels, [&](int64_t b, int64_t e, double* s) {
    ForBlocks(
        b, e, channels,
        [&](int64_t r0, int64_t r1, int c) { StatisticsBlock<4>(in, r0, r1, channels, c, s); },
        [&](int64_t r0, int64_t r1, int c) { StatisticsBlock<2>(in, r0, r1, channels, c, s); },
        [&](int64_t r0, int64_t r1, int c) { StatisticsBlock<1>(in, r0, r1, channels, c, s); });
  });
}

// y = act(gamma * (x - mean) / sqrt(var + eps) + beta), statistics over N, H, W
// (Ioffe and Szegedy 2015); its backward recomputes the activation's mask.
struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
  static Tensor forward(AutogradContext* context, const Tensor& input,
                        const Tensor& gamma, const Tensor& beta,
                        const Tensor& running_mean, const Tensor& running_var,
                        double momentum, double eps, bool relu6) {
    at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor x = ChannelsLast(input);
    const int channels = x.size(1);
    const int64_t rows = x.numel() / channels;
    Tensor y = at::empty_like(x);
    Tensor saved = at::empty({4, channels}, gamma.options());
    float* scale = saved.data_ptr<float>();
    float *shift = scale + channels, *mean = shift + channels;
    float* inverse = mean + channels;
    const float* ga = gamma.data_ptr<float>();
    const float* be = beta.data_ptr<float>();
    float* rm = running_mean.data_ptr<float>();
    float* rv = running_var.data_ptr<float>();
    std::vector<double> total;
    WithElement(x, [&](auto element) {
      using E = decltype(element);
      total = Statistics(x.data_ptr<E>(), rows, channels);
    });
    for (int c = 0; c < channels; ++c) {
      const double mu = total[c] / rows;
      const double var = std::max(0.0, total[channels + c] / rows - mu * mu);
      const double inv = 1.0 / std::sqrt(var + eps);
      const double unbiased = rows > 1 ? var * rows / (rows - 1.0) : var;
      mean[c] = mu;
      inverse[c] = inv;
      scale[c] = ga[c] * inv;
      shift[c] = be[c] - mu * ga[c] * inv;
      rm[c] = (1 - momentum) * rm[c] + momentum * mu;
      rv[c] = (1 - momentum) * rv[c] + momentum * unbiased;
    }
    WithElement(x, [&](auto element) {
      using E = decltype(element);
      const E* in = x.data_ptr<E>();
      E* out = y.data_ptr<E>();
      at::parallel_for(0, rows, Grain(rows), [&](int64_t b, int64_t e) {
        relu6 ? ApplyRows<true>(in, out, scale, shift, b, e, channels)
              : ApplyRows<false>(in, out, scale, shift, b, e, channels);
      });
    });
    context->save_for_backward({x, saved});
    context->saved_data["relu6"] = relu6;
    return y;
  }

  template <bool kAct, class E>
  static void Backward(const Tensor& x, const Tensor& g, const Tensor& saved,
                       Tensor& dx, Tensor& dgamma, Tensor& dbeta) {
    const int channels = x.size(1);
    const int64_t rows = x.numel() / channels;
    const float* scale = saved.data_ptr<float>();
    const float *shift = scale + channels, *mean = shift + channels;
    const float* inverse = mean + channels;
    const E *in = x.data_ptr<E>(), *dy = g.data_ptr<E>();
    const auto total = SumRows(rows, channels, [&](int64_t b, int64_t e, double* s) {
      ForBlocks(
          b, e, channels,
          [&](int64_t r0, int64_t r1, int c) { ReduceBlock<2, kAct>(in, dy, scale, shift, mean, r0, r1, channels, c, s);
                                               ReduceBlock<2, kAct>(in, dy, scale, shift, mean, r0, r1, channels, c + 2 * kLanes, s); },
          [&](int64_t r0, int64_t r1, int c) { ReduceBlock<2, kAct>(in, dy, scale, shift, mean, r0, r1, channels, c, s); },
          [&](int64_t r0, int64_t r1, int c) { ReduceBlock<1, kAct>(in, dy, scale, shift, mean, r0, r1, channels, c, s); });
    });
    std::vector<float> p(channels), q(channels);
    for (int c = 0; c < channels; ++c) {
      const double sum = total[c], dot = total[channels + c];
      dbeta.data_ptr<float>()[c] = sum;
      dgamma.data_ptr<float>()[c] = dot * inverse[c];
      const double slope =
          -static_cast<double>(scale[c]) * inverse[c] * inverse[c] * dot / rows;
      p[c] = slope;
      q[c] = -slope * mean[c] - scale[c] * sum / rows;
    }
    E* out = dx.data_ptr<E>();
    at::parallel_for(0, rows, Grain(rows), [&](int64_t b, int64_t e) {
      BackwardRows<kAct>(in, dy, out, scale, shift, p.data(), q.data(), b, e,
                         channels);
    });
  }

  static tensor_list backward(AutogradContext* context, tensor_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor x = saved[0], g = ChannelsLast(grads[0]);
    Tensor dx = at::empty_like(x);
    Tensor dgamma = at::empty({x.size(1)}, saved[1].options());
    Tensor dbeta = at::empty({x.size(1)}, saved[1].options());
    const bool relu6 = context->saved_data["relu6"].toBool();
    WithElement(x, [&](auto element) {
      using E = decltype(element);
      relu6 ? Backward<true, E>(x, g, saved[1], dx, dgamma, dbeta)
            : Backward<false, E>(x, g, saved[1], dx, dgamma, dbeta);
    });
    return {dx,       dgamma,   dbeta,    Tensor(),
            Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

Tensor Depthwise(const Tensor& x, const Tensor& weight, int64_t stride) {
  TORCH_CHECK(x.size(1) % kLanes == 0 && weight.size(1) == 1 &&
                  (weight.size(2) == 3 || weight.size(2) == 5 ||
                   weight.size(2) == 7) && (stride == 1 || stride == 2),
              "depthwise: unsupported shape");
  return DepthwiseConv::apply(x, weight, stride);
}

Tensor BatchNorm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                 const Tensor& running_mean, const Tensor& running_var,
                 double momentum, double eps, bool relu6) {
  TORCH_CHECK(x.size(1) % kLanes == 0, "batch_norm: unsupported channels");
  return BatchNormAct::apply(x, gamma, beta, running_mean, running_var,
                             momentum, eps, relu6);
}

}  // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("depthwise", &Depthwise, py::call_guard<py::gil_scoped_release>());
  m.def("batch_norm", &BatchNorm, py::call_guard<py::gil_scoped_release>());
}
