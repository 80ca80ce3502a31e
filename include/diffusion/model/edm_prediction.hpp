// SPDX-License-Identifier: MIT
// EdmPrediction: a network F inside the preconditioning of EDM, as a prediction.
//
// Use it, as predicts(EdmPrediction{0.5}, net), for networks trained by EDM: their denoiser is D(x; sigma) = c_skip x +
// c_out F, and F has targets of unit variance at every level where the data have the standard deviation sigma_data. It
// says something of x_0 at every level, clean data and pure noise included. c_in and c_noise are inputs of the network,
// hence its own business. For a variance preserving level and sigma_data = 1, F is -v.
//
// Accuracy: the two coefficients are correctly rounded; the combination is one rounding of each term.
// Source: Karras et al. 2022, table 1 and eq. 7, at x = x_t / signal and sigma = noise / signal.
#pragma once

#include "conversions.hpp"

namespace diffusion {

/// The network's output is an estimate of F = (x_0 - c_skip x) / c_out, with c_skip = sigma_data^2 / (sigma^2 +
/// sigma_data^2) and c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2). sigma_data > 0, finite.
/// [karras2022.preconditioning]
struct EdmPrediction {
  double sigma_data = 0.5;

  /// F = (noise x_0 - signal sigma_data^2 eps) / (sigma_data root), root^2 = noise^2 + signal^2 sigma_data^2.
  template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
  auto target(const L& level, const X& x_0, const E& eps, Out out = {}) const {
    const auto row = [this]<class Real>(const NoiseLevel<Real>& t) {
      using W = numerics::Working<Real>;
      const W data(sigma_data), root = sqrt(total(t));
      return conversion_details::rounded<Real>(W(sqrt(t.working_noise_squared()) / (data * root)),
                                               W(-data * sqrt(t.working_signal_squared()) / root));
    };
    check();
    return apply_at("EdmPrediction::target", At{level}, row, out, Named{"x_0", x_0}, Named{"eps", eps});
  }

  /// x_0 = signal sigma_data^2 / root^2 x_t + noise sigma_data / root F.
  template <Levels L, State X, CompatibleState<X> Y, Destination Out = NewState>
  auto x0(const L& level, const X& x_t, const Y& output, Out out = {}) const {
    const auto row = [this]<class Real>(const NoiseLevel<Real>& t) {
      using W = numerics::Working<Real>;
      const W data(sigma_data), root_squared = total(t);
      return conversion_details::rounded<Real>(W(sqrt(t.working_signal_squared()) * data * data / root_squared),
                                               W(sqrt(W(t.working_noise_squared() / root_squared)) * data));
    };
    check();
    return apply_at("EdmPrediction::x0", At{level}, row, out, Named{"x_t", x_t}, Named{"output", output});
  }

  /// noise^2 + signal^2 sigma_data^2, the variance of x_t, in working precision.
  template <class Real>
  numerics::Working<Real> total(const NoiseLevel<Real>& t) const {
    const numerics::Working<Real> data(sigma_data);
    return t.working_noise_squared() + t.working_signal_squared() * data * data;
  }

  /// Fails unless sigma_data is a standard deviation.
  void check() const {
    numerics::require(sigma_data > 0 && sigma_data - sigma_data == 0, "EdmPrediction", "sigma_data", sigma_data,
                      "a finite number > 0");
  }
};

}  // namespace diffusion
