// SPDX-License-Identifier: MIT
// The two joint distributions that training brings together: q(x_1, ..., x_T | x_0) of the forward chain and
// p(x_0, ..., x_T) of the reverse chain, as log-densities of a path; their divergence in closed form for Gaussian data.
//
// Use the log-densities with any denoiser, any array and any grid: levels noisiest first, as samplers take them, and
// path[k] the state at levels[k]. The data are what is at levels.back(), clean or not. Use the closed forms
// (joint_kl, negative_vlb, joint_entropy, joint_cross_entropy, reverse_marginal) to check a bound, an estimator or a
// schedule against an exact number; they need x_0 ~ N(mean, variance I) and a denoiser that is affine in x_t. A step to
// clean data with the posterior variance, 0, has no density and is an error: give it one with DecoderVariance. Not an
// ELBO estimator for images: that has a decoder of bins.
//
// Accuracy: for scalars correctly rounded, the output of the denoiser taken as exact; for arrays as accurate as the
// squared norms of norm.hpp. Source: Ho et al. 2020, eq. 1 to 3; Yang et al. 2022, section 2.1, for the KL of the
// joints.
#pragma once

#include "../model/affine.hpp"
#include "../process/step_variance.hpp"

namespace diffusion {

/// The reverse chain p(x_T) prod p(x_s | x_t): p(x_T) = N(0, prior_variance I), and p(x_s | x_t) has the mean of
/// q(x_s | x_t, x_0_hat) and the variance of the step.
template <class D, class V = PosteriorVariance>
struct ReverseModel {
  D denoiser;
  V variance{};
  double prior_variance = 1;
};
template <class D>
ReverseModel(D) -> ReverseModel<D>;
template <class D, class V>
ReverseModel(D, V) -> ReverseModel<D, V>;
template <class D, class V>
ReverseModel(D, V, double) -> ReverseModel<D, V>;

namespace joint_details {

template <class P>
using StateOf = std::remove_const_t<typename decltype(std::span(std::declval<const P&>()))::element_type>;

}  // namespace joint_details

/// A contiguous range of states with norms, such as std::vector<Eigen::VectorXd> or, for scalars, std::vector<double>.
template <class P>
concept StatePath = requires { typename joint_details::StateOf<P>; } && NormedState<joint_details::StateOf<P>>;

namespace joint_details {

/// One step in working precision: q(x_t | x_s) has scale and transition_variance; p(x_s | x_t) has the mean
/// x0 x_0_hat + xt x_t and variance.
template <class W>
struct Step {
  W scale, transition_variance, x0, xt, variance;
};

/// The forward half of Step between levels[k + 1] and levels[k].
template <class W, LevelBatch L>
std::vector<Step<W>> transitions(const char* function, const L& levels) {
  require_noisiest_first(function, levels);
  std::vector<Step<W>> steps;
  for (std::size_t k = 0; k + 1 < std::size(levels); ++k) {
    const auto q = forward_details::transition(function, levels[k + 1], levels[k]);
    steps.push_back({W(sqrt(q.scale_squared)), W(q.variance), {}, {}, {}});
  }
  return steps;
}

template <class W, LevelBatch L, class M>
std::vector<Step<W>> reverse_steps(const char* function, const L& levels, const M& model) {
  numerics::require(model.prior_variance > 0, function, "prior_variance", model.prior_variance, "a number > 0");
  auto steps = transitions<W>(function, levels);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto &s = levels[k + 1], &t = levels[k];
    const auto mean = forward_details::posterior_mean(forward_details::transition(function, s, t), s, t);
    steps[k].x0 = W(mean.x0);
    steps[k].xt = W(mean.xt);
    steps[k].variance = W(model.variance(s, t));
    if (!(steps[k].variance > W(0)))
      numerics::require_element(false, function, "variance", k, numerics::round_to<level_real_t<L>>(steps[k].variance),
                                "a number > 0 (DecoderVariance has one for the step to clean data)");
  }
  return steps;
}

template <class W, LevelBatch L, StatePath P>
std::vector<Step<W>> path_steps(const char* function, const L& levels, const P& path) {
  auto steps = transitions<W>(function, levels);
  if (std::size(path) != std::size(levels))
    numerics::fail_size(function, "path", std::size(path), std::size(levels), "levels");
  return steps;
}

template <NormedState X>
void check(const char* function, const Gaussian<X>& data) {
  const auto& v = data.variance;
  if (!(v >= sum_t<X>(0)) || v - v != sum_t<X>(0))
    numerics::require(false, function, "data.variance", v, "a finite number >= 0");
}

/// log(2 pi variance).
template <class W>
W log_two_pi(const W& variance) {
  return log(W(2) * numerics::pi<W>() * variance);
}

template <class X>
numerics::Working<sum_t<X>> working_dimension(const X& x) {
  return numerics::Working<sum_t<X>>(static_cast<double>(dimension(x)));
}

}  // namespace joint_details

