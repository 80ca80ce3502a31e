// SPDX-License-Identifier: MIT
// The Box-Muller transform for registers of DIFFUSION_LANES floats, and Philox for more than one: the same operations
// in the same order for every width, hence the same bits.
//
// Not to be included by users. box_muller.hpp includes it for one lane, vector_normals.hpp for 4, 8 and 16, each in a
// namespace of its own and compiled for the instruction set that has such registers: helpers of one width cannot be
// templates of another, since a compiler takes a register apart in a function that is compiled without it.

// ---- registers ----

#if DIFFUSION_LANES == 1
using F32 = float;
using I32 = std::int32_t;
using U32 = std::uint32_t;
using F64 = double;
using I64 = std::int64_t;
using U64 = std::uint64_t;
using Mask32 = bool;
using Mask64 = bool;
template <class To, class From>
DIFFUSION_INLINE To bits_as(From x) {
  return std::bit_cast<To>(x);
}
DIFFUSION_INLINE F32 to_float(I32 x) { return static_cast<float>(x); }
#else
typedef float F32 __attribute__((vector_size(4 * DIFFUSION_LANES)));
typedef std::int32_t I32 __attribute__((vector_size(4 * DIFFUSION_LANES)));
typedef std::uint32_t U32 __attribute__((vector_size(4 * DIFFUSION_LANES)));
typedef double F64 __attribute__((vector_size(4 * DIFFUSION_LANES)));
typedef std::int64_t I64 __attribute__((vector_size(4 * DIFFUSION_LANES)));
typedef std::uint64_t U64 __attribute__((vector_size(4 * DIFFUSION_LANES)));
using Mask32 = I32;
using Mask64 = I64;
template <class To, class From>
DIFFUSION_INLINE To bits_as(From x) {
  return reinterpret_cast<To>(x);
}
DIFFUSION_INLINE F32 to_float(I32 x) { return __builtin_convertvector(x, F32); }
#endif

/// Arithmetic exactly as written. g++ and clang contract a * b + c to one rounding when the machine has an FMA
/// instruction, and -ffast-math reorders sums: each operation ends in a barrier that the optimiser cannot see through
/// and that costs no instruction.
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
#if defined(__GNUC__) && defined(__SSE2__)
    asm("" : "+" DIFFUSION_REGISTER(x));
#elif defined(__GNUC__) && defined(__aarch64__)
    asm("" : "+w"(x));
#else
    volatile V stored = x;
    x = stored;
#endif
    return Ieee(x);
  }
};
using Floats = Ieee<F32, float>;
using Doubles = Ieee<F64, double>;

#if DIFFUSION_LANES == 1
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
DIFFUSION_INLINE Floats sqrt(Floats x) {
  F32 root;
  asm(DIFFUSION_VEX "sqrtps {%1, %0|%0, %1}" : "=" DIFFUSION_REGISTER(root) : DIFFUSION_REGISTER(x.value));
  return Floats(root);
}
DIFFUSION_INLINE Doubles sqrt(Doubles x) {
  F64 root;
  asm(DIFFUSION_VEX "sqrtpd {%1, %0|%0, %1}" : "=" DIFFUSION_REGISTER(root) : DIFFUSION_REGISTER(x.value));
  return Doubles(root);
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
  const Mask32 low = h < mirrored;
  const Floats q = (Floats(to_float(low ? h : mirrored)) + 0.5f) * 0x1p-31f;
  // -log(u) = -k log 2 - log(1 + x); x in [sqrt(1/2) - 1, sqrt(2) - 1]: u = q = 2^k (1 + x) in the lower half; in the
  // upper, u = 1 - q is 1 + x where it is above sqrt(1/2), and else 2^-1 (1 + x).
  const I32 q_bits = bits_as<I32>(q.value), exponent = (q_bits - 0x3f3504f3) >> 23;
  const F32 fraction = (Floats(bits_as<F32>(q_bits - exponent * 0x800000)) - 1.0f).value;
  const Mask32 near_one = q.value < 0.29289323f;
  const F32 other = near_one ? -q.value : (1.0f - q * 2.0f).value;
  const I32 other_exponent = near_one ? I32{} : I32{} - 1;
  const Floats x(low ? fraction : other), k(to_float(low ? exponent : other_exponent)), square = x * x;
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
  const Mask32 odd = (quadrant & 1) != 0;
  const U32 first = bits_as<U32>(odd ? s : c) ^ (((quadrant + 1) & 2) << 30);
  const U32 second = bits_as<U32>(odd ? c : s) ^ ((quadrant & 2) << 30);
  return {bits_as<F32>(first), bits_as<F32>(second)};
}

