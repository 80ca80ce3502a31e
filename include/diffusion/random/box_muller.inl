// SPDX-License-Identifier: MIT
// The Box-Muller transform for scalars, where DIFFUSION_BYTES is 0, or for four registers of so many bytes: the same
// operations in the same order for every width, hence the same bits.
//
// Not to be included by users. box_muller.hpp includes it for scalars, vector_normals.inl for registers.

// ---- registers ----

#if DIFFUSION_BYTES == 0
using F32 = float;
using I32 = std::int32_t;
using U32 = std::uint32_t;
using F64 = double;
using U64 = std::uint64_t;
template <class To, class From>
DIFFUSION_INLINE To bits_as(From x) {
  return std::bit_cast<To>(x);
}
template <class V>
DIFFUSION_INLINE V select(bool condition, V x, V y) {
  return condition ? x : y;
}
DIFFUSION_INLINE F32 to_float(I32 x) { return static_cast<float>(x); }
#else
typedef float OneF32 __attribute__((vector_size(DIFFUSION_BYTES)));
typedef std::int32_t OneI32 __attribute__((vector_size(DIFFUSION_BYTES)));
typedef std::uint32_t OneU32 __attribute__((vector_size(DIFFUSION_BYTES)));
typedef double OneF64 __attribute__((vector_size(DIFFUSION_BYTES)));
typedef std::uint64_t OneU64 __attribute__((vector_size(DIFFUSION_BYTES)));

/// Four registers with the operations of one. Nearly every operation waits for the one before it, and a processor looks
/// only so far ahead for others: it has enough to do when the same is done to four registers in turn.
template <class V>
struct Four {
  V a{}, b{}, c{}, d{};
  DIFFUSION_INLINE Four operator-() const { return {-a, -b, -c, -d}; }
};
template <class V>
Four(V, V, V, V) -> Four<V>;
template <class V>
struct LaneOf {
  using type = std::remove_cvref_t<decltype(V{}[0])>;
};
#define DIFFUSION_OPERATOR(op)                                    \
  template <class V>                                              \
  DIFFUSION_INLINE auto operator op(Four<V> x, Four<V> y) {       \
    return Four{x.a op y.a, x.b op y.b, x.c op y.c, x.d op y.d};  \
  }                                                               \
  template <class V, class S>                                     \
  DIFFUSION_INLINE auto operator op(Four<V> x, S scalar) {        \
    const auto y = static_cast<typename LaneOf<V>::type>(scalar); \
    return Four{x.a op y, x.b op y, x.c op y, x.d op y};          \
  }
DIFFUSION_OPERATOR(+)
DIFFUSION_OPERATOR(-)
DIFFUSION_OPERATOR(*)
DIFFUSION_OPERATOR(/)
DIFFUSION_OPERATOR(&)
DIFFUSION_OPERATOR(|)
DIFFUSION_OPERATOR(^)
DIFFUSION_OPERATOR(<<)
DIFFUSION_OPERATOR(>>)
DIFFUSION_OPERATOR(<)
DIFFUSION_OPERATOR(!=)
#undef DIFFUSION_OPERATOR
template <class S, class V>
DIFFUSION_INLINE Four<V> operator-(S x, Four<V> y) {
  return {x - y.a, x - y.b, x - y.c, x - y.d};
}

using F32 = Four<OneF32>;
using I32 = Four<OneI32>;
using U32 = Four<OneU32>;
using F64 = Four<OneF64>;
using U64 = Four<OneU64>;
template <class To, class From>
DIFFUSION_INLINE To bits_as(Four<From> x) {
  using V = decltype(To::a);
  return {reinterpret_cast<V>(x.a), reinterpret_cast<V>(x.b), reinterpret_cast<V>(x.c), reinterpret_cast<V>(x.d)};
}
template <class M, class V>
DIFFUSION_INLINE Four<V> select(Four<M> m, Four<V> x, Four<V> y) {
  return {m.a ? x.a : y.a, m.b ? x.b : y.b, m.c ? x.c : y.c, m.d ? x.d : y.d};
}
DIFFUSION_INLINE F32 to_float(I32 x) {
  return {__builtin_convertvector(x.a, OneF32), __builtin_convertvector(x.b, OneF32),
          __builtin_convertvector(x.c, OneF32), __builtin_convertvector(x.d, OneF32)};
}
#endif

/// A barrier that the optimiser cannot see through; it costs no instruction.
#if defined(__GNUC__) && (defined(__SSE2__) || defined(__aarch64__))
#if DIFFUSION_BYTES == 0
DIFFUSION_INLINE void keep(auto& x) { asm("" : "+" DIFFUSION_REGISTER(x)); }
#else
template <class V>
DIFFUSION_INLINE void keep(Four<V>& x) {
  asm(""
      : "+" DIFFUSION_REGISTER(x.a), "+" DIFFUSION_REGISTER(x.b), "+" DIFFUSION_REGISTER(x.c),
        "+" DIFFUSION_REGISTER(x.d));
}
#endif
#else
DIFFUSION_INLINE void keep(auto& x) {
  volatile auto stored = x;
  x = stored;
}
#endif

