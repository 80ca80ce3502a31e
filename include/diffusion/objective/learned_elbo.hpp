// SPDX-License-Identifier: MIT
// The variational bound of a model of learned variances in one call: elbo and elbo_estimate, and elbos and
// elbo_estimates for each sample of a batch, with a network that says the variance of each element.
//
// Use them with a denoiser of model/learned_variance.hpp, clipped by clip_x0 or not, and what its two log-variances
// are: second_step_variances(schedule) as the paper's code, which has a variance on the step to clean data.
// Without these bounds the functions of elbo.hpp take the same denoiser as one of fixed variance. Each term is
// learned_vlb_term of hybrid.hpp. Not for training: hybrid_loss has the gradients.
//
// Accuracy: that of hybrid.hpp. Source: Nichol & Dhariwal 2021, sections 2.1 and 3.1.
#pragma once

#include "elbo_estimate.hpp"
#include "hybrid.hpp"

namespace diffusion {

namespace elbo_details {

/// A denoiser that answers with a variance, and the bounds of that.
template <class D, class B>
struct LearnedVariance {
  D& denoiser;
  const B& bounds;

  template <class X, class L>
  LearnedEstimate<value_t<X>> answer(const X& x_t, const L& level) const {
    return learned_details::estimate(denoiser, x_t, level);
  }
  template <class States, class X, class Act>
  void each(const States& states, const LearnedEstimate<X>& answer, const Act& act) const {
    const auto both = [&]<class Y>(std::size_t k, const Y& x_0, const Y& variance) {
      act(k, LearnedEstimate<const Y&>{x_0, variance});
    };
    states.each(both, Named{"the denoiser's answer", answer.x_0}, Named{"the denoiser's variance", answer.variance});
  }
  template <class L, class X, class Y, class Last>
  sum_t<X> term(const L& s, const L& t, const X& x_0, const LearnedEstimate<Y>& answer, const Last& last) const {
    using Code = typename learned_details::CodeOf<std::remove_cv_t<D>>::type;
    return learned_vlb_term(s, t, x_0, answer.x_0, learned_log_variance<Code>(s, t, answer.variance, bounds), last);
  }
};

}  // namespace elbo_details

/// All terms for one draw of each x_t, as in elbo.hpp; end scores the step to clean data. [nichol2021.vlb]
template <LevelBatch L, NormedState X, class D, NoiseSource<X> N, VarianceBounds<level_real_t<L>> B,
          LastStep End = GreyLevels>
  requires Denoiser<D, X, L>
ElboTerms<sum_t<X>> elbo(const L& levels, const X& x_0, D&& denoiser, N&& noise, const B& bounds, const End& end = {}) {
  const elbo_details::LearnedVariance<std::remove_reference_t<D>, B> model{denoiser, bounds};
  const elbo_details::Chain chain("elbo", levels, model, end);
  return elbo_details::terms(elbo_details::WholeState(x_0), chain, noise)[0];
}

/// The terms of each sample of a batch, as in elbo.hpp. [nichol2021.vlb]
template <LevelBatch L, StoredState X, class D, NoiseSource<X> N, VarianceBounds<level_real_t<L>> B,
          LastStep End = GreyLevels>
  requires Denoiser<D, X, L>
std::vector<ElboTerms<sum_t<X>>> elbos(const L& levels, const X& x_0, std::size_t samples, D&& denoiser, N&& noise,
                                       const B& bounds, const End& end = {}) {
  const elbo_details::LearnedVariance<std::remove_reference_t<D>, B> model{denoiser, bounds};
  const elbo_details::Chain chain("elbos", levels, model, end);
  return elbo_details::terms(elbo_details::SampleStates("elbos", x_0, samples), chain, noise);
}

/// The bound of x_0 by draws of a rule, as in elbo_estimate.hpp. [nichol2021.vlb]
template <LevelBatch L, NormedState X, class D, TimeRule<ChainSteps<L>> Rule, VarianceBounds<level_real_t<L>> B,
          LastStep End = GreyLevels>
  requires Denoiser<D, X, L>
BoundEstimate<sum_t<X>> elbo_estimate(const L& levels, const X& x_0, D&& denoiser, const NormalNoise& noise,
                                      const Rule& rule, const B& bounds, const End& end = {}) {
  const elbo_details::LearnedVariance<std::remove_reference_t<D>, B> model{denoiser, bounds};
  const elbo_details::Chain chain("elbo_estimate", levels, model, end);
  return bound_details::estimate(x_0, bound_details::ChainMean{chain}, noise, rule);
}

/// The bound of each sample of a batch, as in elbo_estimate.hpp; the network is told a level for each. [nichol2021.vlb]
template <LevelBatch L, StoredState X, BatchDenoiser<X, level_real_t<L>> D, TimeRule<ChainSteps<L>> Rule,
          VarianceBounds<level_real_t<L>> B, LastStep End = GreyLevels>
std::vector<BoundEstimate<sum_t<X>>> elbo_estimates(const L& levels, const X& x_0, std::size_t samples, D&& denoiser,
                                                    const NormalNoise& noise, const Rule& rule, const B& bounds,
                                                    const End& end = {}) {
  const elbo_details::LearnedVariance<std::remove_reference_t<D>, B> model{denoiser, bounds};
  const elbo_details::Chain chain("elbo_estimates", levels, model, end);
  return bound_details::sample_estimates(x_0, samples, bound_details::ChainMean{chain}, noise, rule);
}

}  // namespace diffusion
