// SPDX-License-Identifier: MIT
// The variance of a reverse step p(x_s | x_t), for samplers and likelihoods: a callable of the two levels.
//
// Use PosteriorVariance{} or TransitionVariance{}, the two that are right at the ends of what data can be, or a
// callable of your own. A last step to clean data has posterior variance 0, which samples but has no density:
// DecoderVariance gives that step one of the caller's.
//
// Accuracy: in working precision; whoever uses a variance rounds it once. Source: Ho et al. 2020, section 3.2.
#pragma once

#include "forward.hpp"

namespace diffusion {

/// beta_tilde_t, the variance of q(x_s | x_t, x_0): right for data that are a point. [ho2020.variances]
struct PosteriorVariance {
  template <class Real>
  numerics::Working<Real> operator()(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    return forward_details::transition("PosteriorVariance", s, t).variance / t.working_noise_squared() *
           s.working_noise_squared();
  }
};

/// beta_t, the variance of q(x_t | x_s): right for data that are N(0, I). [ho2020.variances]
struct TransitionVariance {
  template <class Real>
  numerics::Working<Real> operator()(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    return forward_details::transition("TransitionVariance", s, t).variance;
  }
};

/// A variance of the reverse step, from the two levels; in Real or in its working precision. One between the two above
/// is a lambda. [nichol2021.15]
template <class V, class Real = double>
concept StepVariance =
    requires(const V& variance, const NoiseLevel<Real>& level) { numerics::Working<Real>(variance(level, level)); };

/// `decoder` on the step to clean data, p(x_0 | x_1), and `variance` on all others.
template <class V = PosteriorVariance>
struct DecoderVariance {
  double decoder;
  V variance{};

  template <class Real>
    requires StepVariance<V, Real>
  numerics::Working<Real> operator()(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    return s.working_noise_squared() == W(0) ? W(decoder) : W(variance(s, t));
  }
};
DecoderVariance(double) -> DecoderVariance<PosteriorVariance>;
template <class V>
DecoderVariance(double, V) -> DecoderVariance<V>;

}  // namespace diffusion
