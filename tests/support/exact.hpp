// SPDX-License-Identifier: MIT
// The library's own functions in 126 digits, at random levels and chains: to execute an equation, compute both of its
// sides and compare them far below what a wrong sign, index or root would change.
#pragma once

#include <algorithm>
#include <diffusion/process/discrete_schedule.hpp>

#include "catch.hpp"
#include "random.hpp"
#include "truth.hpp"

namespace exact {

using truth::Real;
using Level = diffusion::NoiseLevel<Real>;

inline Real number(double low = -2, double high = 2) { return Real(random_arguments::uniform(low, high)); }

/// Variance preserving, variance exploding, and the straight line of flow matching, in turn with i.
inline Level random_level(int i) {
  if (i % 3 == 0) return diffusion::vp_level<Real>(number(-12, 12));
  if (i % 3 == 1) return diffusion::ve_level<Real>(Real(random_arguments::log_uniform(1e-3, 1e3)));
  const Real t = number(0.01, 0.99);
  return diffusion::signal_noise_level<Real>(1 - t, t);
}

/// Two levels of one kind, s the cleaner.
struct Pair {
  Level s, t;
};
inline Pair random_pair(int i) {
  const Level a = random_level(i), b = random_level(i);
  return a.log_snr() > b.log_snr() ? Pair{a, b} : Pair{b, a};
}

/// A schedule of random betas, and what the papers derive from them; t = 0..T, beta[0] unused.
struct Chain {
  std::vector<Real> beta{0}, alpha{1}, alpha_bar{1};
  diffusion::DiscreteSchedule<Real> schedule;

  explicit Chain(int steps) : schedule(draw(steps)) {}

 private:
  std::vector<Real> draw(int steps) {
    for (int t = 1; t <= steps; ++t) {
      beta.push_back(number(1e-4, 0.5));
      alpha.push_back(1 - beta.back());
      alpha_bar.push_back(alpha_bar.back() * alpha.back());
    }
    return {beta.begin() + 1, beta.end()};
  }
};

inline void require_equal(const Real& left, const Real& right, double tolerance = 1e-90) {
  CAPTURE(left, right);
  REQUIRE((isfinite(left) && isfinite(right)));  // relative to infinity, every difference is small
  REQUIRE(abs(left - right) <= tolerance * std::max({Real(1), Real(abs(left)), Real(abs(right))}));
}

/// The derivative of a polynomial of degree two at most: exact.
template <class F>
Real slope_of_quadratic(F f, const Real& x) {
  return (f(Real(x + 1)) - f(Real(x - 1))) / 2;
}

/// The derivative of a smooth function, to some 60 digits.
template <class F>
Real slope(F f, const Real& x) {
  static const Real h = ldexp(Real(1), -110);
  return (f(Real(x + h)) - f(Real(x - h))) / (2 * h);
}
constexpr double slope_tolerance = 1e-55;

}  // namespace exact
