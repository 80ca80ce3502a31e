// SPDX-License-Identifier: MIT
// Document 003, joint distributions: the reverse process, and both chains as distributions of a path.
#pragma once

#include "joint_common.hpp"

namespace equations::joint {

// [prior]
/// The noise that sampling starts from: neighbouring elements of a million are uncorrelated, up to 5 standard errors.
inline Outcome unstructured() {
  Cases cases;
  const std::vector<double> x = diffusion::NormalNoise{.seed = 1}.initial(std::vector<double>(1000000));
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) sum += x[i] * x[i + 1];
  cases.require(std::abs(sum) < 5 * std::sqrt(1e6), "neighbours are correlated");
  return cases.outcome();
}

/// p(x_T): the reverse joint of a grid of one level.
inline Outcome prior() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.equal(reverse_joint_log_density(std::vector{p.level(4)}, std::vector{p.x(4)}, p.model()),
                log_normal(p.x(4), 0, 1));
  });
}
// [prior]

// [reverse_transition]
/// p(x_{t-1} | x_t) with any mean and any variance of its own, as the last factor of a joint.
inline Outcome reverse_transition() {
  return on_paths([](Cases& cases, const Path& p) {
    const std::vector levels{p.level(4), p.level(3)};
    const std::vector path{p.x(4), p.x(3)};
    for (const double variance : {0.01, 0.5, 3.0}) {
      // any mean will do: the x_0_hat that leads to it is found from mu = x0 x_0_hat + xt x_t
      const auto mean = [](const W& x) { return W(x / (1 + x * x)); };
      const auto x_0_hat = [&](const W& x, const Level&) {
        const W xt = sqrt(1 - p.beta(4)) * (1 - p.alpha_bar(3)) / (1 - p.alpha_bar(4));
        return W((mean(x) - xt * x) * (1 - p.alpha_bar(4)) / (sqrt(p.alpha_bar(3)) * p.beta(4)));
      };
      const diffusion::ReverseModel model{x_0_hat, [=](const Level&, const Level&) { return variance; }};
      cases.equal(reverse_joint_log_density(levels, path, model) - log_normal(p.x(4), 0, 1),
                  log_normal(p.x(3), mean(p.x(4)), variance));
    }
  });
}
// [reverse_transition]

// [gaussian_reverse]
/// The excess kurtosis of q(x_s | x_t) at x_t = 0 for data at -1 and 1: two Gaussians, a distance apart that shrinks
/// with the step. No Gaussian has any.
inline Outcome gaussian_reverse(int step) {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  for (int t = 200; t <= 1000; t += 200) {
    const auto q = diffusion::q_posterior(schedule(t - step), schedule(t));
    const double between = q.x0 * q.x0, kurtosis = -2 * std::pow(between / (between + q.variance), 2);
    cases.require(
        std::abs(kurtosis) < 0.01,
        text("excess kurtosis of q(x_%d | x_%d), true and of a Gaussian: %.3f against 0", t - step, t, kurtosis),
        std::abs(kurtosis));
  }
  return cases.outcome();
}
// [gaussian_reverse]

// [variance_of_a_vector]
/// The log-density of a step of two elements of variance 1 and covariance c at (1, 1), and the same from the variances
/// alone.
inline Outcome covariance_matrix(bool variances_alone) {
  Cases cases;
  const W c = 0.5;
  Multivariate step(2);
  step.covariance = {{1, c}, {c, 1}};
  const W by_sum_and_difference = log_normal(2, 0, 2 * (1 + c)) + log_normal(0, 0, 2 * (1 - c)) + log(W(2));
  cases.equal(step.log_density({1, 1}), variances_alone ? W(2 * log_normal(1, 0, 1)) : by_sum_and_difference,
              "log-density at (1, 1) for covariance 0.5, by the matrix and by the variances");
  return cases.outcome();
}
// [variance_of_a_vector]

