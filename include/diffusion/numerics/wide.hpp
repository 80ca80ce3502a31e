// SPDX-License-Identifier: MIT
// A binary floating-point number of 192 bits, in integer arithmetic: the working precision behind every scalar.
//
// Use it to evaluate a scalar formula with so much to spare that rounding the result once gives the correctly rounded
// double or float, whatever cancels on the way (1 - alpha_bar, exp(x) - 1, alpha_bar_t / alpha_bar_s - 1).
// Not for arrays: an addition costs about ten times that of a double, a square root a hundred times.
//
// Accuracy: +, -, *, / and sqrt round to odd, that is, they are exact when the result fits in 192 bits and otherwise
// keep its first 191 bits and set the last. A result of one operation therefore rounds to float or double as if it were
// exact, ties included; a chain of n operations without cancellation errs by at most n 2^-191 relatively. The exponent
// has 31 bits, so nothing here overflows or becomes subnormal where a diffusion model can reach. Being integer
// arithmetic, all of it is untouched by -ffast-math, contraction to FMA, flush-to-zero and the rounding mode.
//
// Source: round to odd as a first rounding, Boldo & Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "libm.hpp"
#include "limbs.hpp"

namespace diffusion::numerics {

class Wide {
 public:
  static constexpr int digits = 192;

  constexpr Wide() noexcept = default;

  template <std::integral I>
  constexpr Wide(I value) noexcept : negative_(value < 0) {
    const Limb magnitude = value < 0 ? Limb(0) - Limb(value) : Limb(value);
    if (magnitude != 0) *this = from_limbs(negative_, 63, 0, 0, magnitude);
  }

  template <std::floating_point F>
  constexpr Wide(F value) noexcept {
    if constexpr (sizeof(F) >
                  sizeof(double)) {  // long double: a sum of doubles, exact because each takes its leading bits
      if (value != value || value - value != 0) {
        *this = Wide(static_cast<double>(value));
        return;
      }
      int exponent = 0;
      for (F rest = libm::frexp(value, &exponent); rest != 0; rest -= static_cast<F>(static_cast<double>(rest)))
        *this = *this + Wide(static_cast<double>(rest));
      *this = scaled(*this, exponent);
    } else {
      const std::uint64_t bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
      const int biased = int((bits >> 52) & 0x7ff);
      const Limb fraction = bits & ((Limb(1) << 52) - 1);
      negative_ = (bits >> 63) != 0;
      if (biased == 0x7ff)
        kind_ = fraction != 0 ? Kind::nan : Kind::infinite;
      else if (biased != 0)
        *this = from_limbs(negative_, biased - 1012, 0, 0, fraction | (Limb(1) << 52));
      else if (fraction != 0)
        *this = from_limbs(negative_, -1011, 0, 0, fraction);
    }
  }

  static constexpr Wide infinite() noexcept { return special(Kind::infinite, false); }
  static constexpr Wide nan() noexcept { return special(Kind::nan, false); }

  /// The number 0.m2 m1 m0 (binary, in limbs) times 2^(exponent + 1); for constants that do not fit in a double.
  static constexpr Wide from_limbs(bool negative, std::int64_t exponent, Limb m0, Limb m1, Limb m2) noexcept {
    return normalised(negative, exponent, 0, m0, m1, m2);
  }

  constexpr bool is_zero() const noexcept { return kind_ == Kind::zero; }
  constexpr bool is_nan() const noexcept { return kind_ == Kind::nan; }
  constexpr bool is_finite() const noexcept { return kind_ == Kind::zero || kind_ == Kind::finite; }
  constexpr bool is_negative() const noexcept { return negative_; }
  /// floor(log2 |x|) of a finite number other than zero.
  constexpr int exponent() const noexcept { return exponent_; }

  constexpr Wide operator-() const noexcept {
    Wide r = *this;
    r.negative_ = !negative_;
    return r;
  }

