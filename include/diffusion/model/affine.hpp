// SPDX-License-Identifier: MIT
// AffineDenoiser: an estimate of x_0 that is affine in x_t at every level, x_0_hat = slope x_t + offset.
//
// Use it where a model must have closed forms: every reverse step is then Gaussian with an affine mean, and so is all
// that the model generates (objective/joint.hpp). The best denoiser of Gaussian data is one. Not for real data.
//
// Accuracy: one rounding of each term. Source: Bishop 2006, section 2.3.3, for linear Gaussian models.
#pragma once

#include "denoiser.hpp"

namespace diffusion {

/// x_0_hat = slope x_t + offset at one level.
template <class X>
struct AffineEstimate {
  sum_t<X> slope;
  X offset;
};
template <class Slope, class X>
AffineEstimate(Slope, X) -> AffineEstimate<X>;

/// A Denoiser from coefficients(level) -> AffineEstimate.
template <class Coefficients>
struct AffineDenoiser {
  Coefficients coefficients;

  template <State X, Level L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    const auto c = coefficients(level);
    NewState out;
    return apply_row("AffineDenoiser", std::array{c.slope, sum_t<X>(1)}, out, Named{"x_t", x_t},
                     Named{"offset", c.offset});
  }
};
template <class Coefficients>
AffineDenoiser(Coefficients) -> AffineDenoiser<Coefficients>;

/// A denoiser that says what its coefficients at a level are.
template <class D, class X, class Real = double>
concept AffineInX = requires(const D& denoiser, const NoiseLevel<Real>& level) {
  numerics::Working<sum_t<X>>(denoiser.coefficients(level).slope);
  { denoiser.coefficients(level).offset } -> CompatibleState<X>;
};

}  // namespace diffusion
