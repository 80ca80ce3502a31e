// SPDX-License-Identifier: MIT
// Arithmetic in registers, and the exponential, the logarithm and Mills' ratio in it: the same operations in the same
// order for every width, hence the same bits.
//
// Not to be included by users. A file of loops for each_instruction_set.inl includes it.

// ---- registers ----

template <class S>
struct Register;
#if DIFFUSION_BYTES == 0
template <>
struct Register<float> {
  using F = float;
  using Mask = int;
  using U = std::uint32_t;
};
template <>
struct Register<double> {
  using F = double;
  using Mask = int;
  using U = std::uint64_t;
};
template <class To, class From>
DIFFUSION_INLINE To bits_as(From x) {
  return std::bit_cast<To>(x);
}
#else
template <>
struct Register<float> {
  typedef float F __attribute__((vector_size(DIFFUSION_BYTES)));
  typedef std::int32_t Mask __attribute__((vector_size(DIFFUSION_BYTES)));
  typedef std::uint32_t U __attribute__((vector_size(DIFFUSION_BYTES)));
};
template <>
struct Register<double> {
  typedef double F __attribute__((vector_size(DIFFUSION_BYTES)));
  typedef float Narrow __attribute__((vector_size(DIFFUSION_BYTES / 2)));  // as many floats
  typedef std::int64_t Mask __attribute__((vector_size(DIFFUSION_BYTES)));
  typedef std::uint64_t U __attribute__((vector_size(DIFFUSION_BYTES)));
};
template <class To, class From>
DIFFUSION_INLINE To bits_as(From x) {
  return reinterpret_cast<To>(x);
}
#endif
template <class S>
using MaskOf = typename Register<S>::Mask;
template <class S>
using BitsOf = typename Register<S>::U;
template <class S>
inline constexpr std::size_t lanes = sizeof(typename Register<S>::F) / sizeof(S);

template <class F>
DIFFUSION_INLINE F quotient(F a, F b) {
#if defined(__FAST_MATH__) && defined(__SSE2__)  // compilers then estimate a quotient of floats
#if DIFFUSION_BYTES == 0
  if constexpr (sizeof(F) == 4) {
    volatile double wide = a;
    return static_cast<float>(wide / static_cast<double>(b));  // exactly rounded
  }
#else
  if constexpr (std::is_same_v<F, Register<float>::F>) {
#if DIFFUSION_BYTES > 16 || defined(__AVX__)
    F result;
    asm("vdivps {%2, %1, %0|%0, %1, %2}"
        : "=" DIFFUSION_REGISTER(result)
        : DIFFUSION_REGISTER(a), DIFFUSION_REGISTER(b));
    return result;
#else
    asm("divps {%1, %0|%0, %1}" : "+x"(a) : "x"(b));
    return a;
#endif
  }
#endif
#endif
  return a / b;
}

/// Arithmetic exactly as written. g++ and clang contract a * b + c to one rounding when the machine has an FMA
/// instruction, and -ffast-math reorders sums: each operation ends in a barrier that the optimiser cannot see through
/// and that costs no instruction.
template <class S>
struct Ieee {
  using F = typename Register<S>::F;
  F value;

  DIFFUSION_INLINE explicit Ieee(F x) : value(x) {}
  friend DIFFUSION_INLINE Ieee operator-(Ieee a) { return Ieee(-a.value); }
  friend DIFFUSION_INLINE Ieee operator+(Ieee a, Ieee b) { return kept(a.value + b.value); }
  friend DIFFUSION_INLINE Ieee operator-(Ieee a, Ieee b) { return kept(a.value - b.value); }
  friend DIFFUSION_INLINE Ieee operator*(Ieee a, Ieee b) { return kept(a.value * b.value); }
  friend DIFFUSION_INLINE Ieee operator/(Ieee a, Ieee b) { return kept(quotient(a.value, b.value)); }
  friend DIFFUSION_INLINE Ieee operator+(Ieee a, S b) { return kept(a.value + b); }
  friend DIFFUSION_INLINE Ieee operator-(Ieee a, S b) { return kept(a.value - b); }
  friend DIFFUSION_INLINE Ieee operator-(S a, Ieee b) { return kept(a - b.value); }
  friend DIFFUSION_INLINE Ieee operator*(Ieee a, S b) { return kept(a.value * b); }
  friend DIFFUSION_INLINE Ieee operator/(S a, Ieee b) { return kept(quotient(a - F{}, b.value)); }
  friend DIFFUSION_INLINE MaskOf<S> operator<(Ieee a, Ieee b) { return a.value < b.value; }
  friend DIFFUSION_INLINE MaskOf<S> operator<(Ieee a, S b) { return a.value < b; }
  friend DIFFUSION_INLINE MaskOf<S> operator<(S a, Ieee b) { return a < b.value; }
  friend DIFFUSION_INLINE MaskOf<S> operator<=(S a, Ieee b) { return a <= b.value; }
  friend DIFFUSION_INLINE MaskOf<S> operator<=(Ieee a, S b) { return a.value <= b; }

