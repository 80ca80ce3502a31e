// SPDX-License-Identifier: MIT
// DDIM: the family of reverse steps with the marginals of DDPM, from deterministic (eta = 0) to ancestral (eta = 1).
//
// Use DdimSampler{} with few steps, or where the same noise must give the same sample. eta = 0 is an Euler step of the
// probability-flow ODE and never draws noise. The noise in a step is the one that belongs to the estimate of x_0: where
// that was clipped, so is what is left of x_t.
//
// Accuracy: the coefficients are exact values, rounded once.
// Source: Song, Meng & Ermon 2020, eq. 12 and 16, for any two levels.
#pragma once

#include "ancestral.hpp"

namespace diffusion {

namespace ddim_details {

template <class Real>
StepCoefficients<Real> coefficients(const char* function, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t,
                                    const Real& eta) {
  using W = numerics::Working<Real>;
  const auto q = forward_details::transition(function, s, t);
  const W factor(eta), square = factor * factor, share = s.working_noise_squared() / t.working_noise_squared();
  const W variance = square * q.variance * share;
  // noise_s^2 - variance, of which nothing cancels up to eta = 1
  W rest = s.working_noise_squared() * ((W(1) - factor) * (W(1) + factor) + square * q.scale_squared * share);
  const W tolerance = numerics::working_tolerance<W>() * s.working_noise_squared();
  numerics::require(eta >= Real(0) && rest >= -tolerance, function, "eta", eta,
                    "a number >= 0 with sigma at most the noise of s");
  if (rest < W(0)) rest = W(0);
  const W xt = sqrt(W(rest / t.working_noise_squared()));
  return {numerics::round_to<Real>(W(sqrt(s.working_signal_squared()) - xt * sqrt(t.working_signal_squared()))),
          numerics::round_to<Real>(xt), numerics::round_to<Real>(W(sqrt(variance)))};
}

}  // namespace ddim_details

/// x_s = signal_s x_0_hat + sqrt(noise_s^2 - sigma^2) eps_hat + sigma z, eps_hat = (x_t - signal_t x_0_hat) / noise_t,
/// written by x_0_hat, x_t and z; sigma = eta times the root of the posterior variance. [ddim2020.7] [ddim2020.16]
/// eta >= 0, and not so large that sigma exceeds noise_s.
template <Level L>
auto ddim_coefficients(const L& s, const L& t, const std::type_identity_t<level_real_t<L>>& eta) {
  return ddim_details::coefficients("ddim_coefficients", s, t, eta);
}

/// One DDIM step from level t to s. [ddim2020.12]
template <Levels S, Levels T, State X, CompatibleState<X> X0, std::convertible_to<level_real_t<S>> Eta, StepNoise<X> Z,
          Destination Out = NewState>
auto ddim_step(const S& s, const T& t, const X& x_t, const X0& x_0_hat, const Eta& eta, const Z& z, Out out = {}) {
  const auto row = [&eta]<class Real>(const NoiseLevel<Real>& s_k, const NoiseLevel<Real>& t_k) {
    const auto c = ddim_details::coefficients("ddim_step", s_k, t_k, static_cast<Real>(eta));
    return std::array{c.xt, c.x0, c.noise};
  };
  return apply_at("ddim_step", Between{s, t}, row, out, Named{"x_t", x_t}, Named{"x_0_hat", x_0_hat}, Named{"z", z});
}

/// The deterministic step, eta = 0.
template <Levels S, Levels T, State X, CompatibleState<X> X0, Destination Out = NewState>
auto ddim_step(const S& s, const T& t, const X& x_t, const X0& x_0_hat, Out out = {}) {
  const auto row = []<class Real>(const NoiseLevel<Real>& s_k, const NoiseLevel<Real>& t_k) {
    const auto c = ddim_details::coefficients("ddim_step", s_k, t_k, Real(0));
    return std::array{c.xt, c.x0};
  };
  return apply_at("ddim_step", Between{s, t}, row, out, Named{"x_t", x_t}, Named{"x_0_hat", x_0_hat});
}

struct DdimSampler {
  double eta = 0;

  template <class Real>
  StepCoefficients<Real> coefficients(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    return ddim_details::coefficients("sample", s, t, static_cast<Real>(eta));
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

}  // namespace diffusion
