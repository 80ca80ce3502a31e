// SPDX-License-Identifier: MIT
// The truth of tails and intervals of a standard normal: MPFR's erfc on the side where it is small, and far out the
// asymptotic series, because there the tail itself is below the smallest number of MPFR.
#pragma once

#include "truth.hpp"

namespace truth {

/// Digits enough for Real, and for the difference of two tails of a narrow interval.
using Long =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<160>, boost::multiprecision::et_off>;

/// (1 - Phi(x)) / phi(x) for x >= 0.
inline Long mills_ratio(const Long& x) {
  if (x > 30) {
    Long sum = 1, term = 1;
    for (int k = 1; term != 0 && abs(term) > 1e-170; k += 2) sum += term *= -k / (x * x);
    return sum / x;
  }
  static const Long half_pi = 2 * atan(Long(1));
  Long erfc;
  mpfr_erfc(erfc.backend().data(), Long(x / sqrt(Long(2))).backend().data(), MPFR_RNDN);
  return sqrt(half_pi) * exp(x * x / 2) * erfc;
}

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