/// log q(x_1, ..., x_T | x_0) = sum log N(x_t; scale x_s, variance I) over the steps of the grid, in nats.
/// [ho2020.forward_joint]
template <LevelBatch L, StatePath P>
auto forward_joint_log_density(const L& levels, const P& path) {
  using X = joint_details::StateOf<P>;
  using W = numerics::Working<sum_t<X>>;
  const char* function = "forward_joint_log_density";
  const auto steps = joint_details::path_steps<W>(function, levels, path);
  const W d = joint_details::working_dimension(path[0]);
  W sum(0);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const W distance = combined_squared_norm(function, std::array<W, 2>{W(1), -steps[k].scale}, Named{"path", path[k]},
                                             Named{"path", path[k + 1]});
    sum = sum + d * joint_details::log_two_pi(steps[k].transition_variance) + distance / steps[k].transition_variance;
  }
  return numerics::round_to<sum_t<X>>(W(sum / W(-2)));
}

/// log p(x_0, ..., x_T) = log p(x_T) + sum log p(x_s | x_t), in nats. Every step needs a variance > 0.
/// [ho2020.1]
template <LevelBatch L, StatePath P, class D, StepVariance<level_real_t<L>> V>
  requires Denoiser<const D, joint_details::StateOf<P>, L>
auto reverse_joint_log_density(const L& levels, const P& path, const ReverseModel<D, V>& model) {
  using X = joint_details::StateOf<P>;
  using W = numerics::Working<sum_t<X>>;
  const char* function = "reverse_joint_log_density";
  (void)joint_details::path_steps<W>(function, levels, path);
  const auto steps = joint_details::reverse_steps<W>(function, levels, model);
  const W d = joint_details::working_dimension(path[0]), prior(model.prior_variance);
  W sum = d * joint_details::log_two_pi(prior) + squared_norm(path[0]) / prior;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const value_t<X> x_0_hat = model.denoiser(path[k], levels[k]);
    const W distance =
        combined_squared_norm(function, std::array<W, 3>{W(1), -steps[k].xt, -steps[k].x0}, Named{"path", path[k + 1]},
                              Named{"path", path[k]}, Named{"x_0_hat", x_0_hat});
    sum = sum + d * joint_details::log_two_pi(steps[k].variance) + distance / steps[k].variance;
  }
  return numerics::round_to<sum_t<X>>(W(sum / W(-2)));
}