/// Arithmetic exactly as written. g++ and clang contract a * b + c to one rounding when the machine has an FMA
/// instruction, and -ffast-math reorders sums: each operation ends in a barrier.
template <class V, class S>
struct Ieee {
  V value;

  DIFFUSION_INLINE explicit Ieee(V x) : value(x) {}
  friend DIFFUSION_INLINE Ieee operator+(Ieee a, Ieee b) { return kept(a.value + b.value); }
  friend DIFFUSION_INLINE Ieee operator-(Ieee a, Ieee b) { return kept(a.value - b.value); }
  friend DIFFUSION_INLINE Ieee operator*(Ieee a, Ieee b) { return kept(a.value * b.value); }
  friend DIFFUSION_INLINE Ieee operator/(Ieee a, Ieee b) { return kept(a.value / b.value); }
  friend DIFFUSION_INLINE Ieee operator+(Ieee a, S b) { return kept(a.value + b); }
  friend DIFFUSION_INLINE Ieee operator-(Ieee a, S b) { return kept(a.value - b); }
  friend DIFFUSION_INLINE Ieee operator-(S a, Ieee b) { return kept(a - b.value); }
  friend DIFFUSION_INLINE Ieee operator*(Ieee a, S b) { return kept(a.value * b); }

  static DIFFUSION_INLINE Ieee kept(V x) {
    keep(x);
    return Ieee(x);
  }
};
using Floats = Ieee<F32, float>;
using Doubles = Ieee<F64, double>;

#if DIFFUSION_BYTES == 0
DIFFUSION_INLINE Floats sqrt(Floats x) {
#ifdef __FAST_MATH__  // clang then estimates the root of a float; that of a double, rounded to float, is exactly
                      // rounded
  return Floats::kept(static_cast<float>(Doubles::kept(numerics::libm::sqrt(Doubles::kept(x.value).value)).value));
#else
  return Floats::kept(numerics::libm::sqrt(x.value));
#endif
}
DIFFUSION_INLINE Doubles sqrt(Doubles x) { return Doubles::kept(numerics::libm::sqrt(x.value)); }
#else
#ifdef __aarch64__
DIFFUSION_INLINE OneF32 sqrt(OneF32 x) {
  asm("fsqrt %0.4s, %0.4s" : "+w"(x));
  return x;
}
DIFFUSION_INLINE OneF64 sqrt(OneF64 x) {
  asm("fsqrt %0.2d, %0.2d" : "+w"(x));
  return x;
}
#else
#if DIFFUSION_BYTES > 16 || defined(__AVX__)
#define DIFFUSION_VEX "v"
#else
#define DIFFUSION_VEX
#endif
DIFFUSION_INLINE OneF32 sqrt(OneF32 x) {
  OneF32 root;
  asm(DIFFUSION_VEX "sqrtps {%1, %0|%0, %1}" : "=" DIFFUSION_REGISTER(root) : DIFFUSION_REGISTER(x));
  return root;
}
DIFFUSION_INLINE OneF64 sqrt(OneF64 x) {
  OneF64 root;
  asm(DIFFUSION_VEX "sqrtpd {%1, %0|%0, %1}" : "=" DIFFUSION_REGISTER(root) : DIFFUSION_REGISTER(x));
  return root;
}
#undef DIFFUSION_VEX
#endif
template <class V, class S>
DIFFUSION_INLINE Ieee<V, S> sqrt(Ieee<V, S> x) {
  return Ieee<V, S>({sqrt(x.value.a), sqrt(x.value.b), sqrt(x.value.c), sqrt(x.value.d)});
}
#endif

// ---- the transform ----

/// coefficient[k] + coefficient[k + 1] x + ...; a recursion, since g++ -O2 would keep a loop.
template <std::size_t k = 0, class R, class S, std::size_t n>
DIFFUSION_INLINE R polynomial(const S (&coefficient)[n], R x) {
  if constexpr (k + 2 == n)
    return x * coefficient[k + 1] + coefficient[k];
  else
    return polynomial<k + 1>(coefficient, x) * x + coefficient[k];
}

template <class V>
struct Pair {
  V first, second;
};

