// SPDX-License-Identifier: MIT
// Document 003, joint distributions: the forward process.
#pragma once

#include "joint_common.hpp"

namespace equations::joint {

// [slow_noise]
/// Each of the 1000 steps keeps 98 % of the square of the signal or more; all of them keep 0.00004 of it.
inline Outcome slow_noise() {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  for (int t = 1; t <= 1000; ++t) cases.require(schedule.alpha(t) >= 0.98, "a step that takes more than 2 %");
  cases.require(schedule(1000).alpha_bar() < 4.1e-5, "more is left");
  return cases.outcome();
}
// [slow_noise]

// [markov]
/// q(x_3 | x_2, x_1, x_0), a quotient of joint densities, does not depend on x_1.
inline Outcome markov() {
  return on_paths([](Cases& cases, const Path& p) {
    const std::vector up_to_3{p.level(3), p.level(2), p.level(1), p.level(0)},
        up_to_2{p.level(2), p.level(1), p.level(0)};
    for (const W& x_1 : {p.x(1), p.x(4)}) {
      const W conditional = forward_joint_log_density(up_to_3, std::vector{p.x(3), p.x(2), x_1, p.x(0)}) -
                            forward_joint_log_density(up_to_2, std::vector{p.x(2), x_1, p.x(0)});
      cases.equal(conditional, log_normal(p.x(3), sqrt(1 - p.beta(3)) * p.x(2), p.beta(3)));
    }
  });
}
// [markov]

// [forward_joint]
/// The product of the transitions against the density of one Gaussian with the mean signal_t x_0 and, for s before t,
/// the covariance sqrt(alpha_bar_t / alpha_bar_s) (1 - alpha_bar_s).
inline Outcome forward_joint() {
  return on_paths([](Cases& cases, const Path& p) {
    W product = 0;
    Multivariate q(4);
    for (int t = 1; t <= 4; ++t) {
      product += log_normal(p.x(t), sqrt(1 - p.beta(t)) * p.x(t - 1), p.beta(t));
      const auto i = static_cast<std::size_t>(4 - t);
      q.mean[i] = sqrt(p.alpha_bar(t)) * p.x(0);
      for (int s = 1; s <= t; ++s) {
        const auto j = static_cast<std::size_t>(4 - s);
        q.covariance[i][j] = q.covariance[j][i] = sqrt(p.alpha_bar(t) / p.alpha_bar(s)) * (1 - p.alpha_bar(s));
      }
    }
    cases.equal(forward_joint_log_density(p.levels, p.path), product);
    cases.equal(q.log_density({p.x(4), p.x(3), p.x(2), p.x(1)}), product);
  });
}
// [forward_joint]

// [tractable_prior]
/// KL(q(x_T) || N(0, I)) for data N(0.5, 0.25): not zero, and less the longer the chain.
inline double from_prior(const Level& t) {
  const double variance = t.alpha_bar() * 0.25 + t.noise_variance();
  return kl_divergence(diffusion::Gaussian<double>{t.signal() * 0.5, variance}, diffusion::Gaussian<double>{0, 1});
}
inline Outcome tractable_prior(bool exactly) {
  Cases cases;
  double before = from_prior(diffusion::linear_schedule(1)(1));
  for (const int steps : {10, 100, 1000}) {
    const double kl = from_prior(diffusion::linear_schedule(steps)(steps));
    cases.require(kl < before, "a longer chain that is farther from the prior");
    before = kl;
  }
  cases.require(before < 1e-5, "1000 steps");
  if (exactly) cases.equal(before, W(0), "KL(q(x_1000) || p(x_1000)), true and printed");
  return cases.outcome();
}
// [tractable_prior]

// [transition]
inline Outcome transition() {
  return on_paths([](Cases& cases, const Path& p) {
    for (int t = 1; t <= 4; ++t) {
      const auto q = diffusion::q_transition(p.level(t - 1), p.level(t));
      cases.equal(q.scale, sqrt(1 - p.beta(t)), "factor of x_{t-1}");
      cases.equal(q.variance, p.beta(t), "variance");
    }
  });
}
// [transition]

// [marginal]
/// q(x_t | x_0) with the mean sqrt(a) x_0 and the variance 1 - a.
template <class A>
Outcome marginal(A a) {
  return on_paths([&](Cases& cases, const Path& p) {
    for (int t = 1; t <= 4; ++t) {
      const auto q = diffusion::q_marginal(p.level(t));
      cases.equal(q.signal, sqrt(a(p, t)), "factor of x_0 in x_t, true and printed");
      cases.equal(p.level(t).noise_variance(), 1 - a(p, t), "variance of x_t given x_0, true and printed");
    }
  });
}
inline W one_minus_beta(const Path& p, int t) { return 1 - p.beta(t); }
inline W alpha_bar(const Path& p, int t) { return p.alpha_bar(t); }

/// The marginal is the mixture of the transitions: means and variances pass from step to step.
inline Outcome marginal_by_steps() {
  return on_paths([](Cases& cases, const Path& p) {
    W factor = 1, variance = 0;
    for (int t = 1; t <= 4; ++t) {
      factor *= sqrt(1 - p.beta(t));
      variance = (1 - p.beta(t)) * variance + p.beta(t);
      cases.equal(diffusion::q_marginal(p.level(t)).signal, factor);
      cases.equal(p.level(t).noise_variance(), variance);
    }
  });
}

/// A draw of x_t from x_0 and one Gaussian vector.
inline Outcome sample() {
  return on_paths([](Cases& cases, const Path& p) {
    for (int t = 1; t <= 4; ++t) {
      const auto q = diffusion::q_marginal(p.level(t));
      cases.equal(q.signal, sqrt(p.alpha_bar(t)));
      cases.equal(q.noise, sqrt(1 - p.alpha_bar(t)));
      cases.equal(sample(Data{sqrt(p.alpha_bar(t)) * p.x(0), 1 - p.alpha_bar(t)}, p.x(1)),
                  sqrt(p.alpha_bar(t)) * p.x(0) + sqrt(1 - p.alpha_bar(t)) * p.x(1));
    }
  });
}
// [marginal]

// [terminal]
/// For any x_0, KL(q(x_T | x_0) || N(0, I)) goes to zero with alpha_bar_T, as alpha_bar_T x_0^2 / 2.
inline Outcome terminal_gaussian() {
  Cases cases;
  for (const double x_0 : {0.0, 1.0, 100.0}) {
    double before = diffusion::prior_kl(diffusion::alpha_bar_level(0.1), x_0);
    for (double alpha_bar = 0.01; alpha_bar > 1e-12; alpha_bar /= 10) {
      const double kl = diffusion::prior_kl(diffusion::alpha_bar_level(alpha_bar), x_0);
      cases.require(kl < before / 9, "it does not fall with alpha_bar");
      before = kl;
    }
  }
  return cases.outcome();
}
// [terminal]

// [terminal_scale]
/// The divergence at the end of the linear schedule, alpha_bar = 0.00004, for a pixel in [-1, 1] and for one in
/// [0, 255], against the bound that alpha_bar alone would give and the one that also knows x_0.
inline Outcome terminal_bound(bool by_alpha_bar_alone) {
  Cases cases;
  const auto level = diffusion::linear_schedule(1000)(1000);
  for (const double x_0 : {1.0, 255.0}) {
    const double kl = diffusion::prior_kl(level, x_0);
    const double bound = level.alpha_bar() * (by_alpha_bar_alone ? 1 : x_0 * x_0);
    if (kl > bound) cases.equal(W(kl), W(bound), "KL for x_0 = 255, true and as alpha_bar says");
    cases.require(kl <= bound, "the bound");
  }
  return cases.outcome();
}
// [terminal_scale]

// [terminal_marginal]
/// q(x_T) as the integral of q(x_T | x_0) q(x_0) over x_0: a trapezoidal sum, exact to 2^-150 at this spacing, against
/// the Gaussian that it is for Gaussian data.
inline Outcome terminal_marginal() {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    const Path p(seed);
    const W signal = sqrt(p.alpha_bar(4)), noise_squared = 1 - p.alpha_bar(4), v = p.data.variance;
    const W total = signal * signal * v + noise_squared, width = sqrt(v * noise_squared / total);
    const W centre = p.data.mean + v * signal / total * (p.x(4) - signal * p.data.mean);
    W sum = 0;
    for (int i = -80; i <= 80; ++i) {
      const W x_0 = centre + W(i) * width / 4;
      sum += width / 4 * exp(log_normal(p.x(4), signal * x_0, noise_squared) + log_density(p.data, x_0));
    }
    cases.equal(sum, exp(log_normal(p.x(4), signal * p.data.mean, total)));
  }
  return cases.outcome();
}
// [terminal_marginal]