/// Normals from 2 x 64 bits, of which 52 and 54 are used.
DIFFUSION_INLINE Pair<F64> box_muller(U64 radius_bits, U64 angle_bits) {
  using namespace box_muller_details;
  // 52 bits as the fraction of a double in [1, 2): u = (m + 1/2) 2^-52, exact, and so is q = min(u, 1 - u).
  constexpr std::uint64_t one = std::uint64_t(0x3ff) << 52;
  const Doubles u = (Doubles(bits_as<F64>((radius_bits >> 12) | one)) - 1.0) + 0x1p-53;
  const Mask64 low = u.value < 0.5;
  const F64 q = low ? u.value : (1.0 - u).value;
  // As for floats; -k is counted, because registers before AVX-512 have no signed shift of 64 bits, nor a conversion: n
  // is the low end of the fraction of the double 2^52 + n.
  const U64 q_bits = bits_as<U64>(q),
            n = (std::uint64_t(0x3fe6a09e667f3bcd) - q_bits + ((std::uint64_t(1) << 52) - 1)) >> 52;
  const F64 fraction = (Doubles(bits_as<F64>(q_bits + (n << 52))) - 1.0).value;
  const Mask64 near_one = q < 0.29289321881345254;
  const F64 other = near_one ? -q : (1.0 - Doubles(q) * 2.0).value;
  const U64 other_n = near_one ? U64{} : U64{} + 1;
  const Doubles x(low ? fraction : other);
  const Doubles k = 0x1p52 - Doubles(bits_as<F64>((low ? n : other_n) | (std::uint64_t(0x433) << 52)));
  const Doubles s = x / (x + 2.0), square = s * s;
  const Doubles log1p = s * 2.0 + s * square * polynomial(artanh_tail, square);
  const Doubles minus_log_u = (k * -0x1.62e42fefa38p-1 - log1p) - k * 0x1.ef35793c7673p-45;
  const Doubles radius = sqrt(minus_log_u * 2.0);
  const Doubles t = (Doubles(bits_as<F64>(((angle_bits << 2) >> 12) | one)) - 1.5) + 0x1p-53;
  const U64 quadrant = angle_bits >> 62;
  const Doubles t_squared = t * t;
  const F64 c = (radius * polynomial(cosine_d, t_squared)).value;
  const F64 sine = (radius * (t * polynomial(sine_d, t_squared))).value;
  const Mask64 odd = (quadrant & 1) != 0;
  const U64 first = bits_as<U64>(odd ? sine : c) ^ (((quadrant + 1) & 2) << 62);
  const U64 second = bits_as<U64>(odd ? c : sine) ^ ((quadrant & 2) << 62);
  return {bits_as<F64>(first), bits_as<F64>(second)};
}

// ---- Philox and whole runs of normals ----

#if DIFFUSION_LANES > 1

/// a b of the low halves of the lanes.
DIFFUSION_INLINE U64 multiply(U64 a, U64 b) {
#if DIFFUSION_LANES > 4 || defined(__AVX__)
  U64 product;
  asm("vpmuludq {%2, %1, %0|%0, %1, %2}"
      : "=" DIFFUSION_REGISTER(product)
      : DIFFUSION_REGISTER(a), DIFFUSION_REGISTER(b));
  return product;
#else
  asm("pmuludq {%1, %0|%0, %1}" : "+x"(a) : "x"(b));
  return a;
#endif
}

