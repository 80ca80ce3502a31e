// SPDX-License-Identifier: MIT
// Document 003, joint distributions: the forward and the reverse chain as distributions of a whole path, and the KL
// divergence between them. Every case has what is true first and what is printed second.
#pragma once

#include <cmath>

#include "check.hpp"

namespace equations::joint {

using Level = diffusion::NoiseLevel<double>;
using Data = diffusion::Gaussian<W>;

/// A Gaussian over the states of a path by mean and full covariance, for comparison with what goes step by step.
struct Multivariate {
  std::vector<W> mean;
  std::vector<std::vector<W>> covariance;

  explicit Multivariate(std::size_t n) : mean(n), covariance(n, std::vector<W>(n)) {}

  W log_density(const std::vector<W>& x) const {
    auto l = covariance;  // its Cholesky factor, row by row, and the factor's inverse applied to x - mean
    std::vector<W> y(mean.size());
    W sum = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      y[i] = x[i] - mean[i];
      for (std::size_t j = 0; j <= i; ++j) {
        for (std::size_t k = 0; k < j; ++k) l[i][j] -= l[i][k] * l[j][k];
        l[i][j] = i == j ? sqrt(l[i][i]) : l[i][j] / l[j][j];
        if (j < i) y[i] -= l[i][j] * y[j];
      }
      y[i] /= l[i][i];
      sum += y[i] * y[i] + log(2 * diffusion::numerics::pi<W>() * l[i][i] * l[i][i]);
    }
    return sum / -2;
  }
};

/// A random chain of four steps, Gaussian data, an affine denoiser for each level, and a path: path[k] at levels[k],
/// noisiest first.
struct Path {
  Chain chain;
  std::vector<Level> levels;
  Data data;
  std::vector<W> slope, offset, path;

  explicit Path(std::uint32_t seed) : chain(Chain::random(seed, 4)), levels(level_grid(chain.schedule)) {
    Draw draw(seed + 2000);
    data = {draw.normal(), draw.between(0.1, 2)};
    for (std::size_t k = 0; k < levels.size(); ++k) {
      slope.push_back(draw.between(0, 1));
      offset.push_back(draw.normal());
      path.push_back(draw.normal());
    }
  }
  /// x_t of the path.
  const W& x(int t) const { return path[static_cast<std::size_t>(4 - t)]; }
  Level level(int t) const { return chain.schedule(t); }
  W beta(int t) const { return chain.beta[static_cast<std::size_t>(t)]; }
  W alpha_bar(int t) const { return chain.alpha_bar[static_cast<std::size_t>(t)]; }

  auto denoiser(const W& shift = 0) const {
    return diffusion::AffineDenoiser{[this, shift](const Level& t) {
      const auto k = static_cast<std::size_t>(t.time());
      return diffusion::AffineEstimate{slope[k], W(offset[k] + shift)};
    }};
  }
  /// A reverse chain with the variance beta_t.
  auto model(const W& shift = 0) const {
    return diffusion::ReverseModel{denoiser(shift), diffusion::TransitionVariance{}};
  }
  /// Factor of x_t and constant in the mean of p(x_{t-1} | x_t), by eq. 7 of Ho et al.
  std::pair<W, W> reverse_mean(int t) const {
    const auto k = static_cast<std::size_t>(t);
    const W x0 = sqrt(alpha_bar(t - 1)) * beta(t) / (1 - alpha_bar(t)),
            xt = sqrt(1 - beta(t)) * (1 - alpha_bar(t - 1)) / (1 - alpha_bar(t));
    return {x0 * slope[k] + xt, x0 * offset[k]};
  }
};

/// Runs check(cases, path) on forty random chains.
template <class F>
Outcome on_paths(F check) {
  Cases cases;
  for (std::uint32_t seed = 1; seed <= 40; ++seed) check(cases, Path(seed));
  return cases.outcome();
}

inline W log_normal(const W& x, const W& mean, const W& variance) { return log_density(Data{mean, variance}, x); }

