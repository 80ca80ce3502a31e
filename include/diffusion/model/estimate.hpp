// SPDX-License-Identifier: MIT
// The estimate of a denoiser in memory that the caller owns, whole or up to what a sampler's step can do on its way.
//
// Use denoise_into for an estimate without allocation; begin_estimate in a sampler: the network's output is then turned
// into x_0 and clipped in the one pass that moves x, by apply_step. Nothing is allocated where the network can write:
// where it takes a third argument, net(x_t, level, out), and writes its output to out.target.
//
// Accuracy: the bits of denoiser(x_t, level), either way.
#pragma once

#include "denoiser.hpp"

namespace diffusion {

/// A network, or a denoiser, that can also write its output where it is told: net(x_t, level, into(out)).
template <class Net, class X, class L = NoiseLevel<double>>
concept WritingNetwork =
    requires(Net& net, const X& x_t, const L& level, Into<value_t<X>&> out) { net(x_t, level, out); };

/// A callable write(x_t, level, out) or write(k, x, out) that writes to out.target, which is shaped like the state, as
/// a network or a source of noise: one that can also return its output.
template <class F>
struct Writes {
  F write;

  template <class A, class B, class X>
    requires std::invocable<const F&, const A&, const B&, Into<X&>>
  void operator()(const A& a, const B& b, Into<X&> out) const {
    write(a, b, out);
  }
  template <State X, Levels L>
    requires WritingNetwork<const F, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    value_t<X> output = x_t;
    write(x_t, level, Into<value_t<X>&>{output});
    return output;
  }
  template <State X>
    requires std::invocable<const F&, int, const X&, Into<value_t<X>&>>
  value_t<X> operator()(int k, const X& x) const {
    value_t<X> output = x;
    write(k, x, Into<value_t<X>&>{output});
    return output;
  }
};
template <class F>
Writes<F> writes(F write) {
  return {std::move(write)};
}

/// x_0 is linear in x_t and the output of a network that has this prediction: a row of two coefficients a level, which
/// a plan computes once.
template <class P>
concept LinearPrediction = requires { requires P::is_linear; };

/// The row of a level where none is known.
struct NoRow {};

namespace estimate_details {

template <class D>
inline constexpr bool is_clipped = false;
template <class D>
inline constexpr bool is_clipped<ClippedDenoiser<D>> = true;
template <class D>
inline constexpr bool is_predicts = false;
template <class P, class Net>
inline constexpr bool is_predicts<Predicts<P, Net>> = true;

template <class Net, class Level, class X>
void network_into(Net& net, const X& x_t, const Level& level, X& output) {
  if constexpr (WritingNetwork<Net, X, Level>)
    net(x_t, level, Into<X&>{output});
  else
    output = net(x_t, level);
}

}  // namespace estimate_details

/// out <- denoiser(x_t, level); out has the shape of x_t and is not x_t.
template <class D, class Level, class X>
void denoise_into(D&& denoiser, const X& x_t, const Level& level, X& out) {
  using Plain = std::remove_cvref_t<D>;
  if constexpr (estimate_details::is_clipped<Plain>) {
    denoise_into(denoiser.denoiser, x_t, level, out);
    clip_elements(out, denoiser.low, denoiser.high);
  } else if constexpr (estimate_details::is_predicts<Plain>) {
    estimate_details::network_into(denoiser.net, x_t, level, out);
    if constexpr (!std::same_as<typename Plain::prediction, X0Prediction>)
      denoiser.output.x0(level, x_t, out, Into<X&>{out});
  } else {
    estimate_details::network_into(denoiser, x_t, level, out);
  }
}

/// Runs the network of the denoiser, with its output into y, and returns what is left to do for the estimate of x_0:
/// what apply_step does when it is given x_t and y. row: that of the network's prediction at this level, or NoRow.
template <class D, class Real, class Row, class X>
auto begin_estimate(D&& denoiser, const X& x_t, const NoiseLevel<Real>& level, const Row& row, X& y) {
  using Plain = std::remove_cvref_t<D>;
  using kernels::Second;
  if constexpr (estimate_details::is_clipped<Plain>) {
    const auto inner = begin_estimate(denoiser.denoiser, x_t, level, row, y);
    return clipped(inner, static_cast<Real>(denoiser.low), static_cast<Real>(denoiser.high));
  } else if constexpr (LinearPrediction<prediction_t<Plain>> && estimate_details::is_predicts<Plain> &&
                       !std::same_as<Row, NoRow>) {
    estimate_details::network_into(denoiser.net, x_t, level, y);
    return Estimate<Real, Second::combined>{row};
  } else {
    denoise_into(denoiser, x_t, level, y);
    return Estimate<Real, Second::plain>{};
  }
}

}  // namespace diffusion
