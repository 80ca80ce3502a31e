// SPDX-License-Identifier: MIT
// The one shape that samplers and likelihoods know a model by: a Denoiser, d(x_t, level) -> estimate of E[x_0 | x_t].
//
// Use predicts_noise, predicts_x0, predicts_v or predicts_score to make a Denoiser of a network, net(x_t, level) ->
// output. A bare callable is taken as an estimate of x_0. What the network is told of the level, usually level.time(),
// is the business of the callable. clip_x0 bounds the estimate; nothing else in the library ever clips. Networks and
// denoisers are kept by value: pass std::ref(net), or a lambda that refers to it, for one that is large or that is
// trained on afterwards.
//
// Accuracy: that of conversions.hpp.
// Source: Ho et al. 2020, section 3.2; Karras et al. 2022, section 2, for the denoiser as the common shape.
#pragma once

#include <utility>

#include "prediction.hpp"

namespace diffusion {

/// A callable network(x_t, level) whose output can stand beside x_t: of its element type, and a state of its library.
template <class Net, class X, class L = NoiseLevel<double>>
concept Network = requires(Net& net, const X& x_t, const L& level) {
  { net(x_t, level) } -> CompatibleState<X>;
};

namespace denoiser_details {

// The network at the bottom of a denoiser, so that diagnostics speak of it and not of what was wrapped around it.
template <class D>
struct Innermost {
  using type = D;
};
template <class D>
  requires requires { typename std::remove_cvref_t<D>::inner; }
struct Innermost<D>
    : Innermost<
          std::conditional_t<std::is_const_v<std::remove_reference_t<D>>, const typename std::remove_cvref_t<D>::inner,
                             typename std::remove_cvref_t<D>::inner>> {};

template <class D>
struct PredictionOf {
  using type = X0Prediction;
};
template <class D>
  requires requires { typename D::prediction; }
struct PredictionOf<D> {
  using type = typename D::prediction;
};
template <class D>
  requires(
      !requires { typename D::prediction; } && requires { typename D::inner; })
struct PredictionOf<D> : PredictionOf<typename D::inner> {};

}  // namespace denoiser_details

/// What the network at the bottom of a denoiser predicts.
template <class D>
using prediction_t = typename denoiser_details::PredictionOf<std::remove_cvref_t<D>>::type;

/// A callable denoiser(x_t, level) that returns an estimate of E[x_0 | x_t], of the element type and shape of x_t. The
/// level is a NoiseLevel<L>, or one of L if L is a level or a batch of levels.
template <class D, class X, class L = double>
concept Denoiser = Network<typename denoiser_details::Innermost<D>::type, value_t<X>, level_of_t<L>>;

/// A Denoiser of a level, or a callable of a batch of levels, one for each sample of x_t.
template <class D, class X, class L>
concept DenoiserAt = (Level<L> && Denoiser<D, X, L>) || (LevelBatch<L> && Network<D, X, L>);

/// A network together with what it predicts; a Denoiser.
template <class Prediction, class Net>
struct Predicts {
  using prediction = Prediction;
  using inner = Net;
  Net net;
  [[no_unique_address]] Prediction output{};

  template <State X, Levels L>
    requires Network<const Net, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    return output.x0(level, x_t, net(x_t, level));
  }
  template <State X, Levels L>
    requires Network<Net, X, L>
  value_t<X> operator()(const X& x_t, const L& level) {
    return output.x0(level, x_t, net(x_t, level));
  }
};

/// Denoisers from networks; predicts() takes a prediction that has parameters, such as EdmPrediction.
template <class Prediction, class Net>
Predicts<Prediction, Net> predicts(const Prediction& output, Net net) {
  return {std::move(net), output};
}
template <class Net>
Predicts<X0Prediction, Net> predicts_x0(Net net) {
  return {std::move(net), {}};
}
template <class Net>
Predicts<NoisePrediction, Net> predicts_noise(Net net) {
  return {std::move(net), {}};
}
template <class Net>
Predicts<VPrediction, Net> predicts_v(Net net) {
  return {std::move(net), {}};
}
template <class Net>
Predicts<ScorePrediction, Net> predicts_score(Net net) {
  return {std::move(net), {}};
}

/// A denoiser whose estimate is bounded, element by element; NaN stays NaN.
template <class D>
struct ClippedDenoiser {
  using inner = D;
  D denoiser;
  double low, high;

  template <State X, Levels L>
    requires DenoiserAt<const D, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    return clipped(value_t<X>(denoiser(x_t, level)));
  }
  template <State X, Levels L>
    requires DenoiserAt<D, X, L>
  value_t<X> operator()(const X& x_t, const L& level) {
    return clipped(value_t<X>(denoiser(x_t, level)));
  }

 private:
  template <class V>
  V clipped(V x_0) const {
    clip_elements(x_0, low, high);
    return x_0;
  }
};

/// The denoiser with its estimate clipped to [low, high], for data of that range. Ho et al. 2020's code. low < high.
template <class D>
ClippedDenoiser<D> clip_x0(D denoiser, double low = -1, double high = 1) {
  numerics::require(low < high, "clip_x0", "low", low, "a number below high");
  return {std::move(denoiser), low, high};
}

}  // namespace diffusion
