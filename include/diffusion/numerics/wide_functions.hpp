// SPDX-License-Identifier: MIT
// exp, log, trigonometric functions and their relatives on Wide, found by argument-dependent lookup.
//
// Use them as `exp(x)`, unqualified: one formula is then right for multiprecision, dual numbers and Wide.
// Not for speed: a call takes about half a microsecond.
//
// Accuracy: relative error below 2^-180 (exp: for |x| < 2^30, beyond which the result is 0 or infinite), so a double
// rounded from a result is correctly rounded unless the exact value lies within 2^-127 of its own size from the middle
// between two doubles.
//
// Source: Taylor series after argument reduction, as in Brent & Zimmermann, Modern Computer Arithmetic, 2010, 4.2
// to 4.4.
#pragma once

#include "wide.hpp"

namespace diffusion::numerics {

inline constexpr Wide wide_pi = Wide::from_limbs(false, 1, 0x29024e088a67cc75, 0xc4c6628b80dc1cd1, 0xc90fdaa22168c234);
// ln 2 = high + low, with so few bits in high that its product with an exponent is exact.
inline constexpr Wide wide_ln2_high =
    Wide::from_limbs(false, -1, 0x40f3432600000000, 0xc9e3b39803f2f6af, 0xb17217f7d1cf79ab);
inline constexpr Wide wide_ln2_low =
    Wide::from_limbs(false, -162, 0xdbd75930ab2aa5f7, 0x1755f457cf70ec40, 0xe5316c5b141a2eb7);

namespace wide_series {

/// sum of coefficient[k] x^k, k = 0 .. N-1, by Horner's rule; integer coefficients are exact.
template <std::size_t N>
Wide polynomial(const std::int64_t (&coefficient)[N], const Wide& x) noexcept {
  Wide sum = coefficient[N - 1];
  for (std::size_t k = N - 1; k-- > 0;) sum = sum * x + Wide(coefficient[k]);
  return sum;
}

/// exp(r) - 1 for |r| < 1/2: the series of exp(r / 256) - 1 = e, then (1 + e)^2 - 1 = e (2 + e) eight times.
inline Wide expm1_small(const Wide& r) noexcept {
  constexpr std::int64_t f = 355687428096000;  // 17!
  constexpr std::int64_t coefficient[17] = {f,
                                            f / 2,
                                            f / 6,
                                            f / 24,
                                            f / 120,
                                            f / 720,
                                            f / 5040,
                                            f / 40320,
                                            f / 362880,
                                            f / 3628800,
                                            f / 39916800,
                                            f / 479001600,
                                            57120 /* 17!/13! */,
                                            4080 /* 17!/14! */,
                                            272,
                                            17,
                                            1};
  const Wide s = scaled(r, -8);
  Wide e = s * polynomial(coefficient, s) / Wide(f);
  for (int i = 0; i < 8; ++i) e = e * (Wide(2) + e);
  return e;
}

/// log(1 + u) for |u| < 2^-7, as 2 artanh(s), s = u / (2 + u).
inline Wide log1p_small(const Wide& u) noexcept {
  constexpr std::int64_t d = 334639305;  // least common multiple of 1, 3, ..., 23
  constexpr std::int64_t coefficient[12] = {d,      d / 3,  d / 5,  d / 7,  d / 9,  d / 11,
                                            d / 13, d / 15, d / 17, d / 19, d / 21, d / 23};
  const Wide s = u / (Wide(2) + u);
  return scaled(s * polynomial(coefficient, s * s), 1) / Wide(d);
}

/// 1 - cos(x) for |x| <= 2: the series of v = 1 - cos(x / 1024), then 1 - cos(2 y) = 2 v (2 - v) ten times.
inline Wide versine_small(const Wide& x) noexcept {
  constexpr std::int64_t f = 20922789888000;  // 16!
  constexpr std::int64_t coefficient[8] = {f / 2,       -f / 24,        f / 720,           -f / 40320,
                                           f / 3628800, -f / 479001600, 240 /* 16!/14! */, -1};
  const Wide y = scaled(x, -10), square = y * y;
  Wide v = square * polynomial(coefficient, square) / Wide(f);
  for (int i = 0; i < 10; ++i) v = scaled(v * (Wide(2) - v), 1);
  return v;
}

}  // namespace wide_series

inline Wide abs(const Wide& x) noexcept { return x.is_negative() ? -x : x; }

inline Wide exp(const Wide& x) noexcept {
  if (x.is_zero()) return 1;
  if (x.is_nan()) return x;
  if (!x.is_finite() || x.exponent() >= 30) return x.is_negative() ? Wide(0) : Wide::infinite();
  const auto k = static_cast<std::int64_t>(libm::floor(x.round_to<double>() * 1.4426950408889634 + 0.5));
  const Wide r = (x - Wide(k) * wide_ln2_high) - Wide(k) * wide_ln2_low;
  return scaled(Wide(1) + wide_series::expm1_small(r), k);
}

inline Wide expm1(const Wide& x) noexcept {
  if (x.is_zero() || (x.is_finite() && x.exponent() < -2)) return wide_series::expm1_small(x);
  return exp(x) - Wide(1);
}

inline Wide log(const Wide& x) noexcept {
  if (x.is_zero()) return -Wide::infinite();
  if (x.is_negative() || x.is_nan()) return Wide::nan();
  if (!x.is_finite()) return x;
  const Wide u = x - Wide(1);
  if (u.is_zero() || u.exponent() < -7) return wide_series::log1p_small(u);
  // x = 2^k m with m in [3/4, 3/2); then log(m) = y + log(m exp(-y)) for y the double nearest to log(m).
  const int k = x.exponent() + (scaled(x, -x.exponent()) < Wide(1.5) ? 0 : 1);
  const Wide m = scaled(x, -k);
  const Wide y = libm::log(m.round_to<double>());
  const Wide rest = wide_series::log1p_small((m - Wide(1)) + m * wide_series::expm1_small(-y));
  return Wide(k) * wide_ln2_high + (y + (rest + Wide(k) * wide_ln2_low));
}

inline Wide log1p(const Wide& x) noexcept {
  if (x.is_zero() || (x.is_finite() && x.exponent() < -7)) return wide_series::log1p_small(x);
  return log(Wide(1) + x);
}

namespace wide_series {

struct CosSin {
  Wide cos, sin;
};

/// Of an angle in [0, pi / 4], where both have full relative accuracy.
inline CosSin cos_sin_small(const Wide& angle) noexcept {
  const Wide v = versine_small(angle);
  return {Wide(1) - v, sqrt(v * (Wide(2) - v))};
}

}  // namespace wide_series

/// cos(pi x / 2) and sin(pi x / 2) for x in [0, 1], exact at both ends and accurate near them.
inline Wide cos_half_pi(const Wide& x) noexcept {
  const Wide half_pi = scaled(wide_pi, -1);
  return x > Wide(0.5) ? wide_series::cos_sin_small((Wide(1) - x) * half_pi).sin
                       : wide_series::cos_sin_small(x * half_pi).cos;
}
inline Wide sin_half_pi(const Wide& x) noexcept {
  const Wide half_pi = scaled(wide_pi, -1);
  return x >= Wide(0.5) ? wide_series::cos_sin_small((Wide(1) - x) * half_pi).cos
                        : wide_series::cos_sin_small(x * half_pi).sin;
}

/// (2 / pi) arctan(y) for y >= 0, infinity included: the x in [0, 1] with tan(pi x / 2) = y.
inline Wide atan_half_pi(const Wide& y) noexcept {
  if (y > Wide(1)) return Wide(1) - atan_half_pi(Wide(1) / y);
  if (y.is_nan()) return y;
  const Wide a = libm::atan(y.round_to<double>());
  const auto [cosine, sine] = wide_series::cos_sin_small(a);
  // arctan(y) = a + arctan(d), and d is so small that two terms of the series do.
  const Wide d = (y * cosine - sine) / (cosine + y * sine);
  return scaled((a + (d - d * d * d / Wide(3))) / wide_pi, 1);
}

}  // namespace diffusion::numerics