/// What all blocks of a run share.
struct Keys {
  U64 step, stream;
  U64 key[10][2];

  DIFFUSION_INLINE Keys(std::uint64_t seed, std::uint32_t stream_, std::uint32_t step_)
      : step(U64{} + step_), stream(U64{} + stream_) {
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (auto& round : key) {
      round[0] = U64{} + k0;
      round[1] = U64{} + k1;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    asm("" : "+m"(*this));  // more than there are registers: from memory, and not made anew for every block
  }
};

/// The four words of a block for each lane, in the low half; the high halves are of no account.
struct Words {
  U64 word[4];
};

/// philox4x32 of the blocks with these indices.
DIFFUSION_INLINE Words philox(U64 index, const Keys& keys) {
  U64 c0 = index, c1 = index >> 32, c2 = keys.step, c3 = keys.stream;
  const U64 m0 = U64{} + 0xD2511F53u, m1 = U64{} + 0xCD9E8D57u;
  DIFFUSION_UNROLL
  for (int round = 0; round < 10; ++round) {
    const U64 p0 = multiply(c0, m0), p1 = multiply(c2, m1);
    c0 = (p1 >> 32) ^ c1 ^ keys.key[round][0];
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ keys.key[round][1];
    c3 = p0;
  }
  return {{c0, c1, c2, c3}};
}

/// 0, stride, 2 stride, ... in the lanes of 64 bits.
DIFFUSION_INLINE U64 counted(std::uint64_t stride) {
  U64 lanes{};
  for (std::size_t i = 0; i < DIFFUSION_LANES / 2; ++i) lanes[i] = i * stride;
  return lanes;
}

/// Writes bytes 16 j, ... of a register.
template <class V, class T>
DIFFUSION_INLINE void store_part(V value, std::size_t offset, std::size_t bytes, T* out) {
  __builtin_memcpy(out, reinterpret_cast<const char*>(&value) + offset, bytes);
}

/// DIFFUSION_LANES blocks at a time: the normals of `batches` times DIFFUSION_LANES / 4 groups, from a group on.
inline void normals(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                    std::size_t batches, float* out) {
  const Keys keys(seed, stream, step);
  U64 even = counted(2) + 4 * group;
  for (; batches > 0; --batches, even += std::uint64_t(DIFFUSION_LANES)) {
    const Words e = philox(even, keys), o = philox(even + 1, keys);
    U32 word[4];
    for (int k = 0; k < 4; ++k) word[k] = bits_as<U32>((e.word[k] & std::uint64_t(0xffffffff)) | (o.word[k] << 32));
    const Pair<F32> a = box_muller(word[0], word[1]), b = box_muller(word[2], word[3]);
    for (std::size_t j = 0; j < DIFFUSION_LANES / 4; ++j, out += 16) {
      store_part(a.first, 16 * j, 16, out);
      store_part(a.second, 16 * j, 16, out + 4);
      store_part(b.first, 16 * j, 16, out + 8);
      store_part(b.second, 16 * j, 16, out + 12);
    }
  }
}

inline void normals(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                    std::size_t batches, double* out) {
  constexpr std::size_t half = DIFFUSION_LANES / 2, part = half < 4 ? half : 4;  // blocks in a register, in a store
  const Keys keys(seed, stream, step);
  U64 index = counted(1) + 4 * group;
  for (; batches > 0; --batches, out += 2 * DIFFUSION_LANES) {
    for (std::size_t r = 0; r < 2; ++r, index += std::uint64_t(half)) {
      const Words w = philox(index, keys);
      const auto joined = [&](int k) { return (w.word[k] & std::uint64_t(0xffffffff)) | (w.word[k + 1] << 32); };
      const Pair<F64> pair = box_muller(joined(0), joined(2));
      for (std::size_t j = 0; j < half; j += part) {
        const std::size_t block = r * half + j;
        double* const to = out + 8 * (block / 4) + block % 4;
        store_part(pair.first, 8 * j, 8 * part, to);
        store_part(pair.second, 8 * j, 8 * part, to + 4);
      }
    }
  }
}

#endif
