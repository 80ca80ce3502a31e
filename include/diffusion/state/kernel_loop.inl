// SPDX-License-Identifier: MIT
// The loop of kernels.hpp, which compiles it once for each instruction set; no header by itself.
//
// Why it has this shape. Vectors are passed by reference: by value their calling convention depends on the target, and
// g++ warns. Comparisons and a choice
// are written so that they are one minimum and one maximum instruction, which keep NaN; g++ makes branches, 36 times
// slower, of a clamp of scalars. Two registers are loaded before the first is stored: buffers at nearly the same offset
// in a page, which big allocations have, would otherwise stall every load on the store before it.

#if DIFFUSION_BYTES > 0
template <class T>
struct RegisterOf {};
template <>
struct RegisterOf<float> {
  typedef float type __attribute__((vector_size(DIFFUSION_BYTES)));
};
template <>
struct RegisterOf<double> {
  typedef double type __attribute__((vector_size(DIFFUSION_BYTES)));
};
#else
template <class T>
struct RegisterOf {
  using type = T;
};
#endif

/// The product rounded by itself: the compiler must not see the sum that it goes into, or it contracts the two.
template <class V>
DIFFUSION_INLINE void multiply(V& product, const V& factor, const V& x) {
  product = factor * x;
#if defined(__GNUC__) && defined(__x86_64__)
  asm("" : "+v"(product));
#elif defined(__GNUC__) && defined(__aarch64__)
  asm("" : "+w"(product));
#endif
}

/// Constants of a pass in all lanes. A difference with zero, because a sum would lose the sign of -0.
template <class V, class T, std::size_t terms>
struct Constants {
  V row[terms], of_first, of_second, low, high;

  DIFFUSION_INLINE explicit Constants(const Pass<T, terms>& p)
      : of_first(p.of_first - V{}), of_second(p.of_second - V{}), low(p.low - V{}), high(p.high - V{}) {
    for (std::size_t j = 0; j < terms; ++j) row[j] = p.row[j] - V{};
  }
};

template <class V>
DIFFUSION_INLINE void clip(V& e, const V& low, const V& high) {
  e = e < low ? low : e;
  e = high < e ? high : e;
}

/// Where the states of a pass are: a copy that no output can be part of.
template <class T, std::size_t terms>
struct Memory {
  const T* x[terms];
  T *out, *second_out;

  DIFFUSION_INLINE explicit Memory(const Pass<T, terms>& p) : out(p.out), second_out(p.second_out) {
    for (std::size_t j = 0; j < terms; ++j) x[j] = p.x[j];
  }
};

/// out and e of the elements from i on, as many as V holds: a register of them, or one.
template <Second second, class V, class T, std::size_t terms>
DIFFUSION_INLINE void combine(const Memory<T, terms>& p, const Constants<V, T, terms>& c, std::size_t i, V& out, V& e) {
  V x, product;
  std::memcpy(&x, p.x[0] + i, sizeof(V));
  if constexpr (terms == 1 && clips(second)) clip(x, c.low, c.high);
  multiply(out, c.row[0], x);
  if constexpr (terms > 1) {
    std::memcpy(&e, p.x[1] + i, sizeof(V));
    if constexpr (combines(second)) {
      V sum;
      multiply(sum, c.of_first, x);
      multiply(product, c.of_second, e);
      e = sum + product;
    }
    if constexpr (clips(second)) clip(e, c.low, c.high);
    multiply(product, c.row[1], e);
    out = out + product;
  }
  if constexpr (terms > 2) {
    std::memcpy(&x, p.x[2] + i, sizeof(V));
    multiply(product, c.row[2], x);
    out = out + product;
  }
  if constexpr (terms > 3) {
    std::memcpy(&x, p.x[3] + i, sizeof(V));
    multiply(product, c.row[3], x);
    out = out + product;
  }
}

template <bool streaming, class V, class T>
DIFFUSION_INLINE void store(T* to, const V& value) {
  if constexpr (!streaming) {
    std::memcpy(to, &value, sizeof(V));
#if defined(__clang__)
  } else {
    __builtin_nontemporal_store(value, reinterpret_cast<V*>(to));
#elif defined(__GNUC__) && defined(__x86_64__)
#if DIFFUSION_BYTES == 64
  } else if constexpr (sizeof(T) == 4) {
    __builtin_ia32_movntps512(to, value);
  } else {
    __builtin_ia32_movntpd512(to, value);
#elif DIFFUSION_BYTES == 32
  } else if constexpr (sizeof(T) == 4) {
    __builtin_ia32_movntps256(to, value);
  } else {
    __builtin_ia32_movntpd256(to, value);
#else
  } else if constexpr (sizeof(T) == 4) {
    __builtin_ia32_movntps(to, value);
  } else {
    __builtin_ia32_movntpd(to, value);
#endif
#else
  } else {
    std::memcpy(to, &value, sizeof(V));
#endif
  }
}

/// Asks for what two registers will hold 1 KiB further on. Reads that go along with stores past the caches are slower
/// by a fifth without, for the processor looks ahead less far.
template <class V, class T>
DIFFUSION_INLINE void prefetch([[maybe_unused]] const T* x) {
#if DIFFUSION_BYTES > 0
  const auto ahead = reinterpret_cast<std::uintptr_t>(x) + 1024;  // no pointer, since it may be outside the array
  for (std::size_t line = 0; line < 2 * sizeof(V); line += 64)
    __builtin_prefetch(reinterpret_cast<const void*>(ahead + line), 0, 0);
#endif
}

/// The pass: single elements up to where out is aligned, if it is to be streamed; pairs of registers; what is left.
template <Second second, bool kept, bool streaming, class T, std::size_t terms>
void run(const Pass<T, terms>& pass) {
  using V = typename RegisterOf<T>::type;
  constexpr std::size_t lanes = sizeof(V) / sizeof(T);
  const Memory<T, terms> p(pass);
  const std::size_t n = pass.n;
  const Constants<T, T, terms> scalar(pass);
  const Constants<V, T, terms> c(pass);
  std::size_t i = 0, end = 0;
  if constexpr (streaming) {
    const std::size_t beyond = reinterpret_cast<std::uintptr_t>(p.out) % sizeof(V) / sizeof(T);
    end = beyond == 0 ? 0 : lanes - beyond < n ? lanes - beyond : n;
  }
  while (true) {
    for (; i < end; ++i) {
      T out, e;
      combine<second>(p, scalar, i, out, e);
      p.out[i] = out;
      if constexpr (kept) p.second_out[i] = e;
    }
    if (i == n) break;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
      if constexpr (streaming)
        for (const T* x : p.x) prefetch<V>(x + i);
      V out, e, next_out, next_e;
      combine<second>(p, c, i, out, e);
      combine<second>(p, c, i + lanes, next_out, next_e);
      store<streaming>(p.out + i, out);
      store<streaming>(p.out + i + lanes, next_out);
      if constexpr (kept) {
        store<streaming>(p.second_out + i, e);
        store<streaming>(p.second_out + i + lanes, next_e);
      }
    }
    if (i + lanes <= n) {
      V out, e;
      combine<second>(p, c, i, out, e);
      store<streaming>(p.out + i, out);
      if constexpr (kept) store<streaming>(p.second_out + i, e);
      i += lanes;
    }
    end = n;
  }
#if defined(__GNUC__) && defined(__x86_64__)
  if constexpr (streaming) __builtin_ia32_sfence();  // other threads see streamed stores in no order without it
#endif
}