/// The affine denoiser that is best for Gaussian data.
inline auto best_denoiser(const Data& data) {
  return diffusion::AffineDenoiser{[data](const Level& t) {
    const W signal = sqrt(t.working_signal_squared());
    const W slope = signal * data.variance / (signal * signal * data.variance + t.working_noise_squared());
    return diffusion::AffineEstimate{slope, W((1 - slope * signal) * data.mean)};
  }};
}

/// The linear schedule in n steps of 1000.
inline std::vector<Level> linear_levels(int n = 1000) { return level_grid(diffusion::linear_schedule(1000), n); }

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

// [reverses]
/// The divergence is zero where the reverse chain reverses the forward one (N(0, I), its best denoiser, variance beta),
/// positive for any other denoiser, and there the smaller the nearer the denoiser is.
inline Outcome reverses() {
  Cases cases;
  const auto levels = linear_levels(50);
  const Data data{0, 1};
  const auto shifted = [&](double shift) {
    const diffusion::AffineDenoiser denoiser{[&data, shift](const Level& t) {
      const auto c = best_denoiser(data).coefficients(t);
      return diffusion::AffineEstimate{c.slope, W(c.offset + W(shift))};
    }};
    return joint_kl(levels, data, diffusion::ReverseModel{denoiser, diffusion::TransitionVariance{}});
  };
  cases.require(absolute(shifted(0)) < W(0x1p-160), "the exact reverse chain");
  for (const double shift : {0.001, 0.01, 0.1, 1.0}) {
    cases.require(shifted(shift) > shifted(shift / 10), "a denoiser that is worse");
    cases.require(shifted(-shift) > W(0), "another denoiser");
  }
  return cases.outcome();
}
// [reverses]

// [kl_i]
/// (i): KL = -E log p(x_0, ..., x_T) + const, const = E log q(x_0, ..., x_T). The KL by the chain rule.
inline Outcome kl_i() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.equal(joint_kl(p.levels, p.data, p.model()),
                joint_cross_entropy(p.levels, p.data, p.model()) - joint_entropy(p.levels, p.data));
  });
}

// [kl_i]

// [kl_ii]
/// (ii): KL = -L_VLB + const, const = E log q(x_0); and the same of the integrand, on one path.
inline Outcome kl_ii() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.equal(joint_kl(p.levels, p.data, p.model()), negative_vlb(p.levels, p.data, p.model()) - entropy(p.data));

    W integrand = -log_normal(p.x(4), 0, 1);
    for (int t = 1; t <= 4; ++t) {
      const auto [factor, constant] = p.reverse_mean(t);
      integrand -= log_normal(p.x(t - 1), factor * p.x(t) + constant, p.beta(t)) -
                   log_normal(p.x(t), sqrt(1 - p.beta(t)) * p.x(t - 1), p.beta(t));
    }
    const W log_q = log_density(p.data, p.x(0)) + forward_joint_log_density(p.levels, p.path);
    cases.equal(log_q - reverse_joint_log_density(p.levels, p.path, p.model()),
                integrand + log_density(p.data, p.x(0)));
  });
}

// [kl_ii]

// [kl_iii]
/// E[-log p(x_0)] over the data, from the distribution that the reverse chain generates.
template <class Model>
W expected_surprise(const std::vector<Level>& levels, const Data& data, const Model& model) {
  return entropy(data) + kl_divergence(data, reverse_marginal(levels, model));
}

/// (iii): KL >= E[-log p(x_0)] + const, with the constant of (ii) or that of (i), which is above it where transitions
/// have variances below 1 / (2 pi e) and so a negative entropy: in the linear schedule.
inline Outcome kl_iii(bool constant_of_i) {
  return on_paths([=](Cases& cases, const Path& p) {
    const auto bound = [&](const std::vector<Level>& levels, const Data& data, const auto& model) {
      const W constant = constant_of_i ? W(-joint_entropy(levels, data)) : W(-entropy(data));
      const W kl = joint_kl(levels, data, model), least = expected_surprise(levels, data, model) + constant;
      if (kl < least) cases.equal(kl, least, "KL, and what (iii) puts below it with the const of (i)");
      cases.require(kl >= least, "the bound");
    };
    bound(p.levels, p.data, p.model());
    bound(linear_levels(200), p.data, diffusion::ReverseModel{best_denoiser(p.data), diffusion::TransitionVariance{}});
  });
}