/// Normals from 2 x 32 bits.
DIFFUSION_INLINE Pair<F32> box_muller(U32 radius_bits, U32 angle_bits) {
  using namespace box_muller_details;
  // u = (h + 1/2) 2^-31 in (0, 1); q = min(u, 1 - u) has full relative accuracy at both ends.
  const I32 h = bits_as<I32>(radius_bits >> 1), mirrored = 0x7fffffff - h;
  const auto low = h < mirrored;
  const Floats q = (Floats(to_float(select(low, h, mirrored))) + 0.5f) * 0x1p-31f;
  // -log(u) = -k log 2 - log(1 + x); x in [sqrt(1/2) - 1, sqrt(2) - 1]: u = q = 2^k (1 + x) in the lower half; in the
  // upper, u = 1 - q is 1 + x where it is above sqrt(1/2), and else 2^-1 (1 + x).
  const I32 q_bits = bits_as<I32>(q.value), exponent = (q_bits - 0x3f3504f3) >> 23;
  const F32 fraction = (Floats(bits_as<F32>(q_bits - exponent * 0x800000)) - 1.0f).value;
  const auto near_one = q.value < 0.29289323f;
  const F32 other = select(near_one, -q.value, (1.0f - q * 2.0f).value);
  const I32 other_exponent = select(near_one, I32{}, I32{} - 1);
  const Floats x(select(low, fraction, other)), k(to_float(select(low, exponent, other_exponent))), square = x * x;
  const Floats log1p = x - (square * 0.5f - square * x * polynomial(log1p_tail, x));
  const Floats minus_log_u =
      (k * -0x1.62e4p-1f - log1p) - k * 0x1.7f7d1cp-20f;  // log 2 in two parts, the first of 15 bits
  const Floats radius = sqrt(minus_log_u * 2.0f);
  // The angle is that of a quadrant and t quarter turns, |t| < 1/2.
  const Floats t = (Floats(to_float(bits_as<I32>(angle_bits & 0x3fffffff) - 0x20000000)) + 0.5f) * 0x1p-30f;
  const U32 quadrant = angle_bits >> 30;
  const Floats t_squared = t * t;
  const F32 c = (radius * polynomial(cosine_f, t_squared)).value;
  const F32 s = (radius * (t * polynomial(sine_f, t_squared))).value;
  const auto odd = (quadrant & 1) != 0;
  const U32 first = bits_as<U32>(select(odd, s, c)) ^ (((quadrant + 1) & 2) << 30);
  const U32 second = bits_as<U32>(select(odd, c, s)) ^ ((quadrant & 2) << 30);
  return {bits_as<F32>(first), bits_as<F32>(second)};
}

/// Normals from 2 x 64 bits, of which 52 and 54 are used.
DIFFUSION_INLINE Pair<F64> box_muller(U64 radius_bits, U64 angle_bits) {
  using namespace box_muller_details;
  // 52 bits as the fraction of a double in [1, 2): u = (m + 1/2) 2^-52, exact, and so is q = min(u, 1 - u).
  constexpr std::uint64_t one = std::uint64_t(0x3ff) << 52;
  const Doubles u = (Doubles(bits_as<F64>((radius_bits >> 12) | one)) - 1.0) + 0x1p-53;
  const auto low = u.value < 0.5;
  const F64 q = select(low, u.value, (1.0 - u).value);
  // As for floats; -k is counted, because registers before AVX-512 have no signed shift of 64 bits, nor a conversion: n
  // is the low end of the fraction of the double 2^52 + n.
  const U64 q_bits = bits_as<U64>(q),
            n = (std::uint64_t(0x3fe6a09e667f3bcd) - q_bits + ((std::uint64_t(1) << 52) - 1)) >> 52;
  const F64 fraction = (Doubles(bits_as<F64>(q_bits + (n << 52))) - 1.0).value;
  const auto near_one = q < 0.29289321881345254;
  const F64 other = select(near_one, -q, (1.0 - Doubles(q) * 2.0).value);
  const U64 other_n = select(near_one, U64{}, U64{} + std::uint64_t(1));
  const Doubles x(select(low, fraction, other));
  const Doubles k = 0x1p52 - Doubles(bits_as<F64>(select(low, n, other_n) | (std::uint64_t(0x433) << 52)));
  const Doubles s = x / (x + 2.0), square = s * s;
  const Doubles log1p = s * 2.0 + s * square * polynomial(artanh_tail, square);
  const Doubles minus_log_u = (k * -0x1.62e42fefa38p-1 - log1p) - k * 0x1.ef35793c7673p-45;
  const Doubles radius = sqrt(minus_log_u * 2.0);
  const Doubles t = (Doubles(bits_as<F64>(((angle_bits << 2) >> 12) | one)) - 1.5) + 0x1p-53;
  const U64 quadrant = angle_bits >> 62;
  const Doubles t_squared = t * t;
  const F64 c = (radius * polynomial(cosine_d, t_squared)).value;
  const F64 sine = (radius * (t * polynomial(sine_d, t_squared))).value;
  const auto odd = (quadrant & 1) != 0;
  const U64 first = bits_as<U64>(select(odd, sine, c)) ^ (((quadrant + 1) & 2) << 62);
  const U64 second = bits_as<U64>(select(odd, c, sine)) ^ ((quadrant & 2) << 62);
  return {bits_as<F64>(first), bits_as<F64>(second)};
}