// [loses_structure]
/// The correlation of x_T with x_0 for data of variance 1.
inline Outcome structure_left(bool none) {
  Cases cases;
  const auto level = diffusion::linear_schedule(1000)(1000);
  const W correlation = sqrt(level.working_signal_squared());
  if (none) cases.equal(correlation, 0, "correlation of x_1000 and x_0, true and printed");
  cases.require(correlation < W(0.0064), "more is left");
  cases.equal(diffusion::rescale_zero_terminal_snr(diffusion::linear_schedule(1000))(1000).signal(), W(0));
  return cases.outcome();
}
// [loses_structure]

// [injects_noise]
/// The variance of x_T for data of variance 1, where each step shrinks x by factor(beta_t) before it adds noise.
template <class Factor>
Outcome injects_noise(Factor factor) {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  W variance = 1;
  for (int t = 1; t <= 1000; ++t) {
    const auto q = diffusion::q_transition(schedule(t - 1), schedule(t));
    variance = factor(q) * factor(q) * variance + W(q.variance);
  }
  const W stays = diffusion::q_marginal(schedule(1000)).signal;  // of the data's variance, and of the noise's
  const W expected = stays * stays + W(schedule(1000).noise_variance());
  const double off = to_double(absolute(W(variance - expected)));
  cases.require(
      off < 1e-13,
      text("variance of x_1000, true and by adding alone: %.6g against %.6g", to_double(expected), to_double(variance)),
      off);
  return cases.outcome();
}
// [injects_noise]

