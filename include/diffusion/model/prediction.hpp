// SPDX-License-Identifier: MIT
// What a network was trained to predict, as a type: the regression target, and the way from the output to x_0.
//
// Use NoisePrediction for Ho et al., X0Prediction for denoisers, VPrediction where the chain reaches pure noise,
// ScorePrediction for score models; or write your own type with the same two functions. predicts_noise(net) and its
// sisters in denoiser.hpp, and training_batch in objective/training.hpp, are made of these.
//
// Accuracy and source: conversions.hpp.
#pragma once

#include "conversions.hpp"

namespace diffusion {

namespace prediction_details {

/// x as a value of its own.
template <State X, Destination Out>
auto copy(const char* name, const X& x, Out out) {
  using Real = sum_t<X>;
  return apply_row("prediction", std::array{Real(1)}, out, Named{name, x});
}

}  // namespace prediction_details

/// The network's output is an estimate of x_0.
struct X0Prediction {
  template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
  static auto target(const L&, const X& x_0, const E&, Out out = {}) {
    return prediction_details::copy("x_0", x_0, out);
  }
  template <Levels L, State X, CompatibleState<X> Y, Destination Out = NewState>
  static auto x0(const L&, const X&, const Y& output, Out out = {}) {
    return prediction_details::copy("output", output, out);
  }
};

/// The network's output is an estimate of eps. [ho2020.14] A prediction of which x_0 is a linear function of x_t and the
/// output is marked: a sampler may have the two coefficients computed beforehand.
struct NoisePrediction {
  static constexpr bool is_linear = true;
  static constexpr bool needs_signal = true;  // says nothing of x_0 at pure noise

  template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
  static auto target(const L&, const X&, const E& eps, Out out = {}) {
    return prediction_details::copy("eps", eps, out);
  }
  template <Levels L, State X, CompatibleState<X> Y, Destination Out = NewState>
  static auto x0(const L& level, const X& x_t, const Y& output, Out out = {}) {
    return x0_from_noise(level, x_t, output, out);
  }
};

/// The network's output is an estimate of v = signal eps - noise x_0. [salimans2022.v]
struct VPrediction {
  static constexpr bool is_linear = true;

  template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
  static auto target(const L& level, const X& x_0, const E& eps, Out out = {}) {
    return v_from(level, x_0, eps, out);
  }
  template <Levels L, State X, CompatibleState<X> Y, Destination Out = NewState>
  static auto x0(const L& level, const X& x_t, const Y& output, Out out = {}) {
    return x0_from_v(level, x_t, output, out);
  }
};

/// The network's output is an estimate of the score, -eps / noise. [song2021.7]
struct ScorePrediction {
  static constexpr bool is_linear = true;
  static constexpr bool needs_signal = true;  // says nothing of x_0 at pure noise

  template <Levels L, State X, CompatibleState<X> E, Destination Out = NewState>
  static auto target(const L& level, const X&, const E& eps, Out out = {}) {
    return score_from_noise(level, eps, out);
  }
  template <Levels L, State X, CompatibleState<X> Y, Destination Out = NewState>
  static auto x0(const L& level, const X& x_t, const Y& output, Out out = {}) {
    return x0_from_score(level, x_t, output, out);
  }
};

}  // namespace diffusion
