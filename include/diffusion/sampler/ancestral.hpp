// SPDX-License-Identifier: MIT
// Ancestral sampling, the reverse process of DDPM, between any two levels.
//
// Use AncestralSampler{} (variance of the posterior) or AncestralSampler{TransitionVariance{}} (beta), or a variance of
// your own: a callable of (s, t). Best with all steps of the schedule; with few, DDIM is more accurate. A step that
// ends at clean data adds no noise, whatever the variance.
//
// Accuracy: the coefficients are exact values, rounded once.
// Source: Ho et al. 2020, section 3.2 and algorithm 2.
#pragma once

#include "../process/step_variance.hpp"
#include "sample.hpp"

namespace diffusion {

/// x_s = x0 x_0_hat + xt x_t + noise z.
template <class Real>
struct StepCoefficients {
  Real x0, xt, noise;
};

namespace ancestral_details {

template <class Real, StepVariance<Real> V>
StepCoefficients<Real> coefficients(const char* function, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t,
                                    const V& variance) {
  using W = numerics::Working<Real>;
  const auto mean = forward_details::posterior_mean(forward_details::transition(function, s, t), s, t);
  const Real x0 = numerics::round_to<Real>(mean.x0), xt = numerics::round_to<Real>(mean.xt);
  if (s.working_noise_squared() == W(0)) return {x0, xt, Real(0)};
  const W v(variance(s, t));
  if (!(v >= W(0))) numerics::require(false, function, "variance", numerics::round_to<Real>(v), "a number >= 0");
  return {x0, xt, numerics::round_to<Real>(W(sqrt(v)))};
}

template <class V>
auto row(const V& variance) {
  return [&variance](const auto& s, const auto& t) {
    const auto c = coefficients("ancestral_step", s, t, variance);
    return std::array{c.xt, c.x0, c.noise};
  };
}

/// x <- xt x + x0 x_0_hat + noise draw(), in one pass with what makes x_0_hat of the network's output, and without a
/// draw where its factor is zero.
template <class Real, class D, class Row, class X, class Draw>
void step_in_place(const StepCoefficients<Real>& c, D& denoiser, const NoiseLevel<Real>& t, const Row& row, X& x,
                   X& x_0_hat, const Draw& draw) {
  const auto step = [&]<kernels::Second second, std::size_t terms>(const Estimate<Real, second>& estimate,
                                                                   const std::array<Real, terms>& factors,
                                                                   const auto&... z) {
    const Named state{"x", x}, output{"x_0_hat", x_0_hat};
    if constexpr (second == kernels::Second::plain)
      apply_step("sample", estimate, factors, Into<X&>{x}, NotKept{}, state, output, z...);
    else
      apply_step("sample", estimate, factors, Into<X&>{x}, Into<X&>{x_0_hat}, state, output, z...);
  };
  const auto estimate = begin_estimate(denoiser, static_cast<const X&>(x), t, row, x_0_hat);
  if (c.noise == Real(0))
    step(estimate, std::array{c.xt, c.x0});
  else if constexpr (ElementSource<Draw, X>)
    step(estimate, std::array{c.xt, c.x0, c.noise}, Named{"noise", draw});
  else
    step(estimate, std::array{c.xt, c.x0, c.noise}, Named{"noise", draw()});
}

}  // namespace ancestral_details

/// The coefficients of an ancestral step: the posterior mean, and the root of the variance unless s is clean.
template <Level L, StepVariance<level_real_t<L>> V = PosteriorVariance>
auto ancestral_coefficients(const L& s, const L& t, const V& variance = {}) {
  return ancestral_details::coefficients("ancestral_coefficients", s, t, variance);
}

/// One draw of p(x_s | x_t): x_s = x0 x_0_hat + xt x_t + sqrt(variance) z, for z ~ N(0, I), with the variance of the
/// posterior or another one. [ho2020.alg2] [kingma2021.9]
template <Levels S, Levels T, State X, CompatibleState<X> X0, StepNoise<X> Z, Destination Out = NewState>
auto ancestral_step(const S& s, const T& t, const X& x_t, const X0& x_0_hat, const Z& z, Out out = {}) {
  return apply_at("ancestral_step", Between{s, t}, ancestral_details::row(PosteriorVariance{}), out, Named{"x_t", x_t},
                  Named{"x_0_hat", x_0_hat}, Named{"z", z});
}
template <Levels S, Levels T, State X, CompatibleState<X> X0, StepNoise<X> Z, StepVariance<level_real_t<S>> V,
          Destination Out = NewState>
auto ancestral_step(const S& s, const T& t, const X& x_t, const X0& x_0_hat, const Z& z, const V& variance,
                    Out out = {}) {
  return apply_at("ancestral_step", Between{s, t}, ancestral_details::row(variance), out, Named{"x_t", x_t},
                  Named{"x_0_hat", x_0_hat}, Named{"z", z});
}

/// The step with coefficients that are known, of an ancestral or a DDIM step: x_s = x0 x_0_hat + xt x_t + noise z.
template <class Real, State X, CompatibleState<X> X0, StepNoise<X> Z, Destination Out = NewState>
auto reverse_step(const StepCoefficients<Real>& c, const X& x_t, const X0& x_0_hat, const Z& z, Out out = {}) {
  return apply_row("reverse_step", std::array{c.xt, c.x0, c.noise}, out, Named{"x_t", x_t}, Named{"x_0_hat", x_0_hat},
                   Named{"z", z});
}
/// The same without noise.
template <class Real, State X, CompatibleState<X> X0, Destination Out = NewState>
auto reverse_step(const StepCoefficients<Real>& c, const X& x_t, const X0& x_0_hat, Out out = {}) {
  return apply_row("reverse_step", std::array{c.xt, c.x0}, out, Named{"x_t", x_t}, Named{"x_0_hat", x_0_hat});
}

template <class Variance = PosteriorVariance>
struct AncestralSampler {
  Variance variance{};

  template <class Real>
  StepCoefficients<Real> coefficients(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    return ancestral_details::coefficients("sample", s, t, variance);
  }
  template <class D, class Real, class X, class Draw>
  void step(D& denoiser, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t, X& x, X& x_0_hat, const Draw& draw,
            NoHistory&) const {
    ancestral_details::step_in_place(coefficients(s, t), denoiser, t, NoRow{}, x, x_0_hat, draw);
  }
  template <class D, class Real, class C, class Row, class X, class Draw>
  void step(D& denoiser, const PlannedStep<Real, C, Row>& planned, X& x, X& x_0_hat, const Draw& draw,
            NoHistory&) const {
    ancestral_details::step_in_place(planned.coefficients, denoiser, planned.t, planned.row, x, x_0_hat, draw);
  }
};
template <class Variance>
AncestralSampler(Variance) -> AncestralSampler<Variance>;
AncestralSampler() -> AncestralSampler<PosteriorVariance>;

}  // namespace diffusion
