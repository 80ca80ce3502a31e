// SPDX-License-Identifier: MIT
// What a network may predict (x_0, noise, v, score) and the linear ways between them, at one level or a batch of
// levels.
//
// Each is a pure function of level(s), x_t and the prediction. Where a level carries no information the result is
// infinite or NaN and nothing is clipped: x_0 from noise or score at pure noise, noise or score at clean data. Use v
// there.
//
// Accuracy: the two coefficients are correctly rounded; the combination is one rounding of each term.
// Source: Ho et al. 2020, eq. 15; Salimans & Ho 2022, appendix D (v); Song et al. 2021, score-based SDEs (score).
#pragma once

#include "../process/forward.hpp"

namespace diffusion {

namespace conversion_details {

template <class Real>
using Row = std::array<Real, 2>;

/// The row {a, b} rounded from working precision.
template <class Real, class W>
Row<Real> rounded(const W& a, const W& b) {
  return {numerics::round_to<Real>(a), numerics::round_to<Real>(b)};
}

/// signal^2 + noise^2: one for a variance preserving level, up to the working precision.
template <class Real>
numerics::Working<Real> total(const NoiseLevel<Real>& t) {
  return t.working_signal_squared() + t.working_noise_squared();
}

}  // namespace conversion_details

/// x_0 = (x_t - noise eps) / signal. [ho2020.15]
template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
auto x0_from_noise(const L& level, const X& x_t, const E& eps, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    return conversion_details::rounded<Real>(W(sqrt(W(W(1) / t.working_signal_squared()))),
                                             W(-sqrt(W(t.working_noise_squared() / t.working_signal_squared()))));
  };
  return apply_at("x0_from_noise", At{level}, row, out, Named{"x_t", x_t}, Named{"eps", eps});
}

/// eps = (x_t - signal x_0) / noise, the inverse of x0_from_noise. [kingma2021.29]
template <Levels L, State X, CompatibleState<X> X0, Destination Out = NewState>
auto noise_from_x0(const L& level, const X& x_t, const X0& x_0, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    return conversion_details::rounded<Real>(W(sqrt(W(W(1) / t.working_noise_squared()))),
                                             W(-sqrt(W(t.working_signal_squared() / t.working_noise_squared()))));
  };
  return apply_at("noise_from_x0", At{level}, row, out, Named{"x_t", x_t}, Named{"x_0", x_0});
}

/// v = signal eps - noise x_0. [salimans2022.v]
template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
auto v_from(const L& level, const X& x_0, const E& eps, Out out = {}) {
  const auto row = [](const auto& t) { return std::array{-t.noise(), t.signal()}; };
  return apply_at("v_from", At{level}, row, out, Named{"x_0", x_0}, Named{"eps", eps});
}

/// v = ((signal^2 + noise^2) eps - noise x_t) / signal, from the noisy state in place of x_0.
template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
auto v_from_noise(const L& level, const X& x_t, const E& eps, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    const W signal = sqrt(t.working_signal_squared());
    return conversion_details::rounded<Real>(W(-sqrt(W(t.working_noise_squared() / t.working_signal_squared()))),
                                             W(conversion_details::total(t) / signal));
  };
  return apply_at("v_from_noise", At{level}, row, out, Named{"x_t", x_t}, Named{"eps", eps});
}

/// v = (signal x_t - (signal^2 + noise^2) x_0) / noise.
template <Levels L, State X, CompatibleState<X> X0, Destination Out = NewState>
auto v_from_x0(const L& level, const X& x_t, const X0& x_0, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    const W noise = sqrt(t.working_noise_squared());
    return conversion_details::rounded<Real>(W(sqrt(W(t.working_signal_squared() / t.working_noise_squared()))),
                                             W(-conversion_details::total(t) / noise));
  };
  return apply_at("v_from_x0", At{level}, row, out, Named{"x_t", x_t}, Named{"x_0", x_0});
}

/// x_0 = (signal x_t - noise v) / (signal^2 + noise^2); the divisor is one when variance preserving.
/// [salimans2022.x_by_v]
template <Levels L, State X, CompatibleState<X> V, Destination Out = NewState>
auto x0_from_v(const L& level, const X& x_t, const V& v, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    const W total = conversion_details::total(t);
    return conversion_details::rounded<Real>(W(sqrt(t.working_signal_squared()) / total),
                                             W(-sqrt(t.working_noise_squared()) / total));
  };
  return apply_at("x0_from_v", At{level}, row, out, Named{"x_t", x_t}, Named{"v", v});
}

/// eps = (noise x_t + signal v) / (signal^2 + noise^2). [salimans2022.noise_by_v]
template <Levels L, State X, CompatibleState<X> V, Destination Out = NewState>
auto noise_from_v(const L& level, const X& x_t, const V& v, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    const W total = conversion_details::total(t);
    return conversion_details::rounded<Real>(W(sqrt(t.working_noise_squared()) / total),
                                             W(sqrt(t.working_signal_squared()) / total));
  };
  return apply_at("noise_from_v", At{level}, row, out, Named{"x_t", x_t}, Named{"v", v});
}

/// score = -eps / noise, the gradient of log q(x_t | x_0) in x_t. [luo2022.151]
template <Levels L, State E, Destination Out = NewState>
auto score_from_noise(const L& level, const E& eps, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    return std::array{numerics::round_to<Real>(W(-sqrt(W(W(1) / t.working_noise_squared()))))};
  };
  return apply_at("score_from_noise", At{level}, row, out, Named{"eps", eps});
}

/// score = (signal x_0 - x_t) / noise^2. [kingma2021.30]
template <Levels L, State X, CompatibleState<X> X0, Destination Out = NewState>
auto score_from_x0(const L& level, const X& x_t, const X0& x_0, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    return conversion_details::rounded<Real>(W(W(-1) / t.working_noise_squared()),
                                             W(sqrt(t.working_signal_squared()) / t.working_noise_squared()));
  };
  return apply_at("score_from_x0", At{level}, row, out, Named{"x_t", x_t}, Named{"x_0", x_0});
}

/// eps = -noise score, the inverse of score_from_noise.
template <Levels L, State X, Destination Out = NewState>
auto noise_from_score(const L& level, const X& score, Out out = {}) {
  return apply_at(
      "noise_from_score", At{level}, [](const auto& t) { return std::array{-t.noise()}; }, out, Named{"score", score});
}

/// x_0 = (x_t + noise^2 score) / signal, Tweedie's formula. [luo2022.tweedie]
template <Levels L, State X, CompatibleState<X> S, Destination Out = NewState>
auto x0_from_score(const L& level, const X& x_t, const S& score, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& t) {
    using W = numerics::Working<Real>;
    const W signal = sqrt(t.working_signal_squared());
    return conversion_details::rounded<Real>(W(W(1) / signal), W(t.working_noise_squared() / signal));
  };
  return apply_at("x0_from_score", At{level}, row, out, Named{"x_t", x_t}, Named{"score", score});
}

}  // namespace diffusion
