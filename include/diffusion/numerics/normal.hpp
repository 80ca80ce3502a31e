// SPDX-License-Identifier: MIT
// Logarithms of probabilities of a standard normal: of a tail, and of an interval, the difference of two values of Phi.
//
// Use log_normal_tail and log_normal_interval for any scalar, on Working<Real>: nothing is floored, and nothing cancels
// that was not lost in the arguments: both tails, intervals much narrower or wider than a deviation, probabilities near
// one. On Wide they take 15 to 60 microseconds. The functions named fast_ do the same in doubles, for arrays, in a
// tenth of a microsecond.
//
// Accuracy: on Wide relative 2^-160. On other scalars that of their exp, log and erfc; without an erfc of their own up
// to 20 bits are lost below 5 deviations. fast_: relative error below 2e-15 for the given arguments, with exp, log and
// log1p of a C library that are right to one unit in the last place, and without -ffast-math.
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

/// mills_ratio in doubles: relative error below 6e-16. The polynomial is of scripts/minimax.py.
inline double fast_mills_ratio(double x) {
  static constexpr double c[] = {
      0x1.e4aa012912ddep+0,  -0x1.8615d9b49165fp+0,  0x1.f0d9856bc3b07p-1,   -0x1.dec30ee67901ap-2,
      0x1.360ce26020a85p-3,  -0x1.35aa3c9530225p-6,  -0x1.1dcfea79f1044p-7,  0x1.0be6d6773e171p-8,
      0x1.5e7b1bb21fefap-12, -0x1.2fb435fa902a6p-11, -0x1.4100a93735555p-18, 0x1.7180198c884c3p-14,
      0x1.e2431ed1d8839p-20, -0x1.f20f61cccd065p-17, -0x1.a7e7b13763430p-20, 0x1.58c9d7de095c3p-19,
      0x1.6f017f72bb694p-21, -0x1.ae2b50fabb13ap-22, -0x1.d5081db108779p-23, 0x1.81074648ce9aap-25,
      0x1.d12e7e2fec4a8p-25, -0x1.9edb739154363p-30, -0x1.471d42bc6d2adp-27, -0x1.439eced185599p-32,
      0x1.e479640555c3bp-31};
  const double t = (x - 4) / (x + 4);
  double sum = c[24];
  for (int k = 23; k >= 0; --k) sum = sum * t + c[k];
  return sum / (x + 4);
}

namespace normal_details {

inline constexpr double root_two_pi = 0x1.40d931ff62706p+1, half_log_two_pi = 0x1.d67f1c864beb5p-1;

/// tail in doubles. The square is taken of the leading 24 bits, where it is exact, and of what is left.
inline double fast_tail(double x) {
  if (!(x < 40)) return 0;
  const double leading = static_cast<float>(x), rest = (x - leading) * (x + leading);
  return libm::exp(leading * leading / -2) * libm::exp(rest / -2) * (fast_mills_ratio(x) / root_two_pi);
}

}  // namespace normal_details

/// log(1 - Phi(x)) in doubles, for finite x.
inline double fast_log_normal_tail(double x) {
  if (x < 0) return libm::log1p(-normal_details::fast_tail(-x));
  return x * x / -2 + libm::log(fast_mills_ratio(x) / normal_details::root_two_pi);
}

/// log(Phi(upper) - Phi(lower)) in doubles, for finite lower <= upper = lower + 2 half, where half is known better than
/// by that difference.
inline double fast_log_normal_interval(double lower, double upper, double half) {
  const double middle = (lower + upper) / 2;
  if (middle < 0) return fast_log_normal_interval(-upper, -lower, half);
  if (half * (1 + middle) < 0.25) {
    double before = 1, term = half * middle, sum = 1;
    for (int k = 2; k <= 12; k += 2) {
      before = (half * middle * term - half * half * before) / k;
      sum += before / (k + 1);
      term = (half * middle * before - half * half * term) / (k + 1);
    }
    return middle * middle / -2 + libm::log(2 * half * sum / normal_details::root_two_pi);
  }
  if (lower < 0) return libm::log1p(-(normal_details::fast_tail(upper) + normal_details::fast_tail(-lower)));
  const double ratio = fast_mills_ratio(lower) - libm::exp(-2 * half * middle) * fast_mills_ratio(upper);
  return lower * lower / -2 + libm::log(ratio / normal_details::root_two_pi);
}

}  // namespace diffusion::numerics