  friend constexpr Wide operator+(const Wide& a, const Wide& b) noexcept {
    if (a.kind_ != Kind::finite || b.kind_ != Kind::finite) {
      if (a.kind_ == Kind::nan || b.kind_ == Kind::nan) return nan();
      if (a.kind_ == Kind::infinite) return b.kind_ == Kind::infinite && a.negative_ != b.negative_ ? nan() : a;
      if (b.kind_ == Kind::infinite) return b;
      if (a.kind_ == Kind::zero && b.kind_ == Kind::zero) return a.negative_ ? b : a;
      return a.kind_ == Kind::zero ? b : a;
    }
    const bool swap = magnitude_less(a, b);
    const Wide &x = swap ? b : a, &y = swap ? a : b;  // |x| >= |y|
    Limb y_[4] = {0, y.limbs_[0], y.limbs_[1], y.limbs_[2]};
    shift_right_to_odd(y_, std::int64_t(x.exponent_) - y.exponent_);
    Limb r[4];
    if (x.negative_ == y.negative_) {
      r[0] = y_[0];
      Limb carry = 0;
      for (int i = 0; i < 3; ++i) carry = add_limbs(x.limbs_[i], y_[i + 1], carry, r[i + 1]);
      std::int64_t exponent = x.exponent_;
      if (carry != 0) {
        shift_right_to_odd(r, 1);
        r[3] |= Limb(1) << 63;
        ++exponent;
      }
      return normalised(x.negative_, exponent, r[0], r[1], r[2], r[3]);
    }
    Limb borrow = subtract_limbs(0, y_[0], 0, r[0]);
    for (int i = 0; i < 3; ++i) borrow = subtract_limbs(x.limbs_[i], y_[i + 1], borrow, r[i + 1]);
    return normalised(x.negative_, x.exponent_, r[0], r[1], r[2], r[3]);
  }

  friend constexpr Wide operator-(const Wide& a, const Wide& b) noexcept { return a + -b; }

  friend constexpr Wide operator*(const Wide& a, const Wide& b) noexcept {
    const bool negative = a.negative_ != b.negative_;
    if (a.kind_ != Kind::finite || b.kind_ != Kind::finite) {
      if (a.kind_ == Kind::nan || b.kind_ == Kind::nan) return nan();
      const bool zero = a.kind_ == Kind::zero || b.kind_ == Kind::zero;
      const bool infinite = a.kind_ == Kind::infinite || b.kind_ == Kind::infinite;
      return zero && infinite ? nan() : special(zero ? Kind::zero : Kind::infinite, negative);
    }
    Limb p[6];
    multiply_magnitudes(a.limbs_, b.limbs_, p);
    const Limb guard = p[2] | Limb((p[0] | p[1]) != 0);
    return normalised(negative, std::int64_t(a.exponent_) + b.exponent_ + 1, guard, p[3], p[4], p[5]);
  }

  friend constexpr Wide operator/(const Wide& a, const Wide& b) noexcept {
    const bool negative = a.negative_ != b.negative_;
    if (a.kind_ != Kind::finite || b.kind_ != Kind::finite) {
      if (a.kind_ == Kind::nan || b.kind_ == Kind::nan || (a.kind_ == b.kind_)) return nan();
      return special(a.kind_ == Kind::zero || b.kind_ == Kind::infinite ? Kind::zero : Kind::infinite, negative);
    }
    // a 2^192 / b, or half of it when a >= b, has exactly 192 bits.
    const bool halve = !limbs_less(a.limbs_, b.limbs_);
    const int shift = halve ? 1 : 0;
    Limb n[6] = {0, 0, halve ? a.limbs_[0] << 63 : 0, a.limbs_[0], a.limbs_[1], a.limbs_[2]};
    if (halve) {
      n[3] = (a.limbs_[0] >> 1) | (a.limbs_[1] << 63);
      n[4] = (a.limbs_[1] >> 1) | (a.limbs_[2] << 63);
      n[5] = a.limbs_[2] >> 1;
    }
    Limb q[3];
    for (int i = 2; i >= 0; --i) q[i] = divide_step(n + i, b.limbs_);
    const Limb rest = n[0] | n[1] | n[2];
    return normalised(negative, std::int64_t(a.exponent_) - b.exponent_ - 1 + shift, Limb(rest != 0), q[0], q[1], q[2]);
  }

  Wide& operator+=(const Wide& b) noexcept { return *this = *this + b; }
  Wide& operator-=(const Wide& b) noexcept { return *this = *this - b; }
  Wide& operator*=(const Wide& b) noexcept { return *this = *this * b; }
  Wide& operator/=(const Wide& b) noexcept { return *this = *this / b; }

  friend constexpr bool operator==(const Wide& a, const Wide& b) noexcept {
    if (a.is_nan() || b.is_nan()) return false;
    if (a.is_zero() || b.is_zero()) return a.kind_ == b.kind_;
    return a.negative_ == b.negative_ && !magnitude_less(a, b) && !magnitude_less(b, a);
  }
  friend constexpr bool operator<(const Wide& a, const Wide& b) noexcept {
    if (a.is_nan() || b.is_nan()) return false;
    if (a.is_zero()) return !b.is_zero() && !b.negative_;
    if (b.is_zero()) return a.negative_;
    if (a.negative_ != b.negative_) return a.negative_;
    return a.negative_ ? magnitude_less(b, a) : magnitude_less(a, b);
  }
  friend constexpr bool operator>(const Wide& a, const Wide& b) noexcept { return b < a; }
  friend constexpr bool operator<=(const Wide& a, const Wide& b) noexcept { return a < b || a == b; }
  friend constexpr bool operator>=(const Wide& a, const Wide& b) noexcept { return b <= a; }