inline std::vector<Check> forward_checks() {
  return {
      {"joint.slow_noise", slow_noise},
      {"joint.markov", markov},
      {"joint.forward_joint", forward_joint},
      {"joint.tractable_prior", [] { return tractable_prior(true); }, [] { return tractable_prior(false); }},
      {"joint.transition", transition},
      {"joint.marginal_is_analytical", marginal_by_steps},
      {"joint.marginal", [] { return marginal(one_minus_beta); }, [] { return marginal(alpha_bar); }},
      {"joint.alpha_bar_undefined", [] { return marginal(one_minus_beta); }, [] { return marginal(alpha_bar); }},
      {"joint.gaussian_vector", sample},
      {"joint.sample", sample},
      {"joint.terminal_gaussian", terminal_gaussian},
      {"joint.terminal_scale", [] { return terminal_bound(true); }, [] { return terminal_bound(false); }},
      {"joint.terminal_marginal", terminal_marginal},
      {"joint.terminal_approximation", [] { return tractable_prior(false); }},
      {"joint.injects_noise", [] { return injects_noise([](const auto&) { return W(1); }); },
       [] { return injects_noise([](const auto& q) { return W(q.scale); }); }},
      {"joint.loses_structure", [] { return structure_left(true); }, [] { return structure_left(false); }},
  };
}

}  // namespace equations::joint
