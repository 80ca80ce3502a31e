// SPDX-License-Identifier: MIT
// Logarithms of probabilities of a standard normal: of a tail, and of an interval, the difference of two values of Phi.
//
// Use log_normal_tail and log_normal_interval for any scalar, on Working<Real>: nothing is floored, and nothing cancels
// that was not lost in the arguments: both tails, intervals much narrower or wider than a deviation, probabilities near
// one. On Wide they take 15 to 60 microseconds; likelihood_kernels.hpp has what arrays need, in some nanoseconds.
//
// Accuracy: on Wide relative 2^-160. On other scalars that of their exp, log and erfc; without an erfc of their own up
// to 20 bits are lost below 5 deviations.
// Source: Mills' ratio by its Maclaurin series and by Laplace's continued fraction, Abramowitz & Stegun 26.2.11 and
// 26.2.14, summed as in Gautschi 1967; narrow intervals by the generating function of Hermite polynomials, 22.9.17.
#pragma once

#include "special.hpp"

namespace diffusion::numerics {

/// (1 - Phi(x)) / phi(x) for x >= 0, infinity included.
template <class W>
W mills_ratio(const W& x) {
  if (x < W(5)) {
    const W scale = sqrt(pi<W>() / W(2)) * exp(W(x * x / W(2)));
    if constexpr (requires { W(erfc(x)); }) {
      return scale * erfc(W(x / sqrt(W(2))));
    } else {
      W term = x, sum = x;
      for (int k = 3;; k += 2) {
        term = term * x * x / W(k);
        const W next = sum + term;
        if (next == sum) return scale - sum;
        sum = next;
      }
    }
  }
  W d = W(1) / x;
  if (!(d > W(0))) return d;  // of infinity or NaN
  W step = d, sum = d;
  for (int k = 1;; ++k) {
    const W before = d;
    d = W(1) / (x + W(k) * d);
    step = step * before * d * W(-k);
    const W next = sum + step;
    if (next == sum) return sum;
    sum = next;
  }
}

namespace normal_details {

/// 1 - Phi(x) for x >= 0.
template <class W>
W tail(const W& x) {
  return exp(W(x * x / W(-2))) / sqrt(W(2) * pi<W>()) * mills_ratio(x);
}

/// log phi(x).
template <class W>
W log_density(const W& x) {
  return (x * x + log(W(2) * pi<W>())) / W(-2);
}

}  // namespace normal_details

/// log(1 - Phi(x)), infinite x included.
template <class W>
W log_normal_tail(const W& x) {
  if (x < W(0)) return log1p_of(W(-normal_details::tail(W(-x))));
  return normal_details::log_density(x) + log(mills_ratio(x));
}

/// log(Phi(upper) - Phi(lower)) for lower <= upper, infinite ones included; minus infinity where they are equal.
template <class W>
W log_normal_interval(const W& lower, const W& upper) {
  if (lower == upper) return log(W(0));
  const W middle = (lower + upper) / W(2), half = (upper - lower) / W(2);
  if (middle < W(0)) return log_normal_interval(W(-upper), W(-lower));
  if (half * (W(1) + middle) < W(0.0625)) {
    // The integral of phi(middle + t) over |t| < half, with term k = half^k He_k(middle) / k!. One of two terms that
    // follow each other may be zero by chance, so the sum has to stay the same twice.
    W before(1), term = half * middle, sum(1);
    for (int k = 2, same = 0; same < 2; k += 2) {
      before = (half * middle * term - half * half * before) / W(k);
      const W next = sum + before / W(k + 1);
      same = next == sum || is_nan(next) ? same + 1 : 0;
      sum = next;
      term = (half * middle * before - half * half * term) / W(k + 1);
    }
    return normal_details::log_density(middle) + log(W(W(2) * half * sum));
  }
  if (lower < W(0)) return log1p_of(W(-(normal_details::tail(upper) + normal_details::tail(W(-lower)))));
  return normal_details::log_density(lower) +
         log(W(mills_ratio(lower) - exp(W(W(-2) * half * middle)) * mills_ratio(upper)));
}

}  // namespace diffusion::numerics