// [kl_iii]

// [constants]
/// -L_VLB + const with either constant.
inline Outcome one_constant(bool constant_of_i) {
  return on_paths([=](Cases& cases, const Path& p) {
    const W constant = constant_of_i ? W(-joint_entropy(p.levels, p.data)) : W(-entropy(p.data));
    cases.equal(joint_kl(p.levels, p.data, p.model()), negative_vlb(p.levels, p.data, p.model()) + constant,
                "KL, and -L_VLB with the const of (i)");
  });
}

/// The constants do not depend on the model: differences of KL, of -E log p and of -L_VLB between two are the same.
inline Outcome constants() {
  return on_paths([](Cases& cases, const Path& p) {
    const auto a = p.model(), b = p.model(0.75);
    const W kl = joint_kl(p.levels, p.data, a) - joint_kl(p.levels, p.data, b);
    cases.equal(kl, joint_cross_entropy(p.levels, p.data, a) - joint_cross_entropy(p.levels, p.data, b));
    cases.equal(kl, negative_vlb(p.levels, p.data, a) - negative_vlb(p.levels, p.data, b));
  });
}

// [constants]

// [vlb]
/// L_VLB, the negative of the braced expectation, is below E log p(x_0).
inline Outcome vlb_is_a_lower_bound() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.require(-negative_vlb(p.levels, p.data, p.model()) < -expected_surprise(p.levels, p.data, p.model()),
                  "it is above");
  });
}

/// -L_VLB at one x_0 against the expectation over q(x_0, ..., x_T), and the mean of it over x_0: it is quadratic in
/// x_0, so that the two points a standard deviation from the mean have the mean of all.
inline Outcome vlb_of_x_0(bool one_point) {
  return on_paths([=](Cases& cases, const Path& p) {
    const auto at = [&](const W& x_0) { return negative_vlb(p.levels, Data{x_0, 0}, p.model()); };
    const W deviation = sqrt(p.data.variance), above = at(p.data.mean + deviation), below = at(p.data.mean - deviation);
    cases.equal(negative_vlb(p.levels, p.data, p.model()), one_point ? above : W((above + below) / 2),
                "-L_VLB, the expectation over q(x_0, ..., x_T) and its value for one x_0");
  });
}

/// A chain of one step is a VAE whose encoder is fixed: its loss, too, is a bound and not the likelihood itself.
inline Outcome surrogate() {
  return on_paths([](Cases& cases, const Path& p) {
    const std::vector levels{p.level(4), p.level(0)};
    cases.require(negative_vlb(levels, p.data, p.model()) > expected_surprise(levels, p.data, p.model()),
                  "the bound is the likelihood");
  });
}
// [vlb]

inline std::vector<Check> checks() {
  return {
      {"joint.surrogate_loss", surrogate},
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
      {"joint.loses_structure", [] { return structure_left(true); }, [] { return structure_left(false); }},
      {"joint.unstructured_noise", unstructured},
      {"joint.prior", prior},
      {"joint.reverse_transition", reverse_transition},
      {"joint.variance_of_a_vector", [] { return covariance_matrix(true); }, [] { return covariance_matrix(false); }},
      {"joint.sampling", sampling},
      {"joint.reverse_joint", reverse_joint},
      {"joint.full_forward_joint", full_forward_joint},
      {"joint.reverses", reverses},
      {"joint.kl_i", kl_i},
      {"joint.kl_ii", kl_ii},
      {"joint.kl_iii", [] { return kl_iii(false); }},
      {"joint.one_constant", [] { return one_constant(true); }, [] { return one_constant(false); }},
      {"joint.one_constant_in_iii", [] { return kl_iii(true); }, [] { return kl_iii(false); }},
      {"joint.constants", constants},
      {"joint.vlb_sign", vlb_is_a_lower_bound},
      {"joint.vlb_of_x_0", [] { return vlb_of_x_0(true); }, [] { return vlb_of_x_0(false); }},
  };
}

}  // namespace equations::joint
