// SPDX-License-Identifier: MIT
// What is to be proven: for each formula of the library, how it is called for any scalar, and what it should be.
//
// The textbook forms are written by SNRs, as in Kingma et al. 2021, appendix A, and not as the library has them;
// symbolic.py proves that the two agree.
#pragma once

#include <diffusion/ddim.hpp>
#include <diffusion/ddpm.hpp>
#include <string>

#include "enclosed.hpp"

namespace proofs {

using diffusion::NoiseLevel;

/// Which error of a result has the bound: the relative one; that times min(1, lambda_s - lambda_t), where levels that
/// are near are subtracted; the absolute one.
enum class Error { relative, near, absolute };

struct Claim {
  std::string name;
  Exact textbook;
  Error error = Error::relative;
  bool any_levels = true;  // or only of variance preserving ones
  Bound last = {};         // an error on top of the bound of all claims, whatever the levels
};
using Claims = std::vector<Claim>;
template <class Real>
using Results = std::vector<Real>;

/// signal^2 and noise^2 of a level as exact functions.
struct Squares {
  Exact signal, noise;
  Exact snr() const { return signal / noise; }
};

/// 1 - SNR_t / SNR_s, the share of the noise at s that x_t does not know.
inline Exact share(const Squares& s, const Squares& t) { return Exact(1) - t.snr() / s.snr(); }
inline Exact scale(const Squares& s, const Squares& t) { return sqrt(t.signal) / sqrt(s.signal); }
inline Exact posterior_variance(const Squares& s, const Squares& t) { return s.noise * share(s, t); }
inline Exact posterior_x0(const Squares& s, const Squares& t) { return sqrt(s.signal) * share(s, t); }
inline Exact posterior_xt(const Squares& s, const Squares& t) { return t.snr() / s.snr() / scale(s, t); }

// ---- of one level --------------------------------------------------------------------------------------------------

struct Levels {
  static constexpr bool one_level = true;
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>&, const NoiseLevel<Real>& t) {
    return {t.alpha_bar(), t.noise_variance(), t.signal(), t.noise(), t.snr(), t.sigma()};
  }
  static Claims claims(const Squares&, const Squares& t) {
    return {{"alpha_bar", t.signal},    {"noise_variance", t.noise},
            {"signal", sqrt(t.signal)}, {"noise", sqrt(t.noise)},
            {"snr", t.snr()},           {"sigma", sqrt(Exact(1) / t.snr())}};
  }
};

struct LogSnr {
  static constexpr bool one_level = true;
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>&, const NoiseLevel<Real>& t) {
    return {NoiseLevel<Real>(t.working_signal_squared(), t.working_noise_squared(), Real(0)).log_snr()};
  }
  static Claims claims(const Squares&, const Squares& t) {
    constexpr Bound of_log{0x1p-174};  // relative to a logarithm up to 40
    return {{"log_snr, by the squares", log(t.snr()), Error::absolute, true, of_log}};
  }
};

struct Conversions {
  static constexpr bool one_level = true;
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>&, const NoiseLevel<Real>& t) {
    using namespace diffusion;
    const Real one(1), none(0);
    return {x0_from_noise(t, one, none), x0_from_noise(t, none, one), noise_from_x0(t, one, none),
            noise_from_x0(t, none, one), v_from(t, one, none),        v_from(t, none, one),
            v_from_noise(t, one, none),  v_from_noise(t, none, one),  v_from_x0(t, one, none),
            v_from_x0(t, none, one),     x0_from_v(t, one, none),     x0_from_v(t, none, one),
            noise_from_v(t, one, none),  noise_from_v(t, none, one),  score_from_noise(t, one),
            score_from_x0(t, one, none), score_from_x0(t, none, one), noise_from_score(t, one),
            x0_from_score(t, one, none), x0_from_score(t, none, one)};
  }
  static Claims claims(const Squares&, const Squares& t) {
    const Exact signal = sqrt(t.signal), noise = sqrt(t.noise), total = t.signal + t.noise, one(1);
    return {{"x0_from_noise, x_t", one / signal},
            {"x0_from_noise, eps", -noise / signal},
            {"noise_from_x0, x_t", one / noise},
            {"noise_from_x0, x_0", -signal / noise},
            {"v_from, x_0", -noise},
            {"v_from, eps", signal},
            {"v_from_noise, x_t", -noise / signal},
            {"v_from_noise, eps", total / signal},
            {"v_from_x0, x_t", signal / noise},
            {"v_from_x0, x_0", -total / noise},
            {"x0_from_v, x_t", signal / total},
            {"x0_from_v, v", -noise / total},
            {"noise_from_v, x_t", noise / total},
            {"noise_from_v, v", signal / total},
            {"score_from_noise, eps", -one / noise},
            {"score_from_x0, x_t", -one / t.noise},
            {"score_from_x0, x_0", signal / t.noise},
            {"noise_from_score, score", -noise},
            {"x0_from_score, x_t", one / signal},
            {"x0_from_score, score", t.noise / signal}};
  }
};

