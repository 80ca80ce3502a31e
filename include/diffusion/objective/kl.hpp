// SPDX-License-Identifier: MIT
// The KL divergences of the variational bound: L_T at the noisy end and L_{t-1} at every step.
//
// Both are in nats, summed over the elements of x_0.
//
// Accuracy: exactly rounded for a scalar x_0; for arrays as accurate as the squared norms of norm.hpp. prior_kl keeps
// its digits where q(x_T | x_0) is N(0, I) but for one part in 10^150. Source: Ho et al. 2020, eq. 5; Kingma et al.
// 2021, eq. 13 for the weight (SNR_s - SNR_t) / 2.
#pragma once

#include "../process/step_variance.hpp"

namespace diffusion {

/// L_T = KL(q(x_T | x_0) || N(0, I)) = (d (noise^2 - 1 - log noise^2) + signal^2 ||x_0||^2) / 2. [ho2020.5]
template <Level L, NormedState X>
sum_t<X> prior_kl(const L& level, const X& x_0) {
  using W = numerics::Working<sum_t<X>>;
  const W variance_part =
      numerics::variance_divergence(W(level.working_noise_squared()), W(1), W(level.working_noise_squared_minus_one()));
  return numerics::round_to<sum_t<X>>(W(
      (W(static_cast<double>(dimension(x_0))) * variance_part + W(level.working_signal_squared()) * squared_norm(x_0)) /
      W(2)));
}

/// The variance of p(x_T), from which samplers start, in working precision: 1, or noise^2 where the signal is 1, since
/// the marginal of a variance exploding level is as wide as its noise. Song et al. 2021, appendix C.
template <Level L>
numerics::Working<level_real_t<L>> sampling_prior_variance(const L& level) {
  using W = numerics::Working<level_real_t<L>>;
  return level.working_signal_squared() == W(1) ? W(level.working_noise_squared()) : W(1);
}

/// L_T of the chain that samplers start, KL(q(x_T | x_0) || N(0, v I)) with v of sampling_prior_variance: prior_kl, or
/// ||x_0||^2 / (2 noise^2) at a variance exploding level.
template <Level L, NormedState X>
sum_t<X> sampling_prior_kl(const L& level, const X& x_0) {
  using W = numerics::Working<sum_t<X>>;
  const W v(sampling_prior_variance(level));
  return v == W(1) ? prior_kl(level, x_0) : numerics::round_to<sum_t<X>>(W(squared_norm(x_0) / (W(2) * v)));
}

/// L_{t-1} = KL(q(x_s | x_t, x_0) || q(x_s | x_t, x_0_hat)) = (SNR_s - SNR_t) ||x_0 - x_0_hat||^2 / 2, for any x_t. s
/// must not be clean data, where the two distributions are points: zero if they agree, infinite if not. [ho2020.5]
/// [ho2020.8] [ho2020.12] [luo2022.99] [kingma2021.13]
template <Level L, NormedState X, CompatibleState<X> Y>
sum_t<X> denoising_kl(const L& s, const L& t, const X& x_0, const Y& x_0_hat) {
  using W = numerics::Working<sum_t<X>>;
  const W distance = squared_distance("denoising_kl", Named{"x_0", x_0}, Named{"x_0_hat", x_0_hat});
  const auto [scale_squared, transition_variance] = forward_details::transition("denoising_kl", s, t);
  if (distance == W(0)) return sum_t<X>(0);
  const W weight(s.working_signal_squared() * transition_variance /
                 (t.working_noise_squared() * s.working_noise_squared()));
  return numerics::round_to<sum_t<X>>(W(weight * distance / W(2)));
}

/// The same for a reverse step of another variance, KL(q(x_s | x_t, x_0) || N(mean at x_0_hat, variance(s, t) I)) =
/// (d (r - 1 - log r) + x0^2 ||x_0 - x_0_hat||^2 / variance) / 2, where r = beta_tilde / variance and x0 is that of
/// q_posterior: TransitionVariance{} is beta, and PosteriorVariance{} gives the function above. The variance must be
/// more than 0; at clean data, where q is a point, the divergence is infinite. [ho2020.8]
template <Level L, NormedState X, CompatibleState<X> Y, StepVariance<level_real_t<L>> V>
sum_t<X> denoising_kl(const L& s, const L& t, const X& x_0, const Y& x_0_hat, const V& variance) {
  using W = numerics::Working<sum_t<X>>;
  const W distance = squared_distance("denoising_kl", Named{"x_0", x_0}, Named{"x_0_hat", x_0_hat});
  const auto transition = forward_details::transition("denoising_kl", s, t);
  const W x0(forward_details::posterior_mean(transition, s, t).x0), v(variance(s, t));
  const W posterior(transition.variance / t.working_noise_squared() * s.working_noise_squared());
  if (!(v > W(0)))
    numerics::require(false, "denoising_kl", "variance", numerics::round_to<sum_t<X>>(v), "a number > 0");
  const W d(static_cast<double>(dimension(x_0)));
  return numerics::round_to<sum_t<X>>(
      W((d * numerics::variance_divergence(posterior, v, W(posterior - v)) + x0 * x0 * distance / v) / W(2)));
}

}  // namespace diffusion