// [sampling]
/// sample() goes t = T, ..., 1 and ends on x_0. Its answer to each noise alone gives its variance: that of the joint's
/// x_0 but for the last step, which algorithm 2 of Ho et al. leaves without noise.
inline Outcome sampling() {
  Cases cases;
  const auto levels = linear_levels(10);
  const auto best = best_denoiser({0.5, 0.25});
  const diffusion::AncestralSampler sampler{diffusion::TransitionVariance{}};
  const auto run = [&](double start, int impulse) {
    int steps = 0;
    const auto noise = [&](int k, const W&) { return W(k == impulse ? 1 : 0); };
    const W x = sample(sampler, best, levels, W(start), noise, [&](const auto& progress) {
      cases.require(progress.from.time() == levels[static_cast<std::size_t>(steps++)].time(), "another level");
    });
    cases.require(steps == 10 && levels.back().time() == 0, "not all steps");
    return x;
  };
  const auto expected = reverse_marginal(levels, diffusion::ReverseModel{best, diffusion::TransitionVariance{}});
  const W mean = run(0, -1);
  W variance = (run(1, -1) - mean) * (run(1, -1) - mean);
  for (int k = 0; k < 9; ++k) variance += (run(0, k) - mean) * (run(0, k) - mean);
  variance += W(diffusion::q_transition(levels[10], levels[9]).variance);
  // the sampler's coefficients are doubles
  cases.require(absolute(W(mean - expected.mean)) < W(1e-14), "mean");
  cases.require(absolute(W(variance - expected.variance)) < W(1e-14), "variance");
  return cases.outcome();
}
// [sampling]

// [reverse_joint]
/// The product of p(x_T) and the reverse steps against the density of one Gaussian.
inline Outcome reverse_joint() {
  return on_paths([](Cases& cases, const Path& p) {
    W product = log_normal(p.x(4), 0, 1);
    Multivariate joint(5);
    joint.covariance[0][0] = 1;
    for (int t = 4; t >= 1; --t) {
      const auto [factor, constant] = p.reverse_mean(t);
      product += log_normal(p.x(t - 1), factor * p.x(t) + constant, p.beta(t));
      const auto i = static_cast<std::size_t>(5 - t);
      joint.mean[i] = factor * joint.mean[i - 1] + constant;
      for (std::size_t j = 0; j < i; ++j)
        joint.covariance[i][j] = joint.covariance[j][i] = factor * joint.covariance[i - 1][j];
      joint.covariance[i][i] = factor * joint.covariance[i - 1][i] + p.beta(t);
    }
    cases.equal(reverse_joint_log_density(p.levels, p.path, p.model()), product);
    cases.equal(joint.log_density(p.path), product);
  });
}

/// q(x_0) times the product of the transitions against the density of one Gaussian.
inline Outcome full_forward_joint() {
  return on_paths([](Cases& cases, const Path& p) {
    Multivariate joint(5);
    for (int t = 0; t <= 4; ++t) {
      const auto i = static_cast<std::size_t>(4 - t);
      joint.mean[i] = sqrt(p.alpha_bar(t)) * p.data.mean;
      for (int s = 0; s <= t; ++s) {
        const auto j = static_cast<std::size_t>(4 - s);
        joint.covariance[i][j] = joint.covariance[j][i] =
            sqrt(p.alpha_bar(t) / p.alpha_bar(s)) * (p.alpha_bar(s) * p.data.variance + 1 - p.alpha_bar(s));
      }
    }
    cases.equal(log_density(p.data, p.x(0)) + forward_joint_log_density(p.levels, p.path), joint.log_density(p.path));
  });
}
// [reverse_joint]

inline std::vector<Check> reverse_checks() {
  return {
      {"joint.unstructured_noise", unstructured},
      {"joint.prior", prior},
      {"joint.reverse_transition", reverse_transition},
      {"joint.gaussian_reverse", [] { return gaussian_reverse(100); }, [] { return gaussian_reverse(1); }},
      {"joint.variance_of_a_vector", [] { return covariance_matrix(true); }, [] { return covariance_matrix(false); }},
      {"joint.sampling", sampling},
      {"joint.reverse_joint", reverse_joint},
      {"joint.full_forward_joint", full_forward_joint},
  };
}

}  // namespace equations::joint
