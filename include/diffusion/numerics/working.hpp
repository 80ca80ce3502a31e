// SPDX-License-Identifier: MIT
// In which precision the scalars of a Real are computed, and how they become a Real again.
//
// float, double and long double are computed in Wide and rounded once. Every other scalar (multiprecision, dual
// numbers, intervals) is its own working precision: the formulas are the same templates, found by argument-dependent
// lookup.
#pragma once

#include <limits>

#include "wide.hpp"
#include "wide_functions.hpp"

namespace diffusion::numerics {

template <class Real>
struct WorkingPrecision {
  using type = Real;
};
template <std::floating_point Real>
struct WorkingPrecision<Real> {
  using type = Wide;
};

/// The type that the formulas of a Real are evaluated in.
template <class Real>
using Working = typename WorkingPrecision<Real>::type;

/// The one rounding between a formula and its caller.
template <class Real, class W>
constexpr Real round_to(const W& value) {
  if constexpr (std::floating_point<Real> && std::same_as<W, Wide>)
    return value.template round_to<Real>();
  else
    return Real(value);
}

/// A value whose last bits are noise, without them: for a result of cancellation that is known to be of few digits more
/// often than it is near to one of few digits by chance.
template <class W>
W without_noise(const W& x) {
  if constexpr (std::same_as<W, Wide>)
    return rounded_to_bits(x, 150);
  else
    return x;
}

/// Differences below this, relatively, are rounding errors of a chain of operations in W.
template <class W>
W working_tolerance() {
  if constexpr (std::same_as<W, Wide>)
    return scaled(Wide(1), -170);
  else
    return W(std::numeric_limits<W>::epsilon()) * W(64);
}

template <class W>
bool is_nan(const W& x) {
  return !(x == x);
}

}  // namespace diffusion::numerics
