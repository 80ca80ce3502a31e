// SPDX-License-Identifier: MIT
// What the checks of document 001 run on: single steps of random chains, two steps from clean data, whole chains.
#pragma once

#include "check.hpp"

namespace equations::note {

/// A sentence with numbers, for claims that are not equations.
template <class... Numbers>
std::string say(const char* format, Numbers... numbers) {
  char text[160];
  std::snprintf(text, sizeof text, format, numbers...);
  return text;
}

/// log N(x; mean, variance).
inline W log_normal(const W& x, const W& mean, const W& variance) {
  return (log(2 * diffusion::numerics::wide_pi * variance) + (x - mean) * (x - mean) / variance) / -2;
}

/// A step t - 1 -> t of a random chain, t >= 2, with states at it.
struct Step {
  diffusion::NoiseLevel<double> s, t;  // levels t - 1 and t
  W beta, alpha, bar_s, bar;           // bar_s is alpha_bar_{t-1}
  W x_0, eps, x_t;                     // x_t is made of x_0 and eps
  W x, y;                              // two places that x_{t-1} may be at
  W m, v;                              // mean and variance of data that are normal

  /// Mean and variance of x_{t-1} and x_t for data N(m, v).
  W mean_s() const { return sqrt(bar_s) * m; }
  W mean_t() const { return sqrt(bar) * m; }
  W variance_s() const { return bar_s * v + 1 - bar_s; }
  W variance_t() const { return bar * v + 1 - bar; }
  /// q(x_{t-1} | x_t) for these data, by regression of x_{t-1} on x_t: N(gain x_t + offset, reverse_variance).
  W gain() const { return sqrt(alpha) * variance_s() / variance_t(); }
  W offset() const { return mean_s() - gain() * mean_t(); }
  W reverse_variance() const { return variance_s() - gain() * gain() * variance_t(); }

  // [regression]
  /// q(x_{t-1} | x_t, x_0), by regression of x_{t-1} on x_t under q(. | x_0): their covariance is sqrt(alpha) (1 -
  /// bar_s).
  W slope() const { return sqrt(alpha) * (1 - bar_s) / (1 - bar); }
  W posterior_mean() const { return sqrt(bar_s) * x_0 + slope() * (x_t - sqrt(bar) * x_0); }
  W posterior_variance() const { return 1 - bar_s - slope() * slope() * (1 - bar); }
  // [regression]
};

/// Runs a check of (cases, step) at every step of random chains.
template <auto check>
Outcome at_steps() {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    const Chain chain = Chain::random(seed, 8);
    Draw draw(seed + 100);
    for (int t = 2; t <= chain.steps(); ++t) {
      const auto k = static_cast<std::size_t>(t);
      Step step{chain.schedule(t - 1),
                chain.schedule(t),
                chain.beta[k],
                chain.alpha[k],
                chain.alpha_bar[k - 1],
                chain.alpha_bar[k],
                draw.normal(),
                draw.normal(),
                {},
                draw.normal(),
                draw.normal(),
                draw.normal(),
                {}};
      step.x_t = sqrt(step.bar) * step.x_0 + sqrt(1 - step.bar) * step.eps;
      step.v = draw.between(0.1, 2);
      check(cases, step);
    }
  }
  return cases.outcome();
}

/// The first two steps of a chain, with the noise of each.
struct TwoSteps {
  W beta_1, beta_2, x_0, eps_1, eps_2;
  W x_1() const { return sqrt(1 - beta_1) * x_0 + sqrt(beta_1) * eps_1; }
  W x_2() const { return sqrt(1 - beta_2) * x_1() + sqrt(beta_2) * eps_2; }
  /// The factors of eps_1 and eps_2 in x_2, and the factor of eps* that replaces both.
  W a() const { return sqrt(1 - beta_2) * sqrt(beta_1); }
  W b() const { return sqrt(beta_2); }
  W merged() const { return sqrt(1 - (1 - beta_2) * (1 - beta_1)); }
  diffusion::DiscreteSchedule<double> schedule() const {
    return diffusion::DiscreteSchedule<double>{to_double(beta_1), to_double(beta_2)};
  }
};

/// Runs a check of (cases, two steps) at random betas.
template <auto check>
Outcome at_two_steps() {
  Cases cases;
  Draw draw(7);
  for (int k = 0; k < 40; ++k)
    check(cases,
          TwoSteps{draw.between(1e-4, 0.5), draw.between(1e-4, 0.5), draw.normal(), draw.normal(), draw.normal()});
  return cases.outcome();
}

/// Runs a check of (cases, chain) on whole random chains of 8 steps.
template <auto check>
Outcome at_chains() {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) check(cases, Chain::random(seed, 8));
  return cases.outcome();
}

/// Runs a check of (cases) once.
template <auto check>
Outcome once() {
  Cases cases;
  check(cases);
  return cases.outcome();
}

/// Places and weights that make the integral of a function times N(0, 1) a sum: the trapezoidal rule, whose error falls
/// like exp(-2 (pi width / step)^2) for a normal density of this width.
struct Node {
  W z, weight;
};
inline std::vector<Node> normal_nodes(int range, int per_unit) {
  std::vector<Node> nodes;
  for (int k = -range * per_unit; k <= range * per_unit; ++k)
    nodes.push_back({W(k) / per_unit, exp(log_normal(W(k) / per_unit, 0, 1)) / per_unit});
  return nodes;
}

/// beta_t = 2^-(t+1), whose sum is 1/2: 60 steps of noise that do not reach noise.
inline diffusion::DiscreteSchedule<double> summable_betas() {
  return diffusion::DiscreteSchedule<double>::from_betas(60, [](int t) { return scaled(W(1), -t - 1); });
}
/// beta_t = 1 / (t + 1), whose sum diverges: alpha_bar_t = 1 / (t + 1).
inline diffusion::DiscreteSchedule<double> harmonic_betas(int steps) {
  return diffusion::DiscreteSchedule<double>::from_betas(steps, [](int t) { return W(1) / W(t + 1); });
}

/// What exact reverse kernels for data N(1, 1/4) make of a Gaussian x_T.
// [generated]
inline diffusion::Gaussian<W> generated(const diffusion::DiscreteSchedule<double>& schedule, diffusion::Gaussian<W> x) {
  for (int t = schedule.steps(); t >= 1; --t) {
    const W bar_s = schedule(t - 1).working_signal_squared(), bar = schedule(t).working_signal_squared();
    const W at_s = bar_s / 4 + 1 - bar_s, at_t = bar / 4 + 1 - bar, gain = sqrt(bar / bar_s) * at_s / at_t;
    x.mean = sqrt(bar_s) + gain * (x.mean - sqrt(bar));
    x.variance = gain * gain * x.variance + at_s - gain * gain * at_t;
  }
  return x;
}
// [generated]

}  // namespace equations::note
