// SPDX-License-Identifier: MIT
// A plan: the coefficients of every step of a sampler on a grid of levels, computed once and used any number of times.
//
// Use it for small states, where a step costs less than its coefficients (2 us), and where many runs share a grid:
//   const auto plan = sampling_plan(sampler, denoiser, levels);
//   sample(plan, denoiser, x, noise);
// Samplers that have coefficients(s, t) are planned; of others a plan is sampler and levels. Not needed for images.
//
// Accuracy: samples have the bits of sample(sampler, denoiser, levels, x, noise).
#pragma once

#include "sample.hpp"

namespace diffusion {

/// A sampler without coefficients(s, t) computes what it needs at every step.
struct NoCoefficients {};

namespace sample_details {

template <class S, class Real>
struct CoefficientsOf {
  using type = NoCoefficients;
};
template <class S, class Real>
  requires requires(const S& sampler, const NoiseLevel<Real>& level) { sampler.coefficients(level, level); }
struct CoefficientsOf<S, Real> {
  using type = decltype(std::declval<const S&>().coefficients(std::declval<const NoiseLevel<Real>&>(),
                                                              std::declval<const NoiseLevel<Real>&>()));
};

}  // namespace sample_details

/// A sampler on a grid of levels, with the coefficients of every step and, where a network predicts Prediction, the row
/// from its output to x_0 at every level. It may be used any number of times.
template <class S, class Real = double, class Prediction = X0Prediction>
class SamplingPlan {
  static constexpr bool has_rows = LinearPrediction<Prediction> && std::is_empty_v<Prediction>;

 public:
  using coefficients_type = typename sample_details::CoefficientsOf<S, Real>::type;
  using row_type = std::conditional_t<has_rows, std::array<Real, 2>, NoRow>;

  template <LevelBatch L>
  SamplingPlan(S sampler, const L& levels)
      : sampler_(std::move(sampler)), levels_(std::begin(levels), std::end(levels)) {
    require_noisiest_first("sampling_plan", levels_);
    for (std::size_t k = 0; k + 1 < levels_.size(); ++k) {
      const NoiseLevel<Real>&t = levels_[k], &s = levels_[k + 1];
      if constexpr (!std::same_as<coefficients_type, NoCoefficients>)
        coefficients_.push_back(sampler_.coefficients(s, t));
      if constexpr (has_rows)
        rows_.push_back({Prediction::x0(t, Real(1), Real(0)), Prediction::x0(t, Real(0), Real(1))});
    }
  }

  const S& sampler() const { return sampler_; }
  std::span<const NoiseLevel<Real>> levels() const { return levels_; }
  /// Step k = 0..levels().size()-2.
  PlannedStep<Real, coefficients_type, row_type> operator[](std::size_t k) const {
    return {levels_[k + 1], levels_[k], of(coefficients_, k), of(rows_, k)};
  }

 private:
  template <class T>
  static const T& of(const std::vector<T>& table, std::size_t k) {
    static const T none{};
    if constexpr (std::is_empty_v<T>)
      return none;
    else
      return table[k];
  }

  S sampler_;
  std::vector<NoiseLevel<Real>> levels_;
  std::vector<coefficients_type> coefficients_;
  std::vector<row_type> rows_;
};

/// The plan of a sampler on levels: noisiest first, strictly cleaner from one to the next, at least one.
template <class S, LevelBatch L>
SamplingPlan<S, level_real_t<L>> sampling_plan(S sampler, const L& levels) {
  return {std::move(sampler), levels};
}

/// The same with the rows of what the network of this denoiser predicts: its output becomes x_0 in the pass of the
/// step.
template <class S, class D, LevelBatch L>
SamplingPlan<S, level_real_t<L>, prediction_t<D>> sampling_plan(S sampler, const D&, const L& levels) {
  return {std::move(sampler), levels};
}

/// The same as sample(plan.sampler(), denoiser, plan.levels(), x_start, noise, observer), without the cost of the
/// coefficients: what is left of a step of 16 elements takes about 30 ns.
template <class S, class Real, class P, State X, class D, NoiseSource<X> N, class Observer = NoObserver>
  requires Denoiser<D, X, Real>
value_t<X> sample(const SamplingPlan<S, Real, P>& plan, D&& denoiser, const X& x_start, N&& noise,
                  Observer&& observer = {}) {
  sampler_history_t<S, value_t<X>> history{};
  return sample_details::run<D>(
      plan.levels(), x_start, noise, observer, [&](std::size_t k, auto& x, auto& x_0_hat, const auto& draw) {
        const auto planned = plan[k];
        if constexpr (std::same_as<typename SamplingPlan<S, Real, P>::coefficients_type, NoCoefficients>) {
          plan.sampler().step(denoiser, planned.s, planned.t, x, x_0_hat, draw, history);
        } else if constexpr (std::same_as<prediction_t<D>, P>) {
          plan.sampler().step(denoiser, planned, x, x_0_hat, draw, history);
        } else {  // rows of another prediction
          const NoRow none;
          const PlannedStep<Real, typename SamplingPlan<S, Real, P>::coefficients_type, NoRow> without_row{
              planned.s, planned.t, planned.coefficients, none};
          plan.sampler().step(denoiser, without_row, x, x_0_hat, draw, history);
        }
      });
}

}  // namespace diffusion
