// SPDX-License-Identifier: MIT
// Elementary functions that textbook formulas write with a cancellation, for any scalar type.
//
// Use them inside formulas, on Working<Real>. They ask of a scalar only arithmetic, comparison and, by
// argument-dependent lookup, exp, log, sqrt, cos, sin and atan; expm1 and log1p are used when the type has them.
//
// Accuracy: as that of the scalar's own functions; no digit is lost where the argument is small.
#pragma once

#include "libm.hpp"
#include "working.hpp"

namespace diffusion::numerics {

template <class W>
W absolute(const W& x) {
  return x < W(0) ? W(-x) : x;
}

/// exp(x); of a double by the C library, quickly.
template <class W>
W exp_of(const W& x) {
  if constexpr (std::same_as<W, double>)
    return libm::exp(x);
  else
    return round_to<W>(Working<W>(exp(Working<W>(x))));
}

/// exp(x) - 1.
template <class W>
W expm1_of(const W& x) {
  if constexpr (requires { W(expm1(x)); })
    return expm1(x);
  else
    return exp(x) - W(1);
}

/// log(1 + x); of a double by the C library.
template <class W>
W log1p_of(const W& x) {
  if constexpr (std::same_as<W, double>)
    return libm::log1p(x);
  else if constexpr (requires { W(log1p(x)); })
    return log1p(x);
  else
    return log(W(1) + x);
}

/// u - log(1 + u) >= 0, the size of a step of log that its tangent misses; ~ u^2 / 2.
template <class W>
W minus_log1p(const W& u) {
  if (!(absolute(u) < W(0.015625))) return u - log1p_of(u);
  W power = u * u, sum = power / W(2);
  for (int k = 3;; ++k) {
    power = power * -u;
    const W next = sum + power / W(k);
    if (next == sum || is_nan(next)) return next;
    sum = next;
  }
}

/// r - 1 - log r >= 0 for r = p / q, twice the divergence of two normals of one mean and of these variances. The
/// difference p - q is given, where it may be known better than by a subtraction; far from r = 1 it has lost the
/// smaller.
template <class W>
W variance_divergence(const W& p, const W& q, const W& difference) {
  if (!(W(2) * p < q) && !(W(2) * q < p)) return minus_log1p(W(difference / q));
  const W ratio = p / q;
  return ratio - W(1) - log(ratio);
}

template <class W>
struct LogisticPair {
  W at, complement;  // sigmoid(x), sigmoid(-x): their sum is one, and neither is found by subtraction
};

/// sigmoid(x) = 1 / (1 + exp(-x)) and sigmoid(-x); infinite x included.
template <class W>
LogisticPair<W> logistic(const W& x) {
  const W e = exp(-absolute(x)), large = W(1) / (W(1) + e), small = e / (W(1) + e);
  return x < W(0) ? LogisticPair<W>{small, large} : LogisticPair<W>{large, small};
}

template <class W>
struct HyperbolicPair {
  W cosh, sinh;
};

/// cosh(x) and sinh(x).
template <class W>
HyperbolicPair<W> hyperbolic(const W& x) {
  const W e = expm1_of(absolute(x)), sinh = (e + e / (W(1) + e)) / W(2);
  return {W(1) + e * e / (W(2) * (W(1) + e)), x < W(0) ? W(-sinh) : sinh};
}

/// pi, to the last digit of W.
template <class W>
W pi() {
  if constexpr (std::same_as<W, Wide>)
    return wide_pi;
  else
    return W(4) * atan(W(1));
}

/// cos(pi x / 2), sin(pi x / 2) for x in [0, 1] and (2 / pi) atan(y) for y >= 0; Wide has its own.
template <class W>
W cos_half_pi(const W& x) {
  const W half_pi = pi<W>() / W(2);
  return x > W(0.5) ? W(sin(half_pi * (W(1) - x))) : W(cos(half_pi * x));
}
template <class W>
W sin_half_pi(const W& x) {
  const W half_pi = pi<W>() / W(2);
  return x > W(0.5) ? W(cos(half_pi * (W(1) - x))) : W(sin(half_pi * x));
}
template <class W>
W atan_half_pi(const W& y) {
  const W half_pi = pi<W>() / W(2);
  return y > W(1) ? W(W(1) - atan(W(1) / y) / half_pi) : W(atan(y) / half_pi);
}

}  // namespace diffusion::numerics
