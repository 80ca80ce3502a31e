// SPDX-License-Identifier: MIT
// What the checks of document 000 run on: sums of noises left as symbols, and the first four steps of random chains.
#pragma once

#include <algorithm>

#include "check.hpp"

namespace equations::intuitions {

/// x_0 and the independent noises of a chain left as symbols: factor x_0 + sum of eps[i] epsilon_i.
struct Combination {
  W x_0 = 0;
  std::vector<W> eps;

  W variance() const {
    W sum = 0;
    for (const W& factor : eps) sum += factor * factor;
    return sum;
  }
  friend Combination operator*(const W& factor, Combination x) {
    x.x_0 *= factor;
    for (W& e : x.eps) e *= factor;
    return x;
  }
  friend Combination operator+(Combination x, const Combination& y) {
    x.x_0 += y.x_0;
    x.eps.resize(std::max(x.eps.size(), y.eps.size()));
    for (std::size_t i = 0; i < y.eps.size(); ++i) x.eps[i] += y.eps[i];
    return x;
  }
};
inline const Combination original{1, {}};
inline Combination noise(std::size_t t) {
  Combination e{0, std::vector<W>(t)};
  e.eps[t - 1] = 1;
  return e;
}

/// A random chain of four steps, its alphas, an x_0 and a noise for each step.
struct Steps {
  Chain chain;
  W x_0, e1, e2, e3, fresh;
  std::vector<W> a;  // another sequence of the kind of the alphas
  W a1 = chain.alpha[1], a2 = chain.alpha[2], a3 = chain.alpha[3], a4 = chain.alpha[4];
  W x_1 = sqrt(a1) * x_0 + sqrt(1 - a1) * e1, x_2 = sqrt(a2) * x_1 + sqrt(1 - a2) * e2;

  diffusion::NoiseLevel<double> level(int t) const { return chain.schedule(t); }
  /// x_t from the steps, as x_0 and noises.
  Combination x(std::size_t t) const {
    Combination state = original;
    for (std::size_t i = 1; i <= t; ++i)
      state = sqrt(chain.alpha[i]) * state + sqrt(1 - chain.alpha[i]) * equations::intuitions::noise(i);
    return state;
  }
};

/// Runs check(cases, steps) on a hundred random chains.
template <class F>
Outcome on_chains(F check) {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    Draw draw(seed + 1000);
    check(cases, Steps{Chain::random(seed, 4), draw.normal(), draw.normal(), draw.normal(), draw.normal(),
                       draw.normal(), Chain::random(seed + 500, 4).alpha});
  }
  return cases.outcome();
}

inline W squares(const W& a, const W& b) { return a * a + b * b; }
inline W square_of_sum(const W& a, const W& b) { return (a + b) * (a + b); }

}  // namespace equations::intuitions
