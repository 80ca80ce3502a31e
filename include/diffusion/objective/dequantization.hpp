// SPDX-License-Identifier: MIT
// Uniform dequantisation: the likelihood of grey levels under a model with a density.
//
// Use it where a model has no decoder of its own, such as the exact likelihood of a flow: spread the data evenly over
// their bins, and take the mean of dequantized_log_likelihood over u. It is a lower bound on the log-probability of the
// bins, by Jensen's inequality, and of the grey levels. Not for a model of decoder.hpp, which has the probability.
//
// Accuracy: of dequantize one rounding of each term; of the likelihood correctly rounded. Source: Theis et al. 2016,
// section 3.1.
#pragma once

#include "decoder.hpp"

namespace diffusion {

/// x + (u - 1/2) width, with the width of the bins of `grey` and u uniform in [0, 1) for each element.
template <NormedState X, CompatibleState<X> U, Destination Out = NewState>
auto dequantize(const X& x, const U& u, const GreyLevels& grey = {}, Out out = {}) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function = "dequantize";
  const W width = decoder_details::Bins<S>(function, grey).width();
  const S factor = numerics::round_to<S>(width), half = numerics::round_to<S>(W(width / W(2)));
  const Named data{"x", x};
  const Named uniform{"u", u};
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    const auto body = [&](T* target, std::size_t size, const T* x_i, const T* u_i) {
      for (std::size_t i = 0; i < size; ++i) target[i] = static_cast<T>(S(x_i[i]) + (factor * S(u_i[i]) - half));
    };
    return state_details::with_elements(function, out, body, data, uniform);
  } else {
    const X result = numerics::round_to<X>(W(W(x) + width * (W(static_cast<const X&>(u)) - W(0.5))));
    return apply_row(function, std::array{S(1)}, out, Named{"x", result});
  }
}

/// log_density + dimension log(width): of a density at dequantized data, in nats.
template <class S>
S dequantized_log_likelihood(const S& log_density, std::size_t dimension, const GreyLevels& grey = {}) {
  using W = numerics::Working<S>;
  const W width = decoder_details::Bins<S>("dequantized_log_likelihood", grey).width();
  return numerics::round_to<S>(W(W(log_density) + W(static_cast<double>(dimension)) * log(width)));
}

}  // namespace diffusion
