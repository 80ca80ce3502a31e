// SPDX-License-Identifier: MIT
// Document 003, joint distributions: what its checks share. Every case has what is true first
// and what is printed second.
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

}  // namespace equations::joint
