// SPDX-License-Identifier: MIT
// The multi-sample bound of importance weighted autoencoders, for a chain: -log of the mean weight p / q of several
// paths, between the ELBO (one path) and the exact -log p(x_0) (infinitely many).
//
// Use iwae_bound to see how much of an ELBO is slack, or for the likelihood of small models: each path costs all steps
// of the chain. Of a batch it is the bound of the samples together; iwae_bounds has that of each, whose sum is tighter.
// Both need reverse steps that have a density; where the posterior variance is much less than that of the data given
// x_t, paths of q are rare under p, and the bound rises slowly. Not for images of many elements: the largest weight has
// it all (effective_paths() near 1), and more paths help by the logarithm of their number.
//
// Accuracy: a weight is the term of the bound, as accurate as kl.hpp, and a part of mean zero that is linear and
// quadratic in the noise: no difference of log-densities. Exact in working precision for scalars, but for the path.
// Source: Burda et al. 2016; Ho et al. 2020, eq. 3, for the weight of a path.
#pragma once

#include "../process/diagonal_gaussian.hpp"
#include "elbo.hpp"

namespace diffusion {

/// What several paths from q(x_1, ..., x_T | x_0) say of -log p(x_0), in nats, summed over the elements.
template <class S>
struct MultiSampleBound {
  std::vector<S> log_weights;  // log p(x_0, ..., x_T) - log q(x_1, ..., x_T | x_0) of each path
  std::size_t dimension;       // elements of x_0

  /// -log of the mean weight: above -log p(x_0) in expectation. [burda2016.bound]
  S total() const { return numerics::round_to<S>(whole()); }
  /// total() / (dimension log 2).
  S bits_per_dimension() const { return numerics::round_to<S>(W(whole() / nats_of_a_bit())); }

  /// The error of total() by that of the mean weight, to first order. NaN of one path, and too small where few paths
  /// have most of the weight: what those that were not drawn would add is not seen.
  S standard_error() const { return numerics::round_to<S>(error()); }
  S bits_per_dimension_error() const { return numerics::round_to<S>(W(error() / nats_of_a_bit())); }

  /// (sum w)^2 / sum w^2, from 1 to the number of paths.
  S effective_paths() const {
    const Sums sums = this->sums();
    return numerics::round_to<S>(W(sums.weights * sums.weights / sums.squares));
  }