namespace joint_details {

/// The variance of every element of x at a level, for data of variance v.
template <class W, Level L>
W variance_at(const L& level, const W& v) {
  return W(level.working_signal_squared()) * v + W(level.working_noise_squared());
}

/// x_s - E p(x_s | x_t) of a step in closed form: its mean, as a squared norm, and the factor of x_t in p's mean.
template <class W>
struct Residual {
  W xt, mean_squared;
};

template <class W, Level L, NormedState X, class D>
Residual<W> residual(const char* function, const Step<W>& step, const L& s, const L& t, const X& mean,
                     const D& denoiser) {
  const auto estimate = denoiser.coefficients(t);
  const W xt = step.x0 * W(estimate.slope) + step.xt;
  const W factor = W(sqrt(s.working_signal_squared())) - xt * W(sqrt(t.working_signal_squared()));
  return {xt, combined_squared_norm(function, std::array<W, 2>{factor, -step.x0}, Named{"data.mean", mean},
                                    Named{"offset", estimate.offset})};
}

/// sum of the entropies of q(x_t | x_s).
template <class W>
W transition_entropies(const std::vector<Step<W>>& steps, const W& d) {
  W sum(0);
  for (const auto& step : steps) sum = sum + W(1) + log_two_pi(step.transition_variance);
  return d * sum / W(2);
}

/// -E_q log p(x_0, ..., x_T).
template <class W, LevelBatch L, NormedState X, class M>
W cross_entropy(const char* function, const std::vector<Step<W>>& steps, const L& levels, const Gaussian<X>& data,
                const M& model) {
  const W d = working_dimension(data.mean), v(data.variance), prior(model.prior_variance);
  const W start = W(levels[0].working_signal_squared()) * squared_norm(data.mean);
  W sum = d * log_two_pi(prior) + (d * variance_at(levels[0], v) + start) / prior;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto &s = levels[k + 1], &t = levels[k];
    const auto r = residual(function, steps[k], s, t, data.mean, model.denoiser);
    // x_s - xt x_t = (1 - xt scale) x_s - xt sqrt(transition variance) eps
    const W rest = W(1) - r.xt * steps[k].scale;
    const W variance = rest * rest * variance_at(s, v) + r.xt * r.xt * steps[k].transition_variance;
    sum = sum + d * log_two_pi(steps[k].variance) + (d * variance + r.mean_squared) / steps[k].variance;
  }
  return sum / W(2);
}

}  // namespace joint_details

/// -E log q(x_0, ..., x_T) of the forward chain from x_0 ~ N(mean, variance I): the entropy of the data and of every
/// transition. Minus infinity where the data are a point.
template <LevelBatch L, NormedState X>
sum_t<X> joint_entropy(const L& levels, const Gaussian<X>& data) {
  using W = numerics::Working<sum_t<X>>;
  joint_details::check("joint_entropy", data);
  const auto steps = joint_details::transitions<W>("joint_entropy", levels);
  const W d = joint_details::working_dimension(data.mean);
  const W variance = joint_details::variance_at(levels[steps.size()], W(data.variance));
  return numerics::round_to<sum_t<X>>(
      W(d * (W(1) + joint_details::log_two_pi(variance)) / W(2) + joint_details::transition_entropies(steps, d)));
}

/// -E_q log p(x_0, ..., x_T) over the forward chain from x_0 ~ N(mean, variance I).
template <LevelBatch L, NormedState X, AffineInX<X, level_real_t<L>> D, StepVariance<level_real_t<L>> V>
sum_t<X> joint_cross_entropy(const L& levels, const Gaussian<X>& data, const ReverseModel<D, V>& model) {
  using W = numerics::Working<sum_t<X>>;
  const char* function = "joint_cross_entropy";
  joint_details::check(function, data);
  const auto steps = joint_details::reverse_steps<W>(function, levels, model);
  return numerics::round_to<sum_t<X>>(joint_details::cross_entropy(function, steps, levels, data, model));
}

/// -L_VLB = E_q[-log p(x_T) - sum log p(x_s | x_t) / q(x_t | x_s)] over the forward chain from x_0 ~ N(mean, variance
/// I), a bound on E[-log p(x_0)]; of variance 0, the bound at one x_0. [ho2020.3]
template <LevelBatch L, NormedState X, AffineInX<X, level_real_t<L>> D, StepVariance<level_real_t<L>> V>
sum_t<X> negative_vlb(const L& levels, const Gaussian<X>& data, const ReverseModel<D, V>& model) {
  using W = numerics::Working<sum_t<X>>;
  const char* function = "negative_vlb";
  joint_details::check(function, data);
  const auto steps = joint_details::reverse_steps<W>(function, levels, model);
  return numerics::round_to<sum_t<X>>(
      W(joint_details::cross_entropy(function, steps, levels, data, model) -
        joint_details::transition_entropies(steps, joint_details::working_dimension(data.mean))));
}

