// SPDX-License-Identifier: MIT
// The one shape that samplers and likelihoods know a model by: a Denoiser, d(x_t, level) -> estimate of E[x_0 | x_t].
//
// Use predicts_noise, predicts_x0, predicts_v or predicts_score to make a Denoiser of a network, net(x_t, level) ->
// output. What the network is told of the level, usually level.time(), is the business of the callable. clip_x0 bounds
// the estimate; nothing else in the library ever clips.
//
// Accuracy: that of conversions.hpp.
// Source: Ho et al. 2020, section 3.2; Karras et al. 2022, section 2, for the denoiser as the common shape.
#pragma once

#include "prediction.hpp"

namespace diffusion {

/// A callable network(x_t, level) whose output can stand beside x_t.
template <class Net, class X, class L = NoiseLevel<double>>
concept Network = requires(Net& net, const X& x_t, const L& level) {
  { net(x_t, level) } -> CompatibleState<X>;
};

/// A callable denoiser(x_t, level) that returns an estimate of E[x_0 | x_t], of the element type and shape of x_t. The
/// level is a NoiseLevel<L>, or one of L if L is a level or a batch of levels.
template <class D, class X, class L = double>
concept Denoiser = requires(D& denoiser, const value_t<X>& x_t, const level_of_t<L>& level) {
  { denoiser(x_t, level) } -> CompatibleState<X>;
};

/// A network together with what it predicts; a Denoiser.
template <class Prediction, class Net>
struct Predicts {
  using prediction = Prediction;
  Net net;

  template <State X, Levels L>
    requires Network<const Net, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    return Prediction::x0(level, x_t, net(x_t, level));
  }
};

/// Denoisers from networks. A temporary network is kept, a named one is referred to and must outlive the denoiser.
template <class Net>
Predicts<X0Prediction, Net> predicts_x0(Net&& net) {
  return {static_cast<Net&&>(net)};
}
template <class Net>
Predicts<NoisePrediction, Net> predicts_noise(Net&& net) {
  return {static_cast<Net&&>(net)};
}
template <class Net>
Predicts<VPrediction, Net> predicts_v(Net&& net) {
  return {static_cast<Net&&>(net)};
}
template <class Net>
Predicts<ScorePrediction, Net> predicts_score(Net&& net) {
  return {static_cast<Net&&>(net)};
}

/// A denoiser whose estimate is bounded, element by element; NaN stays NaN.
template <class D>
struct ClippedDenoiser {
  D denoiser;
  double low, high;

  template <State X, Level L>
    requires Denoiser<const D, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    using T = scalar_t<X>;
    const T lower = static_cast<T>(low), upper = static_cast<T>(high);
    value_t<X> x_0 = denoiser(x_t, level);
    const auto clip = [&](T& e) { e = e < lower ? lower : upper < e ? upper : e; };
    if constexpr (StoredState<X>)
      for (T& e : state_traits<value_t<X>>::elements(x_0)) clip(e);
    else
      clip(x_0);
    return x_0;
  }
};

/// The denoiser with its estimate clipped to [low, high], for data of that range. Ho et al. 2020's code. low < high.
template <class D>
ClippedDenoiser<D> clip_x0(D&& denoiser, double low = -1, double high = 1) {
  numerics::require(low < high, "clip_x0", "low", low, "a number below high");
  return {static_cast<D&&>(denoiser), low, high};
}

}  // namespace diffusion