 private:
  using W = numerics::Working<S>;
  struct Sums {
    W largest, weights, squares;  // of the logarithms; of the weights relative to the largest
  };
  Sums sums() const {
    Sums sums{W(log_weights[0]), W(0), W(0)};
    for (const S& log_weight : log_weights)
      if (sums.largest < W(log_weight)) sums.largest = W(log_weight);
    for (const S& log_weight : log_weights) {
      const W weight = exp(W(W(log_weight) - sums.largest));
      sums.weights = sums.weights + weight;
      sums.squares = sums.squares + weight * weight;
    }
    return sums;
  }
  W paths() const { return W(static_cast<double>(log_weights.size())); }
  W nats_of_a_bit() const { return W(static_cast<double>(dimension)) * log(W(2)); }
  W whole() const {
    const Sums sums = this->sums();
    return log(W(paths() / sums.weights)) - sums.largest;
  }
  /// The root of sum (w / mean - 1)^2 / (n (n - 1)).
  W error() const {
    const Sums sums = this->sums();
    const W n = paths(), excess = n * sums.squares / (sums.weights * sums.weights) - W(1);
    return sqrt(W((excess < W(0) ? W(0) : excess) / (n - W(1))));
  }
};

namespace multi_sample_details {

/// sum of half (z^2 - 1) - factor z difference over the elements, of mean zero; difference = x, or x - y.
template <class S, NormedState X, CompatibleState<X> Z, CompatibleState<X>... Y>
numerics::Working<S> fluctuation(const char* function, const numerics::Working<S>& half,
                                 const numerics::Working<S>& factor, const Named<X>& x, const Named<Z>& z,
                                 const Named<Y>&... y) {
  using W = numerics::Working<S>;
  const auto term = []<class T>(const T& h, const T& c, const T& x_i, const T& z_i, const auto&... y_i) {
    return T(h * (z_i * z_i - T(1)) - c * z_i * (x_i - ... - y_i));
  };
  if constexpr (StoredState<X>) {
    const S h = numerics::round_to<S>(half), c = numerics::round_to<S>(factor);
    return W(gaussian_details::sum_of<S>(
        function,
        [&](const auto& x_i, const auto& z_i, const auto&... y_i) { return term(h, c, S(x_i), S(z_i), S(y_i)...); }, x,
        z, y...));
  } else {
    return term(half, factor, W(x.state), W(static_cast<const X&>(z.state)), W(static_cast<const X&>(y.state))...);
  }
}

/// The bound of each sample by `paths` paths.
template <class States, class Chain, class N>
auto bounds(const char* function, const States& states, const Chain& chain, N& noise, int paths) {
  using State = typename States::value;
  using S = sum_t<State>;
  using W = numerics::Working<S>;
  numerics::require(paths >= 1, function, "paths", paths, "at least 1");
  numerics::require(dimension(states.x_0) >= 1, function, "elements of x_0", dimension(states.x_0), "at least 1");
  const auto& levels = chain.levels;
  const auto& noisiest = levels[0];
  const std::size_t samples = states.size();
  const auto first = [&](std::size_t i) { return Named{"x_0", states.sample(i)}; };
  std::vector<MultiSampleBound<S>> result;
  std::vector<W> priors, sums(samples, W(0));
  for (std::size_t i = 0; i < samples; ++i) {
    result.push_back({{}, dimension(states.sample(i))});
    priors.push_back(W(sampling_prior_kl(noisiest, states.sample(i))));
  }
  for (int path = 0; path < paths; ++path) {
    const auto draw = [&](std::size_t k) -> State {
      return noise(path * static_cast<int>(std::size(levels)) + static_cast<int>(k), states.x_0);
    };
    State z = draw(0), x = q_sample(noisiest, states.x_0, z);
    // log p / q at a draw of q, here and in every step: -KL, and what that is the mean of
    const W v_T(sampling_prior_variance(noisiest));
    W half(v_T == W(1) ? W(W(noisiest.working_noise_squared_minus_one()) / W(-2)) : W(0)),
        factor(sqrt(W(noisiest.working_signal_squared() * noisiest.working_noise_squared())) / v_T);
    const auto start = [&](std::size_t i, const auto& z_i) {
      sums[i] = fluctuation<S>(function, half, factor, first(i), Named{"noise", z_i}) - priors[i];
    };
    states.each(start, Named{"noise", z});
    for (std::size_t k = 0; k < chain.size(); ++k) {
      const auto &t = levels[k], &s = levels[k + 1];
      const State x_0_hat = chain.model.answer(x, t);
      const auto q = forward_details::transition(function, s, t);
      const W posterior(q.variance / t.working_noise_squared() * s.working_noise_squared()),
          v(chain.model.variance(s, t)), x0(forward_details::posterior_mean(q, s, t).x0);
      z = draw(k + 1);
      half = W((v - posterior) / (W(2) * v));
      factor = W(x0 * sqrt(posterior) / v);
      const auto step = [&](std::size_t i, const auto& z_i, const auto& answer) {
        sums[i] = sums[i] - W(chain.term(k, states.sample(i), answer));
        sums[i] =
            sums[i] + fluctuation<S>(function, half, factor, first(i), Named{"noise", z_i}, Named{"x_0_hat", answer});
      };
      states.each(step, Named{"noise", z}, Named{"the denoiser's answer", x_0_hat});
      x = sample(q_posterior(s, t, x, states.x_0), z);
    }
    const auto end = [&](std::size_t i, const auto& answer) {
      sums[i] = sums[i] - W(chain.reconstruction(states.sample(i), answer));
      result[i].log_weights.push_back(numerics::round_to<S>(sums[i]));
    };
    if constexpr (Chain::asks_at_end)
      chain.model.each(states, chain.model.answer(x, levels[chain.size()]), end);
    else
      states.each(end, Named{"noise", x});
  }
  return result;
}

}  // namespace multi_sample_details

/// The bound by `paths` paths, from the noisy end by q(x_s | x_t, x_0): path p has the noise noise(p n + k, x_0) at
/// levels[k] of n levels. variance > 0 on every step, and end, as in elbo. paths >= 1. [burda2016.bound]
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
MultiSampleBound<sum_t<X>> iwae_bound(const L& levels, const X& x_0, D&& denoiser, N&& noise, int paths,
                                      const V& variance, const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("iwae_bound", levels, model, end);
  return multi_sample_details::bounds("iwae_bound", elbo_details::WholeState(x_0), chain, noise, paths)[0];
}

/// The same with decoder_variance(levels).
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N>
  requires Denoiser<D, X, L>
MultiSampleBound<sum_t<X>> iwae_bound(const L& levels, const X& x_0, D&& denoiser, N&& noise, int paths) {
  return iwae_bound(levels, x_0, denoiser, noise, paths, decoder_variance(levels));
}

/// The same for all steps of a schedule.
template <DiscreteTimeSchedule S, NormedState X, class D, NoiseSource<X> N, class... Options>
MultiSampleBound<sum_t<X>> iwae_bound(const S& schedule, const X& x_0, D&& denoiser, N&& noise, int paths,
                                      const Options&... options) {
  return iwae_bound(level_grid(schedule), x_0, denoiser, noise, paths, options...);
}

/// The bound of each sample of a batch, which the denoiser is asked for together: that of sample k is what iwae_bound
/// says of it alone with its part of the noise, in NormalNoise the noise at the address of its first element.
template <LevelBatch L, StoredState X, class D, NoiseSource<X> N, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
std::vector<MultiSampleBound<sum_t<X>>> iwae_bounds(const L& levels, const X& x_0, std::size_t samples, D&& denoiser,
                                                    N&& noise, int paths, const V& variance, const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("iwae_bounds", levels, model, end);
  const elbo_details::SampleStates states("iwae_bounds", x_0, samples);
  return multi_sample_details::bounds("iwae_bounds", states, chain, noise, paths);
}

/// The same with decoder_variance(levels).
template <LevelBatch L, StoredState X, class D, NoiseSource<X> N>
  requires Denoiser<D, X, L>
std::vector<MultiSampleBound<sum_t<X>>> iwae_bounds(const L& levels, const X& x_0, std::size_t samples, D&& denoiser,
                                                    N&& noise, int paths) {
  return iwae_bounds(levels, x_0, samples, denoiser, noise, paths, decoder_variance(levels));
}

/// The same for all steps of a schedule.
template <DiscreteTimeSchedule S, StoredState X, class D, NoiseSource<X> N, class... Options>
std::vector<MultiSampleBound<sum_t<X>>> iwae_bounds(const S& schedule, const X& x_0, std::size_t samples, D&& denoiser,
                                                    N&& noise, int paths, const Options&... options) {
  return iwae_bounds(level_grid(schedule), x_0, samples, denoiser, noise, paths, options...);
}

}  // namespace diffusion
