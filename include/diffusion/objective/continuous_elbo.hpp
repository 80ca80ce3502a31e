// SPDX-License-Identifier: MIT
// The variational bound in continuous time, the limit of a chain of infinitely many steps, by draws of t.
//
// Use elbo_estimate(schedule, ...) for a schedule of finite log-SNR at both ends and with a log_snr_slope, as those of
// continuous_schedules.hpp have: between the ends the bound is -1/2 E int SNR'(t) ||x_0 - x_0_hat||^2 dt, and nothing
// of it depends on the schedule but the two ends. Not for a schedule that starts at clean data, where the integral
// diverges. The rule of drawing t is a value of time_rules.hpp; VDM has LowDiscrepancyTimes.
//
// Accuracy: a term is computed from the slope of the log-SNR, without a difference of SNRs, in working precision, and
// rounded once. Times are multiples of 2^-23 (of GaussianTimes, doubles), whose bias is of the order of 2^-46.
// Source: Kingma et al. 2021, its section on the loss in continuous time.
#pragma once

#include "elbo_estimate.hpp"

namespace diffusion {

/// A schedule in continuous time that knows the derivative of its log-SNR.
template <class S>
concept SlopedSchedule = ContinuousTimeSchedule<S> && requires(const S& schedule) {
  { schedule.log_snr_slope(0.5) } -> std::convertible_to<double>;
};

namespace bound_details {

template <class S>
using LevelOf = decltype(std::declval<const S&>()(0.5));

/// The bound as a mean over t in (0, 1); its end is that of a chain whose last step leaves the level of t = 0.
template <class S, class Chain>
class TimeMean {
  using Level = LevelOf<S>;

 public:
  static constexpr bool asks_at_end = Chain::asks_at_end;

  TimeMean(const S& schedule, const Chain& chain) : schedule_(schedule), chain_(chain), first_(schedule(1)) {}

  std::size_t terms() const { return 1; }
  const S& times() const { return schedule_; }
  const auto& model() const { return chain_.model; }
  const Level& first_level() const { return first_; }
  const Level& end_level() const { return chain_.levels[0]; }
  const Level& level(const Level& time) const { return time; }

  template <class X, class Y>
  sum_t<X> term(const Level& t, const X& x_0, const Y& x_0_hat) const {
    using W = numerics::Working<sum_t<X>>;
    const auto slope = schedule_.log_snr_slope(t.time());
    numerics::require(slope <= 0 && slope - slope == 0, "elbo_estimate", "schedule.log_snr_slope(t)", slope,
                      "a finite number <= 0");
    const W distance = squared_distance("elbo_estimate", Named{"x_0", x_0}, Named{"x_0_hat", x_0_hat});
    const W snr(t.working_signal_squared() / t.working_noise_squared());
    return numerics::round_to<sum_t<X>>(W(W(slope) * snr * distance / W(-2)));
  }
  template <class X, class Y>
  sum_t<X> reconstruction(const X& x_0, const Y& answer) const {
    return chain_.reconstruction(x_0, answer);
  }

 private:
  const S& schedule_;
  const Chain& chain_;
  Level first_;
};
template <class S, class Chain>
TimeMean(const S&, const Chain&) -> TimeMean<S, Chain>;

/// The levels of the end: that of t = 0 and, where it is scored at clean data, clean data.
template <class End, class S>
auto end_levels(const char* function, const S& schedule) {
  std::vector levels{schedule(0)};
  using Level = typename decltype(levels)::value_type;
  if (!(levels[0].working_noise_squared() > typename Level::Working(0)))
    numerics::require(false, function, "schedule(0).noise()", levels[0].noise(),
                      "noise: from clean data the integral "
                      "diverges");
  if constexpr (LastStep<End>) levels.emplace_back();
  return levels;
}

/// What a model with a SoftmaxDecoder has no use for.
struct NoVariance {};

/// estimate(bound) for the bound of a schedule.
template <class S, class D, class V, class End, class Estimate>
auto in_continuous_time(const char* function, const S& schedule, D& denoiser, const V& variance, const End& end,
                        const Estimate& estimate) {
  const auto levels = end_levels<End>(function, schedule);
  const elbo_details::FixedVariance<D, V> model{denoiser, variance};
  const elbo_details::Chain chain(function, levels, model, end);
  return estimate(TimeMean{schedule, chain});
}

}  // namespace bound_details

/// The bound of x_0 by draws of t: sampling_prior_kl at t = 1, -1/2 E SNR'(t) ||x_0 - x_0_hat||^2, and the likelihood
/// of the grey levels of x_0 given x at t = 0. Of a batch, the sum over its samples, which share their times.
/// [kingma2021.continuous]
template <SlopedSchedule S, NormedState X, class D, TimeRule<S> Rule = GaussianTimes>
  requires Denoiser<D, X, bound_details::LevelOf<S>>
BoundEstimate<sum_t<X>> elbo_estimate(const S& schedule, const X& x_0, D&& denoiser, const NormalNoise& noise,
                                      const Rule& rule = {}, const SoftmaxDecoder& end = {}) {
  return bound_details::in_continuous_time(
      "elbo_estimate", schedule, denoiser, bound_details::NoVariance{}, end,
      [&](const auto& bound) { return bound_details::estimate(x_0, bound, noise, rule); });
}

/// The same with a last step from the level of t = 0 to clean data, of this variance > 0 around the denoiser's answer,
/// scored by its density (GaussianDecoder) or by the probability of a grey level.
template <SlopedSchedule S, NormedState X, class D, TimeRule<S> Rule,
          StepVariance<level_real_t<bound_details::LevelOf<S>>> V, LastStep End = GreyLevels>
  requires Denoiser<D, X, bound_details::LevelOf<S>>
BoundEstimate<sum_t<X>> elbo_estimate(const S& schedule, const X& x_0, D&& denoiser, const NormalNoise& noise,
                                      const Rule& rule, const V& variance, const End& end = {}) {
  return bound_details::in_continuous_time("elbo_estimate", schedule, denoiser, variance, end, [&](const auto& bound) {
    return bound_details::estimate(x_0, bound, noise, rule);
  });
}

/// The bound of each sample of a batch, as in elbo_estimate.hpp.
template <SlopedSchedule S, StoredState X, BatchDenoiser<X, level_real_t<bound_details::LevelOf<S>>> D,
          TimeRule<S> Rule = GaussianTimes>
std::vector<BoundEstimate<sum_t<X>>> elbo_estimates(const S& schedule, const X& x_0, std::size_t samples, D&& denoiser,
                                                    const NormalNoise& noise, const Rule& rule = {},
                                                    const SoftmaxDecoder& end = {}) {
  return bound_details::in_continuous_time(
      "elbo_estimates", schedule, denoiser, bound_details::NoVariance{}, end,
      [&](const auto& bound) { return bound_details::sample_estimates(x_0, samples, bound, noise, rule); });
}
template <SlopedSchedule S, StoredState X, BatchDenoiser<X, level_real_t<bound_details::LevelOf<S>>> D,
          TimeRule<S> Rule, StepVariance<level_real_t<bound_details::LevelOf<S>>> V, LastStep End = GreyLevels>
std::vector<BoundEstimate<sum_t<X>>> elbo_estimates(const S& schedule, const X& x_0, std::size_t samples, D&& denoiser,
                                                    const NormalNoise& noise, const Rule& rule, const V& variance,
                                                    const End& end = {}) {
  return bound_details::in_continuous_time("elbo_estimates", schedule, denoiser, variance, end, [&](const auto& bound) {
    return bound_details::sample_estimates(x_0, samples, bound, noise, rule);
  });
}

}  // namespace diffusion
