// SPDX-License-Identifier: MIT
// The limits: STREAM triad of the same number of elements, with the widest vectors of this machine.
#include "arrays.hpp"

namespace bench {

namespace {

#if defined(__AVX512F__)
constexpr std::size_t bytes = 64;
#elif defined(__AVX__)
constexpr std::size_t bytes = 32;
#else
constexpr std::size_t bytes = 16;
#endif

template <class F>
struct Vector;
template <>
struct Vector<float> {
  typedef float type __attribute__((vector_size(bytes)));
};
template <>
struct Vector<double> {
  typedef double type __attribute__((vector_size(bytes)));
};

template <class V>
void store_streaming(V* to, const V& value) {
#ifdef __clang__
  __builtin_nontemporal_store(value, to);
#elif defined(__AVX512F__)
  if constexpr (sizeof(value[0]) == 4)
    __builtin_ia32_movntps512(reinterpret_cast<float*>(to), value);
  else
    __builtin_ia32_movntpd512(reinterpret_cast<double*>(to), value);
#elif defined(__AVX__)
  if constexpr (sizeof(value[0]) == 4)
    __builtin_ia32_movntps256(reinterpret_cast<float*>(to), value);
  else
    __builtin_ia32_movntpd256(reinterpret_cast<double*>(to), value);
#else
  *to = value;
#endif
}

template <bool streaming, class F>
void run(const Arrays<F>& a, F factor) {
  using V = typename Vector<F>::type;
  const V* x = reinterpret_cast<const V*>(a.x);
  const V* y = reinterpret_cast<const V*>(a.y);
  V* out = reinterpret_cast<V*>(a.out);
  const V c = factor - V{};
  const std::size_t n = a.n * sizeof(F) / bytes;  // the arrays are aligned, and sizes are powers of two
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const V r[4] = {x[i] + c * y[i], x[i + 1] + c * y[i + 1], x[i + 2] + c * y[i + 2], x[i + 3] + c * y[i + 3]};
    for (std::size_t k = 0; k < 4; ++k) {
      if constexpr (streaming)
        store_streaming(out + i + k, r[k]);
      else
        out[i + k] = r[k];
    }
  }
  for (; i < n; ++i) out[i] = x[i] + c * y[i];
#ifdef __x86_64__
  if constexpr (streaming) __builtin_ia32_sfence();
#endif
}

}  // namespace

template <class F>
void triad(const Arrays<F>& a, const Coefficients<F>& c) {
  run<false>(a, c.noise);
}
template <class F>
void triad_streaming(const Arrays<F>& a, const Coefficients<F>& c) {
  run<true>(a, c.noise);
}
template void triad(const Arrays<float>&, const Coefficients<float>&);
template void triad(const Arrays<double>&, const Coefficients<double>&);
template void triad_streaming(const Arrays<float>&, const Coefficients<float>&);
template void triad_streaming(const Arrays<double>&, const Coefficients<double>&);

}  // namespace bench
