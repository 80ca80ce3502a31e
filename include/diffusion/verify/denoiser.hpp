// SPDX-License-Identifier: MIT
// verify(denoiser, levels, x_0, noise): what a network predicts, and the ways between predictions, executed on your own
// model and kind of array.
//
// Use it once, in a test, on a model that you wrapped: it calls the denoiser at every level, follows its answer to
// noise, v and score and back, and checks that the training target of what the network predicts leads to x_0 again. Not
// a measure of how good the model is.
//
// Accuracy: a residual is the norm of the difference in units of rounding of the elements' type, relative to the norms
// of the terms that were added; its bound is the number of roundings along the way. Source: Ho et al. 2020, eq. 15;
// Salimans & Ho 2022, appendix D; Song et al. 2021.
#pragma once

#include "../sampler/sample.hpp"
#include "../state/norm.hpp"
#include "report.hpp"

namespace diffusion {

namespace verify_details {

template <NormedState X>
double norm(const X& x) {
  return numerics::libm::sqrt(numerics::shown(numerics::round_to<sum_t<X>>(squared_norm(x))));
}

/// ||a - b|| in units of rounding of a number as large as `size`.
template <NormedState X>
double distance(const X& a, const X& b, double size) {
  const double difference = numerics::libm::sqrt(numerics::shown(
      numerics::round_to<sum_t<X>>(squared_distance("verify", Named{"a state", a}, Named{"its way back", b}))));
  const double unit = size * numerics::shown(std::numeric_limits<scalar_t<X>>::epsilon()) / 2;
  return difference == 0 ? 0 : difference / unit;
}

}  // namespace verify_details

/// levels: any order; where a level is clean or pure noise, only what is defined there. x_0: data of the shape that the
/// denoiser takes. noise(k, x_0): standard normals for the k-th level.
template <class D, LevelBatch L, NormedState X, NoiseSource<X> N>
  requires Denoiser<D, X, L>
Report verify(D&& denoiser, const L& levels, const X& x_0, N&& noise) {
  using V = value_t<X>;
  using Real = level_real_t<L>;
  using verify_details::distance, verify_details::norm;
  const std::size_t count = std::size(levels);
  numerics::require(count >= 1, "verify", "levels.size()", count, "at least one level");
  verify_details::Identity<Real> target{"the training target leads to x_0", "ho2020.15"};
  verify_details::Identity<Real> finite{"the estimate is finite", "ho2020.15"};
  verify_details::Identity<Real> sampled{"x_t from the estimates of x_0 and noise", "ho2020.4"};
  verify_details::Identity<Real> by_noise{"x_0 by the noise", "ho2020.15"};
  verify_details::Identity<Real> by_v{"x_0 by v", "salimans2022.x_by_v"};
  verify_details::Identity<Real> noise_by_v{"noise by v", "salimans2022.noise_by_v"};
  verify_details::Identity<Real> by_score{"x_0 by the score", "luo2022.151"};
  constexpr double roundings = 10;
  for (std::size_t k = 0; k < count; ++k) {
    const NoiseLevel<Real>& level = levels[k];
    const Real time = level.time();
    const double signal = numerics::shown(level.signal()), sigma = numerics::shown(level.noise());
    const double total = signal * signal + sigma * sigma;
    const V eps_true = noise(static_cast<int>(k), x_0), x_t = q_sample(level, x_0, eps_true);
    const double x_size = norm(x_t), sum_size = x_size + signal * norm(x_0) + sigma * norm(eps_true);
    using Prediction = prediction_t<D>;
    if (signal > 0 && sigma > 0) {
      const V learned = Prediction::target(level, x_0, eps_true);
      const V back = Prediction::x0(level, x_t, learned);
      target.add(distance(back, V(q_sample(NoiseLevel<Real>(), x_0, eps_true)), sum_size * (1 + signal) / signal),
                 roundings, time);
    }
    const V x_0_hat = denoiser(static_cast<const V&>(x_t), level);
    const double estimate_size = norm(x_0_hat);
    finite.require(estimate_size - estimate_size == 0, time);
    if (!(sigma > 0)) continue;  // clean data hold no noise
    const V eps = noise_from_x0(level, x_t, x_0_hat), v = v_from(level, x_0_hat, eps);
    const double size = x_size + signal * estimate_size + sigma * norm(eps);
    const double v_size = (signal * size + sigma * (norm(v) + estimate_size)) / total;
    sampled.add(distance(V(q_sample(level, x_0_hat, eps)), x_t, size), roundings, time);
    by_v.add(distance(V(x0_from_v(level, x_t, v)), x_0_hat, v_size), roundings, time);
    noise_by_v.add(distance(V(noise_from_v(level, x_t, v)), eps, size * (1 + sigma) / sigma + v_size), roundings, time);
    if (!(signal > 0)) continue;  // pure noise holds no x_0
    by_noise.add(distance(V(x0_from_noise(level, x_t, eps)), x_0_hat, size / signal), roundings, time);
    const V score = score_from_noise(level, eps);
    by_score.add(distance(V(x0_from_score(level, x_t, score)), x_0_hat, size / signal), roundings, time);
  }
  Report report;
  for (const auto* identity : {&target, &finite, &sampled, &by_noise, &by_v, &noise_by_v, &by_score})
    identity->append_to(report);
  return report;
}

}  // namespace diffusion
