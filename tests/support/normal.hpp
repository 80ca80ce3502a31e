// SPDX-License-Identifier: MIT
// The truth of tails and intervals of a standard normal: MPFR's erfc, and further out the continued fraction of Laplace,
// because there erfc takes long, and at last the tail itself is below the smallest number of MPFR.
#pragma once

#include "truth.hpp"

namespace truth {

/// Digits enough for Real, and for the difference of two tails of a narrow interval.
using Long =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<160>, boost::multiprecision::et_off>;

/// mills_ratio by MPFR's erfc.
inline Long mills_by_erfc(const Long& x) {
  static const Long half_pi = 2 * atan(Long(1));
  Long erfc;
  mpfr_erfc(erfc.backend().data(), Long(x / sqrt(Long(2))).backend().data(), MPFR_RNDN);
  return sqrt(half_pi) * exp(x * x / 2) * erfc;
}

/// mills_ratio by 1 / (x + 1 / (x + 2 / (x + 3 / ...))), for x >= 5: its terms suffice for all digits.
inline Long mills_by_fraction(const Long& x) {
  Long denominator = x;
  for (int k = 120 + static_cast<int>(40000 / (x * x)); k > 0; --k) denominator = x + k / denominator;
  return 1 / denominator;
}

/// (1 - Phi(x)) / phi(x) for x >= 0.
inline Long mills_ratio(const Long& x) { return x > 6 ? mills_by_fraction(x) : mills_by_erfc(x); }

/// log(1 - Phi(x)).
inline Long log_normal_tail(const Long& x) {
  if (x < 0) return log1p(-exp(log_normal_tail(-x)));
  static const Long log_two_pi = log(8 * atan(Long(1)));
  return (x * x + log_two_pi) / -2 + log(mills_ratio(x));
}

/// log(Phi(upper) - Phi(lower)).
inline Long log_normal_interval(const Long& lower, const Long& upper) {
  if (upper <= 0) return log_normal_interval(-upper, -lower);
  if (lower < 0) return log1p(-(exp(log_normal_tail(-lower)) + exp(log_normal_tail(upper))));
  return log_normal_tail(lower) + log1p(-exp(log_normal_tail(upper) - log_normal_tail(lower)));
}

}  // namespace truth
