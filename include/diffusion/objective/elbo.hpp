// SPDX-License-Identifier: MIT
// The variational bound of a chain on -log p(x_0), term by term: prior, one KL divergence a step, reconstruction.
//
// Use elbo(schedule, x_0, denoiser, noise) for the bound on given data, with one draw of noise at each step: its mean
// over draws is the bound. Of a batch, the terms are sums over all samples. vlb_term is one step alone. The step to
// clean data is scored by the probability of a grey level, for data that are integers scaled to a range, or by its
// density (GaussianDecoder), and needs a variance > 0: decoder_variance has the usual one. A chain that ends with a
// little noise, as in VDM, has a SoftmaxDecoder. For learned variances see hybrid.hpp; for Gaussian data joint.hpp has
// the mean over draws in closed form.
//
// Accuracy: that of kl.hpp and the decoders; sums of terms are correctly rounded.
// Source: Ho et al. 2020, eq. 5, and its released code for the variance of the last step; Kingma et al. 2021.
#pragma once

#include "../model/denoiser.hpp"
#include "../process/grid.hpp"
#include "../random/noise.hpp"
#include "decoder.hpp"
#include "kl.hpp"
#include "softmax_decoder.hpp"

namespace diffusion {

/// The terms of the negative bound, in nats, summed over the elements.
template <class S>
struct ElboTerms {
  S prior;                   // L_T
  std::vector<S> denoising;  // L_{t-1} for t = 2..T, of the cleanest step first
  S reconstruction;          // L_0 = -log p(x_0 | x_1), or of the last level where that has noise
  std::size_t dimension;     // elements of x_0

  /// The bound on -log p(x_0).
  S total() const { return numerics::round_to<S>(sum()); }
  /// total() / (dimension log 2).
  S bits_per_dimension() const {
    return numerics::round_to<S>(W(sum() / (W(static_cast<double>(dimension)) * log(W(2)))));
  }

 private:
  using W = numerics::Working<S>;
  W sum() const {
    W result = W(prior) + W(reconstruction);
    for (const S& term : denoising) result = result + W(term);
    return result;
  }
};

/// The posterior variance, and for the step to clean data, where it is 0, that of the step before it: beta_tilde_2 for
/// both choices of Ho et al. A chain of one step has beta_1. levels: a grid, noisiest first, of at least two levels.
template <LevelBatch L>
DecoderVariance<> decoder_variance(const L& levels) {
  const std::size_t n = std::size(levels);
  numerics::require(n >= 2, "decoder_variance", "levels.size()", n, "at least two levels");
  const auto variance =
      n == 2 ? q_transition(levels[1], levels[0]).variance : q_posterior(levels[n - 2], levels[n - 3]).variance;
  return {static_cast<double>(variance)};
}

/// The term of one step, for a reverse step of this variance with the mean of the posterior at x_0_hat, in nats:
/// KL(q(x_s | x_t, x_0) || p(x_s | x_t)), for any x_t, or, where s is clean data, -log p(x_0 | x_t). The variance must
/// be more than 0. [ho2020.elbo]
template <Level L, NormedState X, CompatibleState<X> Y, StepVariance<level_real_t<L>> V, LastStep Last = GreyLevels>
sum_t<X> vlb_term(const L& s, const L& t, const X& x_0, const Y& x_0_hat, const V& variance, const Last& last = {}) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  if (!(s.working_noise_squared() == numerics::Working<level_real_t<L>>(0)))
    return denoising_kl(s, t, x_0, x_0_hat, variance);
  const W v = W(variance(s, t)) / W(s.working_signal_squared());  // of x_0 = x_s / signal
  if (!(v > W(0)))
    numerics::require(false, "vlb_term", "variance", numerics::round_to<S>(v),
                      "a number > 0 (decoder_variance has one for the step to clean data)");
  if constexpr (std::same_as<Last, GreyLevels>) {
    return -discretized_gaussian_log_likelihood(x_0, x_0_hat, numerics::round_to<S>(W(log(v) / W(2))), last);
  } else {
    NewState fresh;
    return -log_density(Gaussian<value_t<X>>{apply_row("vlb_term", std::array{S(1)}, fresh, Named{"x_0_hat", x_0_hat}),
                                             numerics::round_to<S>(v)},
                        x_0);
  }
}

/// How the end of a chain is scored: at clean data by a LastStep, at a level with noise by a SoftmaxDecoder.
template <class E>
concept ChainEnd = LastStep<E> || std::same_as<E, SoftmaxDecoder>;

/// All terms for one draw of each x_t: levels[k] has the noise noise(k, x_0). levels: noisiest first; the last is clean
/// data or, with a SoftmaxDecoder, has noise. [ho2020.elbo]
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
ElboTerms<sum_t<X>> elbo(const L& levels, const X& x_0, D&& denoiser, N&& noise, const V& variance,
                         const End& end = {}) {
  using S = sum_t<X>;
  using State = value_t<X>;
  constexpr bool ends_clean = LastStep<End>;
  require_noisiest_first("elbo", levels);
  const std::size_t steps = std::size(levels) - 1;
  if constexpr (ends_clean)
    numerics::require(steps >= 1 && levels[steps].noise() == level_real_t<L>(0), "elbo", "levels.back().noise()",
                      levels[steps].noise(), "0: clean data, after at least one level of noise");
  const State data = prediction_details::copy("x_0", x_0, NewState{});
  const auto noisy = [&](std::size_t k) -> State {
    return q_sample(levels[k], data, noise(static_cast<int>(k), data));
  };
  const auto term = [&](std::size_t k, const auto& last) {
    const State x_t = noisy(k);
    return vlb_term(levels[k + 1], levels[k], data, State(denoiser(x_t, levels[k])), variance, last);
  };
  ElboTerms<S> terms{prior_kl(levels[0], data), {}, S(0), dimension(data)};
  if constexpr (ends_clean)
    terms.reconstruction = term(steps - 1, end);
  else
    terms.reconstruction = -softmax_log_likelihood(levels[steps], data, noisy(steps), end.grey);
  for (std::size_t k = ends_clean ? steps - 1 : steps; k-- > 0;) terms.denoising.push_back(term(k, GaussianDecoder{}));
  return terms;
}

/// The same with decoder_variance(levels).
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N>
  requires Denoiser<D, X, L>
ElboTerms<sum_t<X>> elbo(const L& levels, const X& x_0, D&& denoiser, N&& noise) {
  return elbo(levels, x_0, denoiser, noise, decoder_variance(levels));
}

/// The same for all steps of a schedule: x_t has the noise noise(T - t, x_0), as in level_grid(schedule).
template <DiscreteTimeSchedule S, NormedState X, class D, NoiseSource<X> N, class... Options>
ElboTerms<sum_t<X>> elbo(const S& schedule, const X& x_0, D&& denoiser, N&& noise, const Options&... options) {
  return elbo(level_grid(schedule), x_0, denoiser, noise, options...);
}

}  // namespace diffusion