  static DIFFUSION_INLINE Ieee kept(F x) {
#if defined(__GNUC__) && (defined(__SSE2__) || defined(__aarch64__))
    asm("" : "+" DIFFUSION_REGISTER(x));
#else
    volatile F stored = x;
    x = stored;
#endif
    return Ieee(x);
  }
};

template <class S>
DIFFUSION_INLINE Ieee<S> all(S x) {
  return Ieee<S>(x - typename Register<S>::F{});  // a sum with zero would lose the sign of -0
}
template <class S>
DIFFUSION_INLINE Ieee<S> choose(MaskOf<S> which, Ieee<S> a, Ieee<S> b) {
  return Ieee<S>(which ? a.value : b.value);
}
/// The larger of the two, and a where b is NaN.
template <class S>
DIFFUSION_INLINE Ieee<S> larger(Ieee<S> a, Ieee<S> b) {
  return choose(a < b, b, a);
}
/// -x in the lanes `which`.
template <class S>
DIFFUSION_INLINE Ieee<S> negated(MaskOf<S> which, Ieee<S> x) {
#if DIFFUSION_BYTES == 0
  return which ? -x : x;
#else
  constexpr auto sign = ~(~typename Constants<S>::Bits(0) >> 1);
  return Ieee<S>(bits_as<typename Register<S>::F>(bits_as<BitsOf<S>>(x.value) ^ (bits_as<BitsOf<S>>(which) & sign)));
#endif
}
/// The lanes of a that are not in b.
template <class Mask>
DIFFUSION_INLINE Mask without(Mask a, Mask b) {
#if DIFFUSION_BYTES == 0
  return a && !b;
#else
  return a & ~b;
#endif
}
template <class S>
DIFFUSION_INLINE Ieee<S> absolute(Ieee<S> x) {
  return Ieee<S>(bits_as<typename Register<S>::F>(bits_as<BitsOf<S>>(x.value) & ~BitsOf<S>{} >> 1));
}
/// The elements from p on, floats as doubles where S is double.
template <class S, class T>
DIFFUSION_INLINE Ieee<S> load(const T* p) {
  typename Register<S>::F x;
  if constexpr (sizeof(T) == sizeof(S)) {
    std::memcpy(&x, p, sizeof x);
  } else {
#if DIFFUSION_BYTES == 0
    x = *p;
#else
    typename Register<S>::Narrow narrow;
    std::memcpy(&narrow, p, sizeof narrow);
    x = __builtin_convertvector(narrow, typename Register<S>::F);
#endif
  }
  return Ieee<S>(x);
}

template <class S>
DIFFUSION_INLINE void store(Ieee<S> x, S* p) {
  const typename Register<S>::F value = x.value;
  std::memcpy(p, &value, sizeof value);
}
/// Whether a bit is set in some lane of a mask, or of bits.
template <class S, class V>
DIFFUSION_INLINE bool any(const V& v) {
#if DIFFUSION_BYTES == 0
  return v != 0;
#else
  typename Constants<S>::Bits lane[lanes<S>], bits = 0;
  std::memcpy(lane, &v, sizeof lane);
  for (const auto one : lane) bits |= one;
  return bits != 0;
#endif
}

// ---- functions ----

