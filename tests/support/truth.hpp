// SPDX-License-Identifier: MIT
// The oracle of the accuracy tests: MPFR with 420 bits (126 digits), and the correctly rounded value of what it
// computes.
#pragma once

#include <boost/multiprecision/mpfr.hpp>
#include <cstring>
#include <diffusion/numerics/wide.hpp>
#include <type_traits>

namespace truth {

using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<126>, boost::multiprecision::et_off>;

/// The exact value of a Wide: a sum of doubles, each taking the leading bits that are left.
inline Real exact(diffusion::numerics::Wide x) {
  using diffusion::numerics::Wide;
  if (x.is_zero()) return 0;
  const int exponent = x.exponent();
  x = scaled(x, -std::int64_t(exponent));
  Real sum = 0;
  while (!x.is_zero()) {
    const double part = x.round_to<double>();
    sum += part;
    x = x - Wide(part);
  }
  return ldexp(sum, exponent);
}

/// The F nearest to x, ties to even, subnormal numbers and overflow included.
template <class F>
F rounded(const Real& x) {
  if constexpr (std::is_same_v<F, double>) return mpfr_get_d(x.backend().data(), MPFR_RNDN);
  if constexpr (std::is_same_v<F, float>) return mpfr_get_flt(x.backend().data(), MPFR_RNDN);
  if constexpr (std::is_same_v<F, long double>) return mpfr_get_ld(x.backend().data(), MPFR_RNDN);
}

/// Equal in value, any NaN equal to any NaN.
template <class F>
bool same(F a, F b) {
  return a == b || (a != a && b != b);
}

}  // namespace truth
