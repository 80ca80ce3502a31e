// SPDX-License-Identifier: MIT
// The forward process between any two levels: marginal q(x_t | x_0), transition q(x_t | x_s) and posterior q(x_s | x_t,
// x_0).
//
// s is always the cleaner of two levels: (t - 1, t) of a discrete schedule, any s < t of a respaced chain or of
// continuous time, variance preserving or not. Each distribution comes as its coefficients and, given states, as a
// Gaussian; given batches of levels, as a GaussianBatch. Clean data and pure noise are ordinary arguments. Where a
// limit does not exist (both levels clean, or both pure noise) the coefficients are NaN.
//
// Accuracy: every coefficient is the exact value of its formula at the two levels, rounded once.
// Source: Ho et al. 2020, eq. 2, 4, 6, 7, 11; Kingma et al. 2021, appendix A for two arbitrary levels.
#pragma once

#include <utility>

#include "gaussian.hpp"
#include "levels.hpp"

namespace diffusion {

/// x_t = signal x_0 + noise eps.
template <class Real>
struct MarginalCoefficients {
  Real signal, noise;
};

/// x_t = scale x_s + sqrt(variance) eps.
template <class Real>
struct TransitionCoefficients {
  Real scale, variance;
};

/// x_s = x0 x_0 + xt x_t + sqrt(variance) eps.
template <class Real>
struct PosteriorCoefficients {
  Real x0, xt, variance, log_variance;
};

/// x_s = xt x_t + eps noise + sqrt(variance) eps', where noise is the one in x_t; eps < 0.
template <class Real>
struct PosteriorFromNoiseCoefficients {
  Real xt, eps, variance, log_variance;
};

namespace forward_details {

/// log(share noise_s^2) with share = 1 - scale^2 noise_s^2 / noise_t^2: by log(1 + x) where the variance is almost one.
template <class W, class Real>
W log_posterior_variance(const W& variance, const W& scale_squared, const NoiseLevel<Real>& s,
                         const NoiseLevel<Real>& t) {
  if (!(variance > W(0.984375))) return log(variance);
  return numerics::log1p_of(W(-scale_squared * s.working_noise_squared() / t.working_noise_squared())) +
         numerics::log1p_of(s.working_noise_squared_minus_one());
}

/// scale^2 and variance of q(x_t | x_s) in working precision: the start of every formula of two levels.
template <class W>
struct Transition {
  W scale_squared, variance;
};

template <class Real>
Transition<numerics::Working<Real>> transition(const char* function, const NoiseLevel<Real>& s,
                                               const NoiseLevel<Real>& t) {
  using W = numerics::Working<Real>;
  const W ratio = t.working_signal_squared() / s.working_signal_squared();
  W variance = t.working_noise_squared() - ratio * s.working_noise_squared();
  if (variance < W(0)) {
    // Two levels that are meant to be equal may differ by a rounding error of the working precision.
    const bool equal = -variance <= numerics::working_tolerance<W>() * t.working_noise_squared();
    if (!equal)
      numerics::require(false, function, "s: a log-SNR", s.log_snr(), "at least that of t: s is the cleaner level");
    variance = W(0);
  }
  return {ratio, variance};
}

}  // namespace forward_details

/// signal and noise of q(x_t | x_0) = N(signal x_0, noise^2 I). [ho2020.4]
template <Level L>
auto q_marginal(const L& level) {
  return MarginalCoefficients<level_real_t<L>>{level.signal(), level.noise()};
}

/// scale and variance of q(x_t | x_s): sqrt(alpha_bar_t / alpha_bar_s) and, variance preserving, 1 - alpha_bar_t /
/// alpha_bar_s; beta_t where s = t - 1. [ho2020.2] [kingma2021.22]
template <Level L>
auto q_transition(const L& s, const L& t) {
  using Real = level_real_t<L>;
  const auto [scale_squared, variance] = forward_details::transition("q_transition", s, t);
  // Between neighbours this is beta_t, a quotient of short numbers that may be a tie between two doubles.
  return TransitionCoefficients<Real>{numerics::round_to<Real>(numerics::Working<Real>(sqrt(scale_squared))),
                                      numerics::round_to<Real>(numerics::without_noise(variance))};
}

namespace forward_details {

/// x0 and xt of the posterior in working precision, for functions that have a variance of their own.
template <class W>
struct PosteriorMean {
  W x0, xt;
};

template <class W, class Real>
PosteriorMean<W> posterior_mean(const Transition<W>& q, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
  return {W(sqrt(s.working_signal_squared()) * q.variance / t.working_noise_squared()),
          W(sqrt(q.scale_squared) * s.working_noise_squared() / t.working_noise_squared())};
}

}  // namespace forward_details

/// The coefficients of q(x_s | x_t, x_0): beta_tilde and mu_tilde for any s and t. variance is 0, and its logarithm
/// minus infinity, where s is clean. [ho2020.6] [ho2020.7] [kingma2021.24] [kingma2021.25]
template <Level L>
auto q_posterior(const L& s, const L& t) {
  using Real = level_real_t<L>;
  using W = numerics::Working<Real>;
  const auto q = forward_details::transition("q_posterior", s, t);
  const W variance = q.variance / t.working_noise_squared() * s.working_noise_squared();
  const auto mean = forward_details::posterior_mean(q, s, t);
  return PosteriorCoefficients<Real>{
      numerics::round_to<Real>(mean.x0), numerics::round_to<Real>(mean.xt), numerics::round_to<Real>(variance),
      numerics::round_to<Real>(forward_details::log_posterior_variance(variance, q.scale_squared, s, t))};
}

/// The same posterior with its mean written by the noise in x_t, mean = xt x_t + eps noise: 1 / sqrt(alpha_t) and
/// -beta_t / (sqrt(alpha_t) sqrt(1 - alpha_bar_t)) where s = t - 1. Infinite at pure noise. [ho2020.9] [ho2020.11]
template <Level L>
auto q_posterior_from_noise(const L& s, const L& t) {
  using Real = level_real_t<L>;
  using W = numerics::Working<Real>;
  const auto [scale_squared, transition_variance] = forward_details::transition("q_posterior_from_noise", s, t);
  const W variance = transition_variance / t.working_noise_squared() * s.working_noise_squared();
  return PosteriorFromNoiseCoefficients<Real>{
      numerics::round_to<Real>(W(sqrt(W(s.working_signal_squared() / t.working_signal_squared())))),
      numerics::round_to<Real>(W(-transition_variance / sqrt(W(scale_squared * t.working_noise_squared())))),
      numerics::round_to<Real>(variance),
      numerics::round_to<Real>(forward_details::log_posterior_variance(variance, scale_squared, s, t))};
}

namespace forward_details {

/// N(row(c) applied to the states, c.variance I) for the coefficients c of a level or, in a batch, of each sample.
template <class Place, class Coefficients, class Row, class X, class... Rest>
auto gaussian_at(const char* function, const Place& place, Coefficients coefficients, Row row, const Named<X>& first,
                 const Named<Rest>&... rest) {
  using V = value_t<X>;
  using S = sum_t<X>;
  NewState out;
  if constexpr (Place::batch) {
    place.check(function);
    std::vector<S> variance(place.size());
    auto mean = apply_rows(
        function, place.size(),
        [&](std::size_t k) {
          const auto c = place(coefficients, k);
          variance[k] = static_cast<S>(c.variance);
          return row(c);
        },
        out, first, rest...);
    return GaussianBatch<V>{std::move(mean), std::move(variance)};
  } else {
    const auto c = place(coefficients);
    return Gaussian<V>{apply_row(function, row(c), out, first, rest...), static_cast<S>(c.variance)};
  }
}

}  // namespace forward_details

/// q(x_t | x_0) as a Gaussian, or one for each sample of a batch. [ho2020.4]
template <Levels L, State X>
auto q_marginal(const L& level, const X& x_0) {
  using Real = level_real_t<L>;
  const auto coefficients = [](const NoiseLevel<Real>& t) {
    return TransitionCoefficients<Real>{t.signal(), t.noise_variance()};
  };
  return forward_details::gaussian_at(
      "q_marginal", At{level}, coefficients, [](const auto& c) { return std::array{c.scale}; }, Named{"x_0", x_0});
}

/// q(x_t | x_s) as a Gaussian, or one for each sample of a batch. [ho2020.2]
template <Levels S, Levels T, State X>
auto q_transition(const S& s, const T& t, const X& x_s) {
  return forward_details::gaussian_at(
      "q_transition", Between{s, t}, [](const auto& s_k, const auto& t_k) { return q_transition(s_k, t_k); },
      [](const auto& c) { return std::array{c.scale}; }, Named{"x_s", x_s});
}

/// q(x_s | x_t, x_0) as a Gaussian, or one for each sample of a batch. [ho2020.6] [ho2020.7]
template <Levels S, Levels T, State X, CompatibleState<X> X0>
auto q_posterior(const S& s, const T& t, const X& x_t, const X0& x_0) {
  return forward_details::gaussian_at(
      "q_posterior", Between{s, t}, [](const auto& s_k, const auto& t_k) { return q_posterior(s_k, t_k); },
      [](const auto& c) { return std::array{c.x0, c.xt}; }, Named{"x_0", x_0}, Named{"x_t", x_t});
}

namespace forward_details {

/// The row of x_0 and eps in x_t.
inline constexpr auto sample_row = [](const auto& t) { return std::array{t.signal(), t.noise()}; };

}  // namespace forward_details

/// x_t = signal x_0 + noise eps: a draw of q(x_t | x_0) for eps ~ N(0, I), each sample at its own level if there is a
/// batch of levels. [ho2020.x_t]
template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
auto q_sample(const L& level, const X& x_0, const E& eps, Out out = {}) {
  return apply_at("q_sample", At{level}, forward_details::sample_row, out, Named{"x_0", x_0}, Named{"eps", eps});
}

}  // namespace diffusion
