// SPDX-License-Identifier: MIT
// The variational bound of a chain on -log p(x_0), term by term: prior, one KL divergence a step, reconstruction.
//
// Use elbo(schedule, x_0, denoiser, noise) for the bound on given data, with one draw of noise at each step: its mean
// over draws is the bound. Of a batch, elbo sums over all samples, and elbos has the terms of each. vlb_term is one
// step alone. The step to clean data is scored by the probability of a grey level, for data that are integers scaled to
// a range, or by its density (GaussianDecoder), and needs a variance > 0: decoder_variance has the usual one. A chain
// that ends with a little noise, as in VDM, has a SoftmaxDecoder. For learned variances see learned_elbo.hpp; for
// Gaussian data joint.hpp has the mean over draws in closed form.
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
  S prior;                   // L_T, of the prior that samplers start from: sampling_prior_kl
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

namespace elbo_details {

/// A state as one sample.
template <class X>
struct WholeState {
  using value = X;
  const X x_0;

  explicit WholeState(const auto& state) : x_0(prediction_details::copy("x_0", state, NewState{})) {}
  std::size_t size() const { return 1; }
  std::size_t first_element(std::size_t) const { return 0; }
  const X& sample(std::size_t) const { return x_0; }
  template <class L>
  const L& places(const std::vector<L>& levels) const {
    return levels[0];
  }
  template <class Act, class... Y>
  void each(const Act& act, const Named<Y>&... y) const {
    act(std::size_t(0), y.state...);
  }
};
template <class X>
WholeState(const X&) -> WholeState<value_t<X>>;

/// A batch: its samples as vectors.
template <class X>
class SampleStates {
  using Sample = std::vector<scalar_t<X>>;

 public:
  using value = X;
  const X x_0;

  SampleStates(const char* function, const auto& state, std::size_t samples)
      : x_0(prediction_details::copy("x_0", state, NewState{})),
        function_((numerics::require(samples >= 1, function, "samples", samples, "at least 1"), function)),
        layout_(state_details::batch_layout(function, Named{"x_0", x_0}, dimension(x_0), samples)) {
    each([&](std::size_t, const Sample& sample) { samples_.push_back(sample); }, Named{"x_0", x_0});
  }
  std::size_t size() const { return layout_.samples; }
  /// The address of the first element of sample k, relative to that of x_0.
  std::size_t first_element(std::size_t k) const { return k * layout_.length; }
  const Sample& sample(std::size_t k) const { return samples_[k]; }
  /// One level for each sample, as a denoiser is told them.
  template <class L>
  const std::vector<L>& places(const std::vector<L>& levels) const {
    return levels;
  }
  /// act(k, sample k of each y)
  template <class Act, class... Y>
  void each(const Act& act, const Named<Y>&... y) const {
    const auto parts = [&](const auto&... views) {
      (state_details::require_like<X>(function_, Named{"x_0", x_0}, layout_.samples * layout_.length, y, views.size()),
       ...);
      for (std::size_t k = 0; k < layout_.samples; ++k) act(k, part(views.data(), k)...);
    };
    parts(state_traits<X>::view(y.state)...);
  }

 private:
  Sample part(const scalar_t<X>* elements, std::size_t k) const {
    const std::size_t first = layout_.interleaved ? k : k * layout_.length,
                      stride = layout_.interleaved ? layout_.samples : 1;
    Sample sample(layout_.length);
    for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = elements[first + i * stride];
    return sample;
  }

  const char* function_;
  BatchLayout layout_;
  std::vector<Sample> samples_;
};
template <class X>
SampleStates(const char*, const X&, std::size_t) -> SampleStates<value_t<X>>;

/// A denoiser and the variance of its reverse steps: how a model answers, and how a step is scored.
template <class D, class V>
struct FixedVariance {
  D& denoiser;
  const V& variance;

  template <class X, class L>
  value_t<X> answer(const X& x_t, const L& levels) const {
    return denoiser(x_t, levels);
  }
  /// act(k, answer for sample k)
  template <class States, class Y, class Act>
  void each(const States& states, const Y& answer, const Act& act) const {
    states.each(act, Named{"the denoiser's answer", answer});
  }
  template <class L, class X, class Y, class Last>
  sum_t<X> term(const L& s, const L& t, const X& x_0, const Y& x_0_hat, const Last& last) const {
    return vlb_term(s, t, x_0, x_0_hat, variance, last);
  }
};

/// The terms of a chain, levels[k] to levels[k + 1] for k < size(), and its end, scored by the answers of a model.
template <class L, class Model, class End>
struct Chain {
  static constexpr bool asks_at_end = LastStep<End>;
  const L& levels;
  const Model& model;
  const End& end;

