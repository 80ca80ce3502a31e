// SPDX-License-Identifier: MIT
// The decoder of VDM: what a state with a little noise says of the grey levels that it came from.
//
// Use it for a chain that ends at a level with noise, not at clean data: each grey level has probability in proportion
// to the density of the noisy value, so that no network is asked. As the noise falls below the distance between grey
// levels the probability of the right one goes to 1. Data are taken as they are: the grid of grey levels goes through
// x.
//
// Accuracy: for scalars correctly rounded. For arrays of float and double, relative error below 1e-14, or below 1e-12
// where the value itself is below 1e-8 in magnitude. Under much noise every grey level costs an exponential.
// Source: Kingma et al. 2021, its section on the reverse model.
#pragma once

#include "../process/levels.hpp"
#include "decoder.hpp"

namespace diffusion {

/// How a chain that ends at a level with noise is scored.
struct SoftmaxDecoder {
  GreyLevels grey{};
};

namespace decoder_details {

/// -log sum_j exp(j q (r - j q / 2)) over -below <= j <= above: the logarithm of the density at r deviations from a
/// grey level, relative to the sum of those of all levels, which are q deviations apart. Exponents cancel where two
/// levels are equally near, so they are computed in W, but their exponentials in A.
template <class A, class W>
A log_softmax(const W& r, const W& q, int below, int above) {
  const W turn = r / q;
  if (numerics::is_nan(turn)) return numerics::round_to<A>(turn);
  const auto exponent = [&](int j) { return W(W(j) * q * (r - W(j) * q / W(2))); };
  int peak = 0;  // of the exponent, which falls on either side
  if (!(turn < W(above)))
    peak = above;
  else if (!(W(-below) < turn))
    peak = -below;
  else
    peak = static_cast<int>(numerics::libm::floor(numerics::round_to<double>(turn) + 0.5));
  const W largest = exponent(peak);
  A others(0);
  for (const int direction : {-1, 1})
    for (int j = peak + direction; -below <= j && j <= above; j += direction) {
      const A next = others + numerics::exp_of(numerics::round_to<A>(W(exponent(j) - largest)));
      if (next == others) break;
      others = next;
    }
  return -(numerics::round_to<A>(largest) + numerics::log1p_of(others));
}

}  // namespace decoder_details

/// log p(x_0 | x_t) = sum over the elements of log of q(x_t | x_0) relative to its sum over all grey levels, in nats.
/// The level must have signal and noise. x_0 beyond the range of `grey` is an error; NaN propagates.
/// [kingma2021.decoder]
template <Level L, NormedState X, CompatibleState<X> Y>
sum_t<X> softmax_log_likelihood(const L& level, const X& x_0, const Y& x_t, const GreyLevels& grey = {}) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  using A = std::conditional_t<StoredState<X> && std::same_as<S, double>, double, W>;
  const char* function = "softmax_log_likelihood";
  const W signal = sqrt(W(level.working_signal_squared())), noise = sqrt(W(level.working_noise_squared()));
  numerics::require(signal > W(0) && noise > W(0), function, "level.noise()", level.noise(),
                    "a level with signal and noise");
  const auto term = [&](const decoder_details::Bins<S>& bins, const S& x, const S& noisy, const S&) {
    const int index = bins.index(x);
    const W r = (W(noisy) - signal * W(x)) / noise, q = signal * bins.width() / noise;
    return numerics::round_to<S>(decoder_details::log_softmax<A>(r, q, index, bins.levels() - 1 - index));
  };
  const S none(0);
  return decoder_details::sum_over_levels(function, grey, Named{"x_0", x_0}, Named{"x_t", x_t}, Named{"", none}, term);
}

}  // namespace diffusion
