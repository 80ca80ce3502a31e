// SPDX-License-Identifier: MIT
// Integers of 192 bits in three 64-bit limbs, least significant first: what the arithmetic of Wide is made of.
//
// Not an integer class: these are the few steps that wide.hpp needs, without range checks. Every function is exact but
// for shift_right_to_odd, which keeps a trace of the bits it drops in the last bit that it keeps.
//
// Source: division, Knuth, The Art of Computer Programming, vol. 2, 4.3.1, algorithm D.
#pragma once

#include <cstdint>
#include <limits>

namespace diffusion::numerics {

using Limb = std::uint64_t;

struct LimbPair {
  Limb low, high;
};

/// a * b in 128 bits from 32-bit halves, for compilers without a 128-bit integer.
constexpr LimbPair multiply_limbs_by_halves(Limb a, Limb b) noexcept {
  const Limb mask = 0xffffffffu, a0 = a & mask, a1 = a >> 32, b0 = b & mask, b1 = b >> 32;
  const Limb low = a0 * b0, middle = a1 * b0 + (low >> 32), cross = a0 * b1 + (middle & mask);
  return {(cross << 32) | (low & mask), a1 * b1 + (middle >> 32) + (cross >> 32)};
}

/// Quotient (low) and remainder (high) of (high:low) / d for high < d and d >= 2^63, two 32-bit digits at a time.
constexpr LimbPair divide_limbs_by_halves(Limb high, Limb low, Limb d) noexcept {
  const Limb mask = 0xffffffffu, d1 = d >> 32, d0 = d & mask;
  Limb quotient = 0, rest = high;
  const Limb halves[2] = {low >> 32, low & mask};
  for (const Limb next : halves) {
    Limb digit = rest / d1, left = rest % d1;
    while (digit > mask || digit * d0 > ((left << 32) | next)) {
      --digit;
      left += d1;
      if (left > mask) break;
    }
    rest = ((rest << 32) | next) - digit * d;
    quotient = (quotient << 32) | digit;
  }
  return {quotient, rest};
}

#ifdef __SIZEOF_INT128__
__extension__ using Uint128 = unsigned __int128;
constexpr LimbPair multiply_limbs(Limb a, Limb b) noexcept {
  const Uint128 p = Uint128(a) * b;
  return {Limb(p), Limb(p >> 64)};
}
constexpr LimbPair divide_limbs(Limb high, Limb low, Limb d) noexcept {
  const Uint128 n = (Uint128(high) << 64) | low;
  return {Limb(n / d), Limb(n % d)};
}
#else
constexpr LimbPair multiply_limbs(Limb a, Limb b) noexcept { return multiply_limbs_by_halves(a, b); }
constexpr LimbPair divide_limbs(Limb high, Limb low, Limb d) noexcept { return divide_limbs_by_halves(high, low, d); }
#endif

/// sum = a + b + carry; the carry out is returned.
constexpr Limb add_limbs(Limb a, Limb b, Limb carry, Limb& sum) noexcept {
  const Limb partial = a + b;
  sum = partial + carry;
  return Limb(partial < a) | Limb(sum < partial);
}

/// difference = a - b - borrow; the borrow out is returned.
constexpr Limb subtract_limbs(Limb a, Limb b, Limb borrow, Limb& difference) noexcept {
  const Limb partial = a - b;
  difference = partial - borrow;
  return Limb(a < b) | Limb(partial < borrow);
}

constexpr bool limbs_less(const Limb (&a)[3], const Limb (&b)[3]) noexcept {
  if (a[2] != b[2]) return a[2] < b[2];
  if (a[1] != b[1]) return a[1] < b[1];
  return a[0] < b[0];
}

constexpr void shift_right_to_odd(Limb (&m)[4], std::int64_t shift) noexcept {
  if (shift == 0) return;
  if (shift >= 256) {
    m[0] = 1;  // the callers' m is never zero
    m[1] = m[2] = m[3] = 0;
    return;
  }
  Limb lost = 0;
  for (; shift >= 64; shift -= 64) {
    lost |= m[0];
    m[0] = m[1], m[1] = m[2], m[2] = m[3], m[3] = 0;
  }
  if (shift != 0) {
    const int s = int(shift);
    lost |= m[0] << (64 - s);
    for (int i = 0; i < 3; ++i) m[i] = (m[i] >> s) | (m[i + 1] << (64 - s));
    m[3] >>= s;
  }
  m[0] |= Limb(lost != 0);
}

constexpr void multiply_magnitudes(const Limb (&a)[3], const Limb (&b)[3], Limb (&p)[6]) noexcept {
  for (Limb& limb : p) limb = 0;
  for (int i = 0; i < 3; ++i) {
    Limb carry = 0;
    for (int j = 0; j < 3; ++j) {
      LimbPair product = multiply_limbs(a[i], b[j]);
      product.high += add_limbs(product.low, carry, 0, product.low);
      product.high += add_limbs(product.low, p[i + j], 0, p[i + j]);
      carry = product.high;
    }
    p[i + 3] = carry;
  }
}

// One digit of the quotient n / d for a four-limb n < d 2^64; n becomes the remainder.
constexpr Limb divide_step(Limb* n, const Limb (&d)[3]) noexcept {
  Limb digit = std::numeric_limits<Limb>::max(), rest = 0;
  bool rest_fits = true;
  if (n[3] < d[2]) {
    const LimbPair estimate = divide_limbs(n[3], n[2], d[2]);
    digit = estimate.low;
    rest = estimate.high;
  } else {
    rest_fits = add_limbs(n[2], d[2], 0, rest) == 0;
  }
  while (rest_fits) {  // the estimate is at most two too large; its second limb shows it
    const LimbPair check = multiply_limbs(digit, d[1]);
    if (check.high < rest || (check.high == rest && check.low <= n[1])) break;
    --digit;
    rest_fits = add_limbs(rest, d[2], 0, rest) == 0;
  }
  Limb borrow = 0, carry = 0;
  for (int i = 0; i < 3; ++i) {
    LimbPair product = multiply_limbs(digit, d[i]);
    product.high += add_limbs(product.low, carry, 0, product.low);
    carry = product.high;
    borrow = subtract_limbs(n[i], product.low, borrow, n[i]);
  }
  borrow = subtract_limbs(n[3], carry, borrow, n[3]);
  if (borrow != 0) {
    --digit;
    Limb over = 0;
    for (int i = 0; i < 3; ++i) over = add_limbs(n[i], d[i], over, n[i]);
    n[3] += over;
  }
  return digit;
}

}  // namespace diffusion::numerics