  Chain(const char* function, const L& grid, const Model& answering, const End& scored)
      : levels(grid), model(answering), end(scored) {
    require_noisiest_first(function, levels);
    if constexpr (asks_at_end)
      numerics::require(std::size(levels) >= 2 && last().noise() == level_real_t<L>(0), function,
                        "levels.back().noise()", last().noise(), "0: clean data, after at least one level of noise");
  }

  const auto& last() const { return levels[std::size(levels) - 1]; }
  /// The number of denoising terms.
  std::size_t size() const { return std::size(levels) - (asks_at_end ? 2 : 1); }

  template <class X, class Y>
  sum_t<X> term(std::size_t k, const X& x_0, const Y& answer) const {
    return model.term(levels[k + 1], levels[k], x_0, answer, GaussianDecoder{});
  }
  /// Of the answer at levels[size()] or, if the model is not asked there, of x there.
  template <class X, class Y>
  sum_t<X> reconstruction(const X& x_0, const Y& answer) const {
    if constexpr (asks_at_end)
      return model.term(last(), levels[size()], x_0, answer, end);
    else
      return -softmax_log_likelihood(last(), x_0, answer, end.grey);
  }
};

/// All terms of each sample, with the noise noise(k, x_0) at levels[k].
template <class States, class Chain, class N>
auto terms(const States& states, const Chain& chain, N& noise) {
  using State = typename States::value;
  using S = sum_t<State>;
  std::vector<ElboTerms<S>> result;
  numerics::require(dimension(states.x_0) >= 1, "elbo", "elements of x_0", dimension(states.x_0), "at least 1");
  for (std::size_t i = 0; i < states.size(); ++i)
    result.push_back({sampling_prior_kl(chain.levels[0], states.sample(i)), {}, S(0), dimension(states.sample(i))});
  const auto noisy = [&](std::size_t k) -> State {
    return q_sample(chain.levels[k], states.x_0, noise(static_cast<int>(k), states.x_0));
  };
  const auto each_answer = [&](std::size_t k, const auto& act) {
    chain.model.each(states, chain.model.answer(noisy(k), chain.levels[k]), act);
  };
  const auto score = [&](std::size_t i, const auto& answer) {
    result[i].reconstruction = chain.reconstruction(states.sample(i), answer);
  };
  if constexpr (Chain::asks_at_end) {
    each_answer(chain.size(), score);
  } else {
    const State last = noisy(chain.size());
    states.each(score, Named{"noise", last});
  }
  for (std::size_t k = chain.size(); k-- > 0;)
    each_answer(k, [&](std::size_t i, const auto& answer) {
      result[i].denoising.push_back(chain.term(k, states.sample(i), answer));
    });
  return result;
}

}  // namespace elbo_details

/// All terms for one draw of each x_t: levels[k] has the noise noise(k, x_0). levels: noisiest first; the last is clean
/// data or, with a SoftmaxDecoder, has noise. [ho2020.elbo]
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
ElboTerms<sum_t<X>> elbo(const L& levels, const X& x_0, D&& denoiser, N&& noise, const V& variance,
                         const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("elbo", levels, model, end);
  return elbo_details::terms(elbo_details::WholeState(x_0), chain, noise)[0];
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

/// The terms of each sample of a batch, which the denoiser is asked for together: those of sample k are what elbo says
/// of it alone with its part of the noise, in NormalNoise the noise at the address of its first element.
template <LevelBatch L, StoredState X, class D, NoiseSource<X> N, StepVariance<level_real_t<L>> V,
          ChainEnd End = GreyLevels>
  requires Denoiser<D, X, L>
std::vector<ElboTerms<sum_t<X>>> elbos(const L& levels, const X& x_0, std::size_t samples, D&& denoiser, N&& noise,
                                       const V& variance, const End& end = {}) {
  const elbo_details::FixedVariance<std::remove_reference_t<D>, V> model{denoiser, variance};
  const elbo_details::Chain chain("elbos", levels, model, end);
  return elbo_details::terms(elbo_details::SampleStates("elbos", x_0, samples), chain, noise);
}

/// The same with decoder_variance(levels).
template <LevelBatch L, StoredState X, class D, NoiseSource<X> N>
  requires Denoiser<D, X, L>
std::vector<ElboTerms<sum_t<X>>> elbos(const L& levels, const X& x_0, std::size_t samples, D&& denoiser, N&& noise) {
  return elbos(levels, x_0, samples, denoiser, noise, decoder_variance(levels));
}

/// The same for all steps of a schedule.
template <DiscreteTimeSchedule S, StoredState X, class D, NoiseSource<X> N, class... Options>
std::vector<ElboTerms<sum_t<X>>> elbos(const S& schedule, const X& x_0, std::size_t samples, D&& denoiser, N&& noise,
                                       const Options&... options) {
  return elbos(level_grid(schedule), x_0, samples, denoiser, noise, options...);
}

}  // namespace diffusion
