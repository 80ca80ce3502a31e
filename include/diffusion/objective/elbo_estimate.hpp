// SPDX-License-Identifier: MIT
// Estimators of the variational bound of a chain that evaluate the network at a few of its steps: the sum over t
// becomes a mean over times drawn by a rule.
//
// Use elbo_estimate for one state (a sample, or a batch as a whole, of which the bound is the sum over its samples),
// and elbo_estimates for the bound of each sample of a batch, where the network is asked at a level for each sample.
// How times are drawn is a value of time_rules.hpp, which see for standard errors that are too small. Bounds of data
// sets are made of these by bound_over_data; continuous time is in continuous_elbo.hpp, learned variances in
// learned_elbo.hpp.
//
// An estimate is unbiased, and its error that of a mean of independent replicates, each with noise of its own: draws
// + 1 evaluations of the network, of which one is the last step (none is needed for it with a SoftmaxDecoder). All is
// a pure function of the noise's seed and stream and of the address of a sample's first element, so that neither batch
// size nor order counts.
//
// Accuracy: of a term that of kl.hpp and the decoders; means are rounded once.
// Source: Ho et al. 2020, eq. 5; Kingma et al. 2021, its sections on the loss and on the low-discrepancy sampler;
// Nichol & Dhariwal 2021, section 3.3.
#pragma once

#include "bound_estimate.hpp"
#include "time_rules.hpp"

namespace diffusion {

namespace bound_details {

/// A chain as a mean over its steps.
template <class Chain>
struct ChainMean {
  static constexpr bool asks_at_end = Chain::asks_at_end;
  const Chain& chain;

  /// The sum over the steps is this many times the mean.
  std::size_t terms() const { return chain.size(); }
  auto times() const { return ChainSteps{chain.levels, static_cast<int>(chain.size())}; }
  const auto& model() const { return chain.model; }
  const auto& first_level() const { return chain.levels[0]; }
  const auto& end_level() const { return chain.levels[chain.size()]; }
  const auto& level(const NoiseLevel<>& time) const { return chain.levels[index(time)]; }

  template <class X, class Y>
  sum_t<X> term(const NoiseLevel<>& time, const X& x_0, const Y& answer) const {
    return chain.term(index(time), x_0, answer);
  }
  template <class X, class Y>
  sum_t<X> reconstruction(const X& x_0, const Y& answer) const {
    return chain.reconstruction(x_0, answer);
  }