/// KL(q(x_0, ..., x_T) || p(x_0, ..., x_T)) for x_0 ~ N(mean, variance I), by the chain rule from the noisy end:
/// KL(q(x_T) || p(x_T)) + sum E KL(q(x_s | x_t) || p(x_s | x_t)), with no term below 0. It equals joint_cross_entropy -
/// joint_entropy and negative_vlb - entropy(data), keeps its digits near zero, and is infinite where the data are a
/// point. [yang2022.joint_kl]
template <LevelBatch L, NormedState X, AffineInX<X, level_real_t<L>> D, StepVariance<level_real_t<L>> V>
sum_t<X> joint_kl(const L& levels, const Gaussian<X>& data, const ReverseModel<D, V>& model) {
  using W = numerics::Working<sum_t<X>>;
  const char* function = "joint_kl";
  joint_details::check(function, data);
  const auto steps = joint_details::reverse_steps<W>(function, levels, model);
  const W d = joint_details::working_dimension(data.mean), v(data.variance), prior(model.prior_variance);
  const W signal_squared(levels[0].working_signal_squared());
  // the variance of q(x_T) less that of the prior
  const W excess = signal_squared * v + W(levels[0].working_noise_squared_minus_one()) + (W(1) - prior);
  const W variance = signal_squared * v + W(levels[0].working_noise_squared());
  W sum = d * numerics::variance_divergence(variance, prior, excess) + signal_squared * squared_norm(data.mean) / prior;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto &s = levels[k + 1], &t = levels[k];
    const auto r = joint_details::residual(function, steps[k], s, t, data.mean, model.denoiser);
    // q(x_s | x_t), the data averaged over, has the factor `slope` of x_t and the variance `exact`
    const W variance_s = joint_details::variance_at(s, v), variance_t = joint_details::variance_at(t, v);
    const W slope = steps[k].scale * variance_s / variance_t;
    const W exact = variance_s * steps[k].transition_variance / variance_t;
    sum = sum + d * numerics::variance_divergence(exact, steps[k].variance, W(exact - steps[k].variance)) +
          (d * (slope - r.xt) * (slope - r.xt) * variance_t + r.mean_squared) / steps[k].variance;
  }
  return numerics::round_to<sum_t<X>>(W(sum / W(2)));
}

/// p(x_0), the distribution of what the reverse chain generates: the bound of negative_vlb is on its density.
template <LevelBatch L, class D, StepVariance<level_real_t<L>> V>
auto reverse_marginal(const L& levels, const ReverseModel<D, V>& model) {
  using X = value_t<decltype(model.denoiser.coefficients(levels[0]).offset)>;
  using W = numerics::Working<sum_t<X>>;
  // scalars keep the working precision from step to step
  using Mean = std::conditional_t<StoredState<X>, X, W>;
  using C = std::conditional_t<StoredState<X>, sum_t<X>, W>;
  const char* function = "reverse_marginal";
  const auto steps = joint_details::reverse_steps<W>(function, levels, model);
  NewState fresh;
  const Mean like(model.denoiser.coefficients(levels[0]).offset);
  Mean mean = apply_row(function, std::array{C(0)}, fresh, Named{"offset", like});
  W variance(model.prior_variance);
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto estimate = model.denoiser.coefficients(levels[k]);
    const W xt = steps[k].x0 * W(estimate.slope) + steps[k].xt;
    const Mean offset(estimate.offset);
    Into<Mean&> out{mean};
    apply_row(function, std::array{numerics::round_to<C>(xt), numerics::round_to<C>(steps[k].x0)}, out,
              Named{"mean", mean}, Named{"offset", offset});
    variance = xt * xt * variance + steps[k].variance;
  }
  const sum_t<X> rounded = numerics::round_to<sum_t<X>>(variance);
  if constexpr (StoredState<X>)
    return Gaussian<X>{std::move(mean), rounded};
  else
    return Gaussian<X>{numerics::round_to<X>(mean), rounded};
}

}  // namespace diffusion
