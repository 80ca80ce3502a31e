// SPDX-License-Identifier: MIT
// The decoder of grey levels as it is widely computed: with a tanh in place of the normal CDF, and with a floor.
//
// Use it only to compare with numbers that were published with it: it is off by up to 0.08 nats an element within three
// deviations, more beyond, and caps what an element may cost at -log(floor). discretized_gaussian_log_likelihood of
// decoder.hpp is the right one, and faster.
//
// Accuracy: for scalars, the exact value of the approximate formula, correctly rounded.
// Source: Page 1977, for the CDF; the released code of Ho et al. 2020, for its use and for the floor.
#pragma once

#include "decoder.hpp"

namespace diffusion {

/// discretized_gaussian_log_likelihood with Phi(z) = (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2, and with
/// probabilities below `floor` taken for it.
template <NormedState X, CompatibleState<X> Y, decoder_details::LogScale<X> L>
sum_t<X> tanh_discretized_gaussian_log_likelihood(const X& x, const Y& mean, const L& log_scale,
                                                  const GreyLevels& grey = {}, double floor = 1e-12) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  using decoder_details::Bin;
  const char* function = "tanh_discretized_gaussian_log_likelihood";
  numerics::require(floor >= 0 && floor <= 0.5, function, "floor", floor, "a number in [0, 0.5]");
  const W factor = W(2) * sqrt(W(W(2) / numerics::pi<W>()));
  const auto cdf = [&](const W& z) { return numerics::logistic(W(factor * (z + W(0.044715) * z * z * z))); };
  const auto term = [&](const decoder_details::Bins<S>& bins, const S& x_i, const S& mean_i, const S& log_scale_i) {
    const W inverse_scale = exp(W(-W(log_scale_i))), center = W(x_i) - W(mean_i), half = bins.width() / W(2);
    const auto lower = cdf(W((center - half) * inverse_scale)), upper = cdf(W((center + half) * inverse_scale));
    const bool lowest = bins.bin(x_i) == Bin::lowest, highest = bins.bin(x_i) == Bin::highest;
    const W below = lowest ? W(0) : lower.at, above = highest ? W(0) : upper.complement;
    const W p = lowest ? upper.at : highest ? lower.complement : W(upper.at - lower.at);
    if (W(0.5) < p) return numerics::round_to<S>(numerics::log1p_of(W(-(below + above))));
    return numerics::round_to<S>(W(log(p < W(floor) ? W(floor) : p)));
  };
  return decoder_details::sum_over_levels(function, grey, Named{"x", x}, Named{"mean", mean},
                                          Named{"log_scale", log_scale}, term);
}

}  // namespace diffusion