 private:
  std::size_t index(const NoiseLevel<>& time) const { return times().index(time); }
};
template <class Chain>
ChainMean(const Chain&) -> ChainMean<Chain>;

/// The sums of weight times term over the draws of one replicate, for each sample, and the number of draws. A rule
/// draws as many for one sample as for another.
template <class W>
struct WeightedSums {
  std::vector<W> sums;
  std::size_t draws;
};
template <class W, class States, class Bound, class Rule, class Noisy>
WeightedSums<W> weighted_sums(const char* function, const States& states, const Bound& bound, const Rule& rule,
                              const std::vector<NormalNoise>& seeds, int replicate, const Noisy& noisy) {
  const auto schedule = bound.times();
  std::vector<decltype(rule(schedule, seeds[0], replicate))> times;
  for (const NormalNoise& own : seeds) times.push_back(rule(schedule, own, replicate));
  const std::size_t draws = times[0].levels.size();
  for (const auto& own : times) {
    numerics::require(draws >= 1 && own.levels.size() == draws, function, "rule: draws", own.levels.size(),
                      "at least 1, and as many for every sample");
    if (own.weights.size() != draws)
      numerics::fail_size(function, "rule: weights", own.weights.size(), draws, "levels");
  }
  WeightedSums<W> result{std::vector<W>(states.size(), W(0)), draws};
  for (std::size_t j = 0; j < draws; ++j) {
    std::vector<std::remove_cvref_t<decltype(bound.first_level())>> levels;
    for (const auto& own : times) levels.push_back(bound.level(own.levels[j]));
    const auto& places = states.places(levels);
    bound.model().each(states, bound.model().answer(noisy(places), places), [&](std::size_t k, const auto& answer) {
      const auto& own = times[k];
      result.sums[k] = result.sums[k] + W(own.weights[j]) * W(bound.term(own.levels[j], states.sample(k), answer));
    });
  }
  return result;
}

/// One BoundEstimate for each sample of the states.
template <class States, class Bound, class Rule>
auto estimates(const char* function, const States& states, const Bound& bound, const NormalNoise& noise,
               const Rule& rule) {
  using X = typename States::value;
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const std::size_t samples = states.size(), replicates = rule.replicates;
  numerics::require(replicates >= 1, function, "rule.replicates", replicates, "at least 1");
  std::vector<BoundEstimate<S>> result;
  std::vector<NormalNoise> seeds;  // of the times of each sample, by the address of its first element
  std::vector<S> priors, reconstructions(samples);
  for (std::size_t k = 0; k < samples; ++k) {
    const std::uint64_t address = noise.first_element + states.first_element(k);
    seeds.push_back({.seed = training_details::bits(noise, -1, static_cast<std::size_t>(address))});
    result.emplace_back(dimension(states.sample(k)));
    priors.push_back(sampling_prior_kl(bound.first_level(), states.sample(k)));
  }
  int step = 0;  // of the noise: another one for every evaluation
  const auto noisy = [&](const auto& places) -> X { return q_sample(places, states.x_0, noise(step++, states.x_0)); };
  const std::vector ends(samples, bound.end_level());
  const auto score = [&](std::size_t k, const auto& answer) {
    reconstructions[k] = bound.reconstruction(states.sample(k), answer);
  };
  const auto run = [&](const auto& sums_of) {
    for (std::size_t replicate = 0; replicate < replicates; ++replicate) {
      const WeightedSums<W> weighted = sums_of(static_cast<int>(replicate));
      const X last = noisy(states.places(ends));
      if constexpr (Bound::asks_at_end)
        bound.model().each(states, bound.model().answer(last, states.places(ends)), score);
      else
        states.each(score, Named{"noise", last});
      const W factor = W(static_cast<double>(bound.terms())) / W(static_cast<double>(weighted.draws));
      for (std::size_t k = 0; k < samples; ++k)
        result[k].add(priors[k], numerics::round_to<S>(W(weighted.sums[k] * factor)), reconstructions[k]);
    }
  };
  if (bound.terms() == 0) {
    run([&](int) { return WeightedSums<W>{std::vector<W>(samples, W(0)), 1}; });
  } else {
    const auto& ready = sampling_details::prepared(rule, bound.times());
    run([&](int r) { return weighted_sums<W>(function, states, bound, ready, seeds, r, noisy); });
  }
  return result;
}

/// The estimate of a state as a whole.
template <class X, class Bound, class Rule>
auto estimate(const X& x_0, const Bound& bound, const NormalNoise& noise, const Rule& rule) {
  return estimates("elbo_estimate", elbo_details::WholeState(x_0), bound, noise, rule)[0];
}
/// The estimates of the samples of a batch.
template <class X, class Bound, class Rule>
auto sample_estimates(const X& x_0, std::size_t samples, const Bound& bound, const NormalNoise& noise,
                      const Rule& rule) {
  const char* function = "elbo_estimates";
  return estimates(function, elbo_details::SampleStates(function, x_0, samples), bound, noise, rule);
}

}  // namespace bound_details

/// The denoising terms of `history` draws of elbo() at x_0, a state or batch that stands for the data, to draw by.
/// options: variance and end, as in elbo. Give it another stream of noise than the estimate. [nichol2021.18]
template <class L, NormedState X, class D, class... Options>
  requires LevelBatch<L> || DiscreteTimeSchedule<L>
LossSecondMoment loss_moments(const L& chain, const X& x_0, D&& denoiser, const NormalNoise& noise, int history = 10,
                              const Options&... options) {
  if constexpr (LevelBatch<L>) {
    const int count = static_cast<int>(std::size(chain));
    const auto losses = [&](int repeat) {
      const auto own = [&](int k, const value_t<X>& x) { return noise(repeat * count + k, x); };
      return elbo(chain, x_0, denoiser, own, options...).denoising;
    };
    return sampling_details::recorded("loss_moments", history, losses);
  } else {
    return loss_moments(level_grid(chain), x_0, denoiser, noise, history, options...);
  }
}

/// A denoiser that takes a batch of levels: denoiser(x_t, levels), one for each sample of x_t.
template <class D, class X, class Real = double>
concept BatchDenoiser = requires(D& denoiser, const value_t<X>& x_t, const std::vector<NoiseLevel<Real>>& levels) {
  { denoiser(x_t, levels) } -> CompatibleState<X>;
};

/// The bound of x_0, by draws of a rule; of a batch, the sum over its samples, which share their times. levels:
/// noisiest first; the last is clean data or, with a SoftmaxDecoder, has noise. [ho2020.elbo] [kingma2021.sampled]
template <LevelBatch L, NormedState X, class D, TimeRule<ChainSteps<L>> Rule, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
BoundEstimate<sum_t<X>> elbo_estimate(const L& levels, const X& x_0, D&& denoiser, const NormalNoise& noise,
                                      const Rule& rule, const V& variance, const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("elbo_estimate", levels, model, end);
  return bound_details::estimate(x_0, bound_details::ChainMean{chain}, noise, rule);
}

/// The same with decoder_variance(levels).
template <LevelBatch L, NormedState X, class D, TimeRule<ChainSteps<L>> Rule = GaussianTimes>
  requires Denoiser<D, X, L>
BoundEstimate<sum_t<X>> elbo_estimate(const L& levels, const X& x_0, D&& denoiser, const NormalNoise& noise,
                                      const Rule& rule = {}) {
  return elbo_estimate(levels, x_0, denoiser, noise, rule, decoder_variance(levels));
}

/// The same for all steps of a schedule.
template <DiscreteTimeSchedule S, NormedState X, class D, class... Options>
auto elbo_estimate(const S& schedule, const X& x_0, D&& denoiser, const NormalNoise& noise, const Options&... options) {
  return elbo_estimate(level_grid(schedule), x_0, denoiser, noise, options...);
}

/// The bound of each sample of a batch: sample k is what elbo_estimate says of it alone, with the noise at the address
/// of its first element.
template <LevelBatch L, StoredState X, BatchDenoiser<X, level_real_t<L>> D, TimeRule<ChainSteps<L>> Rule,
          StepVariance<level_real_t<L>> V, ChainEnd End = GreyLevels>
std::vector<BoundEstimate<sum_t<X>>> elbo_estimates(const L& levels, const X& x_0, std::size_t samples, D&& denoiser,
                                                    const NormalNoise& noise, const Rule& rule, const V& variance,
                                                    const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("elbo_estimates", levels, model, end);
  return bound_details::sample_estimates(x_0, samples, bound_details::ChainMean{chain}, noise, rule);
}

/// The same with decoder_variance(levels).
template <LevelBatch L, StoredState X, BatchDenoiser<X, level_real_t<L>> D,
          TimeRule<ChainSteps<L>> Rule = GaussianTimes>
auto elbo_estimates(const L& levels, const X& x_0, std::size_t samples, D&& denoiser, const NormalNoise& noise,
                    const Rule& rule = {}) {
  return elbo_estimates(levels, x_0, samples, denoiser, noise, rule, decoder_variance(levels));
}

/// The same for all steps of a schedule.
template <DiscreteTimeSchedule S, StoredState X, class D, class... Options>
auto elbo_estimates(const S& schedule, const X& x_0, std::size_t samples, D&& denoiser, const NormalNoise& noise,
                    const Options&... options) {
  return elbo_estimates(level_grid(schedule), x_0, samples, denoiser, noise, options...);
}

}  // namespace diffusion