struct PriorKl {
  static constexpr bool one_level = true;
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>&, const NoiseLevel<Real>& t) {
    return {diffusion::prior_kl(t, Real(0)), diffusion::prior_kl(t, Real(1))};
  }
  static Claims claims(const Squares&, const Squares& t) {
    const Exact at_zero = (t.noise - Exact(1) - log(t.noise)) / Exact(2);
    return {{"prior_kl, x_0 = 0", at_zero, Error::relative, false},
            {"prior_kl, x_0 = 1", at_zero + t.signal / Exact(2), Error::relative, false}};
  }
};

// ---- of two levels -------------------------------------------------------------------------------------------------

struct Transition {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const auto c = diffusion::q_transition(s, t);
    return {c.scale, c.variance};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    constexpr Bound without_noise{0x1p-149};  // which cuts it to 150 bits
    return {{"q_transition.scale", scale(s, t)},
            {"q_transition.variance", t.noise * share(s, t), Error::near, true, without_noise}};
  }
};

struct Posterior {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const auto c = diffusion::q_posterior(s, t);
    return {c.x0, c.xt, c.variance, c.log_variance};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    return {{"q_posterior.x0", posterior_x0(s, t), Error::near},
            {"q_posterior.xt", posterior_xt(s, t)},
            {"q_posterior.variance", posterior_variance(s, t), Error::near},
            {"q_posterior.log_variance", log(posterior_variance(s, t)), Error::near, false}};
  }
};

struct PosteriorFromNoise {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const auto c = diffusion::q_posterior_from_noise(s, t);
    return {c.xt, c.eps, c.variance, c.log_variance};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    return {{"q_posterior_from_noise.xt", Exact(1) / scale(s, t)},
            {"q_posterior_from_noise.eps", -sqrt(t.noise) * share(s, t) / scale(s, t), Error::near},
            {"q_posterior_from_noise.variance", posterior_variance(s, t), Error::near},
            {"q_posterior_from_noise.log_variance", log(posterior_variance(s, t)), Error::near, false}};
  }
};

struct DenoisingKl {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    return {diffusion::denoising_kl(s, t, Real(1), Real(0))};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    return {{"denoising_kl, distance 1", (s.snr() - t.snr()) / Exact(2), Error::near}};
  }
};

struct Ancestral {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const auto c = diffusion::ancestral_coefficients(s, t);
    return {c.x0, c.xt, c.noise, diffusion::ancestral_coefficients(s, t, diffusion::TransitionVariance{}).noise};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    return {{"ancestral_coefficients.x0", posterior_x0(s, t), Error::near},
            {"ancestral_coefficients.xt", posterior_xt(s, t)},
            {"ancestral_coefficients.noise", sqrt(posterior_variance(s, t)), Error::near},
            {"... with TransitionVariance", sqrt(t.noise * share(s, t)), Error::near}};
  }
};

template <int halves>
struct Ddim {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const auto c = diffusion::ddim_coefficients(s, t, Real(0.5 * halves));
    return {c.x0, c.xt, c.noise};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    const Exact variance = Exact(halves * halves) / Exact(4) * posterior_variance(s, t);
    const Exact xt = sqrt((s.noise - variance) / t.noise), x0 = sqrt(s.signal) - xt * sqrt(t.signal);
    const std::string eta = halves == 0 ? ", eta 0" : halves == 1 ? ", eta 1/2" : ", eta 1";
    return {{"ddim_coefficients.x0" + eta, x0, Error::near},
            {"ddim_coefficients.xt" + eta, xt, Error::near},
            {"ddim_coefficients.noise" + eta, sqrt(variance), Error::near}};
  }
};

// ---- mistakes, which must be refused -------------------------------------------------------------------------------

/// A slip of the pen: beta in place of the variance of the posterior.
struct WrongVariance {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    return {diffusion::q_posterior(s, t).variance};
  }
  static Claims claims(const Squares& s, const Squares& t) { return {{"beta", t.noise * share(s, t), Error::near}}; }
};

/// The noise as textbooks have it. Right, but its error has no bound that holds near clean data.
struct TextbookNoise {
  static constexpr bool one_level = true;
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>&, const NoiseLevel<Real>& t) {
    return {Real(1) - t.alpha_bar()};
  }
  static Claims claims(const Squares&, const Squares& t) {
    return {{"1 - alpha_bar", t.noise, Error::relative, false}};
  }
};

/// The beta of a step as textbooks have it, whose error is over the gap but grows towards clean data.
struct TextbookBeta {
  template <class Real>
  static Results<Real> computed(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    return {Real(1) - t.alpha_bar() / s.alpha_bar()};
  }
  static Claims claims(const Squares& s, const Squares& t) {
    return {{"1 - alpha_bar_t / alpha_bar_s", t.noise * share(s, t), Error::near, false}};
  }
};

}  // namespace proofs
