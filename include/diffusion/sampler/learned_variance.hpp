// SPDX-License-Identifier: MIT
// Ancestral sampling with the variance that the network says, element by element.
//
// Use LearnedVarianceSampler{} with a denoiser of model/learned_variance.hpp, clipped by clip_x0 or not; it is best
// with few steps of a network that was trained with the hybrid loss. A step that ends at clean data adds no noise,
// whatever the variance.
//
// Accuracy: the mean has coefficients that are exact values, rounded once; the variance that of learned_variance.hpp.
// Source: Nichol & Dhariwal 2021, section 3.1 and section 4.
#pragma once

#include "../model/learned_variance.hpp"
#include "sample.hpp"

namespace diffusion {

/// A step is a draw of learned_reverse at the estimates of the network, [nichol2021.15] in place of the variance of
/// [ho2020.alg2].
template <class Bounds = ExactVariances>
struct LearnedVarianceSampler {
  Bounds bounds{};

  template <class D, class Real, class X, class Draw>
    requires VarianceBounds<Bounds, Real>
  void step(D& denoiser, const NoiseLevel<Real>& s, const NoiseLevel<Real>& t, X& x, X& x_0_hat, const Draw& draw,
            NoHistory&) const {
    using Code = typename learned_details::CodeOf<std::remove_cvref_t<D>>::type;
    auto estimate = learned_details::estimate(denoiser, x, t);
    x_0_hat = std::move(estimate.x_0);
    if (s.working_noise_squared() == numerics::Working<Real>(0)) {
      x = q_posterior(s, t, x, x_0_hat).mean;
    } else {
      const auto p = learned_reverse<Code>(s, t, x, x_0_hat, estimate.variance, bounds);
      diffusion::sample(p, draw(), into(x));
    }
  }
};
template <class Bounds>
LearnedVarianceSampler(Bounds) -> LearnedVarianceSampler<Bounds>;
LearnedVarianceSampler() -> LearnedVarianceSampler<ExactVariances>;

}  // namespace diffusion