  /// x 2^n, exact.
  friend constexpr Wide scaled(const Wide& x, std::int64_t n) noexcept {
    if (x.kind_ != Kind::finite) return x;
    return normalised(x.negative_, x.exponent_ + n, 0, x.limbs_[0], x.limbs_[1], x.limbs_[2]);
  }

  friend Wide sqrt(const Wide& x) noexcept;

  /// x to its first `bits` bits, nearest, ties to even; 0 <= bits < 192.
  friend constexpr Wide rounded_to_bits(const Wide& x, int bits) noexcept {
    if (x.kind_ != Kind::finite) return x;
    Wide r = x;
    const int position = 191 - bits, limb = position / 64;  // of the first bit that is dropped
    const Limb half = Limb(1) << (position % 64),
               odd = bits == 0 ? 0 : (x.limbs_[(position + 1) / 64] >> ((position + 1) % 64)) & 1;
    bool below = (x.limbs_[limb] & (half - 1)) != 0;
    for (int i = 0; i < limb; ++i) {
      below = below || x.limbs_[i] != 0;
      r.limbs_[i] = 0;
    }
    r.limbs_[limb] &= ~(half | (half - 1));
    const bool up = (x.limbs_[limb] & half) != 0 && (below || odd != 0);
    if (bits == 0) return up ? scaled(Wide(x.negative_ ? -1 : 1), std::int64_t(x.exponent_) + 1) : Wide();
    return up ? r + scaled(Wide(x.negative_ ? -1 : 1), std::int64_t(x.exponent_) + 1 - bits) : r;
  }

  /// The F nearest to this number, ties to even: the one rounding that a returned scalar goes through.
  template <std::floating_point F>
  constexpr F round_to() const noexcept;

 private:
  enum class Kind : std::uint8_t { zero, finite, infinite, nan };

  static constexpr Wide special(Kind kind, bool negative) noexcept {
    Wide r;
    r.kind_ = kind;
    r.negative_ = negative;
    return r;
  }

  // Shifts the leading bit to the top of m2 and drops the guard limb, to odd.
  static constexpr Wide normalised(bool negative, std::int64_t exponent, Limb guard, Limb m0, Limb m1,
                                   Limb m2) noexcept {
    if (m2 == 0 || (m2 >> 63) == 0) {
      for (int i = 0; i < 3 && m2 == 0; ++i) {
        m2 = m1, m1 = m0, m0 = guard, guard = 0;
        exponent -= 64;
      }
      if (m2 == 0) return Wide();
      if (const int shift = std::countl_zero(m2); shift != 0) {
        m2 = (m2 << shift) | (m1 >> (64 - shift));
        m1 = (m1 << shift) | (m0 >> (64 - shift));
        m0 = (m0 << shift) | (guard >> (64 - shift));
        guard <<= shift;
        exponent -= shift;
      }
    }
    constexpr std::int64_t limit = 2147480000;
    if (exponent > limit) return special(Kind::infinite, negative);
    if (exponent < -limit) return special(Kind::zero, negative);
    Wide r;
    r.limbs_[0] = m0 | Limb(guard != 0);
    r.limbs_[1] = m1;
    r.limbs_[2] = m2;
    r.exponent_ = std::int32_t(exponent);
    r.negative_ = negative;
    r.kind_ = Kind::finite;
    return r;
  }

  static constexpr bool magnitude_less(const Wide& a, const Wide& b) noexcept {
    if (a.kind_ == Kind::infinite || b.kind_ == Kind::infinite)
      return a.kind_ != Kind::infinite && b.kind_ == Kind::infinite;
    return a.exponent_ != b.exponent_ ? a.exponent_ < b.exponent_ : limbs_less(a.limbs_, b.limbs_);
  }