/// coefficient[first] + coefficient[first + 1] x + ... of `count` coefficients, halves first (Estrin): few of its
/// operations wait for others. power[k] is x^(2^k).
template <std::size_t first, std::size_t count, class S, std::size_t n>
DIFFUSION_INLINE Ieee<S> polynomial(const S (&coefficient)[n], const Ieee<S>* power) {
  constexpr int k = std::bit_width(count - 1) - 1;
  constexpr std::size_t half = std::size_t(1) << k;
  if constexpr (count == 2)
    return power[0] * coefficient[first + 1] + coefficient[first];
  else if constexpr (count == half + 1)
    return power[k] * coefficient[first + half] + polynomial<first, half>(coefficient, power);
  else
    return power[k] * polynomial<first + half, count - half>(coefficient, power) +
           polynomial<first, half>(coefficient, power);
}
template <class S, std::size_t n>
DIFFUSION_INLINE Ieee<S> polynomial(const S (&coefficient)[n], Ieee<S> x) {
  const Ieee<S> x2 = x * x, x4 = x2 * x2, x8 = x4 * x4, x16 = x8 * x8;
  const Ieee<S> power[] = {x, x2, x4, x8, x16};
  return polynomial<0, n>(coefficient, power);
}

/// exp of something, as 2^k (1 + r + tail) with |r| <= log(2) / 2; k log 2 = high + low, and r_rest is what rounding
/// took from r. The exponent is k + bias: in the range of normal numbers it is more than 0 and has no bit beyond those
/// of an exponent.
template <class S>
struct Exponential {
  Ieee<S> high, low, r, r_rest, tail;
  BitsOf<S> exponent;

  DIFFUSION_INLINE Ieee<S> power_of_two() const {
    return Ieee<S>(bits_as<typename Register<S>::F>(exponent << Constants<S>::fraction_bits));
  }
  DIFFUSION_INLINE Ieee<S> value() const { return (r + tail + S(1)) * power_of_two(); }
};
/// exp(x), or exp(x + rest) for a small rest.
template <class S, class... Rest>
DIFFUSION_INLINE Exponential<S> exponential(Ieee<S> x, const Rest&... rest) {
  using C = Constants<S>;
  const Ieee<S> rounded = x * C::log2_e + C::round, k = rounded - C::round;
  const Ieee<S> high = k * C::log_two_high, low = k * C::log_two_low, difference = x - high, from_x = difference - low;
  const Ieee<S> r_rest = (difference - from_x) - low;
  const Ieee<S> r = (from_x + ... + rest);
  const auto exponent = bits_as<BitsOf<S>>(rounded.value) - (std::bit_cast<typename C::Bits>(C::round) - C::bias);
  return {high, low, r, r_rest, r * r * polynomial(C::exp_tail, r), exponent};
}
/// exp(x), not below a tiny number.
template <class S>
DIFFUSION_INLINE Ieee<S> exp_from(S lowest, Ieee<S> x) {
  return exponential(choose(x < lowest, all(lowest), x)).value();
}

/// log(x) for 0 < x <= 1.
template <class S>
DIFFUSION_INLINE Ieee<S> log(Ieee<S> x) {
  using C = Constants<S>;
  using F = typename Register<S>::F;
  // x = 2^-n (1 + f) with f in [sqrt(1/2) - 1, sqrt(2) - 1]; n is the last bits of `whole` + n
  constexpr auto one = typename C::Bits(1) << C::fraction_bits;
  const BitsOf<S> bits = bits_as<BitsOf<S>>(x.value), n = (C::root_half + (one - 1) - bits) >> C::fraction_bits;
  const Ieee<S> f = Ieee<S>(bits_as<F>(bits + (n << C::fraction_bits))) - S(1);
  const Ieee<S> k = C::whole - Ieee<S>(bits_as<F>(n | std::bit_cast<typename C::Bits>(C::whole)));
  const Ieee<S> s = f / (f + S(2)), square = s * s;
  const Ieee<S> log1p = s * S(2) + s * square * polynomial(C::artanh_tail, square);
  return (k * C::log_two_high + log1p) + k * C::log_two_low;
}

/// (1 - Phi(x)) / phi(x) from y = 1 / (x + 4), for x >= 0.
template <class S>
DIFFUSION_INLINE Ieee<S> mills_ratio(Ieee<S> y) {
  return polynomial(Constants<S>::mills, S(1) - y * S(8)) * y;
}