  Limb limbs_[3] = {0, 0, 0};  // 0.limbs_[2] limbs_[1] limbs_[0] in [1/2, 1), times 2^(exponent_ + 1)
  std::int32_t exponent_ = 0;
  bool negative_ = false;
  Kind kind_ = Kind::zero;
};

inline Wide sqrt(const Wide& x) noexcept {
  if (x.kind_ == Wide::Kind::zero || x.kind_ == Wide::Kind::nan) return x;
  if (x.negative_) return Wide::nan();
  if (x.kind_ == Wide::Kind::infinite) return x;
  const int odd = x.exponent_ & 1;
  const Wide m = scaled(x, std::int64_t(odd) - x.exponent_);  // in [1, 4)
  Wide r = libm::sqrt(m.round_to<double>());
  for (int i = 0; i < 2; ++i) r = scaled(r + m / r, -1);  // Heron: 53, 106, 192 good bits

  // As integers, R = 2^191 r and M = 2^382 m: step R to floor(sqrt(M)) on exact squares, then round to odd.
  constexpr Limb ones = std::numeric_limits<Limb>::max();
  Limb root[3] = {r.limbs_[0], r.limbs_[1], r.limbs_[2]};
  if (r.exponent_ != 0) root[0] = root[1] = root[2] = ones;
  const Limb(&l)[3] = m.limbs_;
  const Limb radicand[6] = {0,
                            0,
                            odd ? 0 : l[0] << 63,
                            odd ? l[0] : (l[0] >> 1) | (l[1] << 63),
                            odd ? l[1] : (l[1] >> 1) | (l[2] << 63),
                            odd ? l[2] : l[2] >> 1};
  for (;;) {
    Limb rest[6], borrow = 0;
    multiply_magnitudes(root, root, rest);
    for (int i = 0; i < 6; ++i) borrow = subtract_limbs(radicand[i], rest[i], borrow, rest[i]);
    if (borrow != 0) {  // R^2 > M
      for (int i = 0; i < 3 && root[i]-- == 0; ++i) continue;
      continue;
    }
    const Limb twice[3] = {root[0] << 1, (root[1] << 1) | (root[0] >> 63), (root[2] << 1) | (root[1] >> 63)};
    const Limb low[3] = {rest[0], rest[1], rest[2]};
    const bool one_more = (rest[4] | rest[5]) != 0 || rest[3] > 1 || (rest[3] == 1 && limbs_less(twice, low));
    if (!one_more)  // (R + 1)^2 > M
      return Wide::normalised(false, (std::int64_t(x.exponent_) - odd) / 2,
                              Limb((rest[0] | rest[1] | rest[2] | rest[3]) != 0), root[0], root[1], root[2]);
    for (int i = 0; i < 3 && ++root[i] == 0; ++i) continue;
  }
}

template <std::floating_point F>
constexpr F Wide::round_to() const noexcept {
  using Limits = std::numeric_limits<F>;
  if constexpr (sizeof(F) > sizeof(double)) {
    if (!is_finite() || is_zero()) return static_cast<F>(round_to<double>());
    const int missing = exponent_ < Limits::min_exponent - 1 ? Limits::min_exponent - 1 - exponent_ : 0;
    if (missing > Limits::digits) return static_cast<F>(special(Kind::zero, negative_).round_to<double>());
    const Wide r = rounded_to_bits(*this, Limits::digits - missing);
    F sum = 0;
    for (int i = 2; i >= 0; --i) sum += libm::ldexp(static_cast<F>(r.limbs_[i]), r.exponent_ - 191 + 64 * i);
    return negative_ ? -sum : sum;
  } else {
    // All in bits: with -ffast-math not even an infinity or the sign of zero is safe as a floating-point value.
    using Bits = std::conditional_t<sizeof(F) == 8, std::uint64_t, std::uint32_t>;
    constexpr int fraction_bits = Limits::digits - 1, min_exponent = Limits::min_exponent - 1;
    constexpr Bits infinity = Bits(2 * Limits::max_exponent - 1) << fraction_bits;
    const Bits sign = Bits(negative_) << (8 * sizeof(F) - 1);
    if (kind_ == Kind::nan) return std::bit_cast<F>(static_cast<Bits>(infinity | (Bits(1) << (fraction_bits - 1))));
    if (kind_ == Kind::infinite || (kind_ == Kind::finite && exponent_ >= Limits::max_exponent))
      return std::bit_cast<F>(static_cast<Bits>(infinity | sign));
    if (kind_ == Kind::zero || exponent_ < min_exponent - Limits::digits) return std::bit_cast<F>(sign);

    const int missing = exponent_ < min_exponent ? min_exponent - exponent_ : 0;
    const int keep = Limits::digits - missing;  // bits of the result: fewer when it is subnormal, down to none
    Limb kept = keep == 0 ? 0 : limbs_[2] >> (64 - keep);
    const bool half = ((limbs_[2] >> (63 - keep)) & 1) != 0;
    const bool below = (limbs_[2] << (keep + 1)) != 0 || limbs_[1] != 0 || limbs_[0] != 0;
    kept += Limb(half && (below || (kept & 1) != 0));
    // The leading bit of a normal number adds one to the exponent field, and so does a carry out of the fraction.
    if (missing == 0) kept += Limb(exponent_ - min_exponent) << fraction_bits;
    return std::bit_cast<F>(static_cast<Bits>(Bits(kept) | sign));
  }
}

}  // namespace diffusion::numerics
