// SPDX-License-Identifier: MIT
// Rules by which an estimator of a bound draws its times, as values: the samplers of level_sampling.hpp and others.
//
// Use GaussianTimes, the default, for a chain or a schedule of any shape: times in proportion to what they have of the
// bound of Gaussian data. LowDiscrepancyTimes is that of VDM, for a log-SNR that is linear in t; StratifiedTimes, where
// an integrand may have the period of a grid; UniformTimes, the textbook's; ImportanceTimes by losses that were seen;
// AllTimes, the full sum. Beware of times that are uniform where the log-SNR is not nearly linear, as in all usual
// chains: a few of the steps have most of the bound, estimates are skewed, and a standard error made of draws that
// missed those steps is too small. (Intervals of 95 % by 8 draws of a cosine schedule of 200 steps cover 79 % with
// UniformTimes and 95 % with GaussianTimes, which are six times more precise.)
//
// `draws` is the number of times in one estimate, which may depend on each other; `replicates` the number of
// independent estimates, between which the standard error is reckoned. A rule of your own is a struct with replicates
// and a call operator: see TimeRule.
//
// Accuracy: as level_sampling.hpp; weights are correctly rounded. Source: Kingma et al. 2021; Nichol & Dhariwal 2021,
// section 3.3.
#pragma once

#include "level_sampling.hpp"

namespace diffusion {

/// The denoising steps 1..count of a chain, cleanest first, as the schedule that rules draw from: time() is the step.
template <LevelBatch L>
struct ChainSteps {
  const L& levels;  // noisiest first
  int count;

  int steps() const { return count; }
  NoiseLevel<> operator()(int t) const { return {numerics::Wide(1), numerics::Wide(0), double(t)}; }
  /// The step goes from levels[index(t)] to the one after it.
  std::size_t index(const NoiseLevel<>& time) const {
    return static_cast<std::size_t>(count - static_cast<int>(time.time()));
  }
};
template <class L>
ChainSteps(const L&, int) -> ChainSteps<L>;

namespace sampling_details {

/// A rule as it draws from this schedule: what rule.prepared(schedule) returns, or the rule itself.
template <class R, class S>
decltype(auto) prepared(const R& rule, const S& schedule) {
  if constexpr (requires { rule.prepared(schedule); })
    return rule.prepared(schedule);
  else
    return (rule);
}

}  // namespace sampling_details

/// A rule of drawing times of a schedule: rule(schedule, noise, step), a pure function of (seed, stream, step) of the
/// noise, has levels and importance weights, at least one; the mean of weight f(level) is an unbiased estimate of the
/// mean of f over the steps, or over t in (0, 1). A rule that computes something for a schedule first has
/// prepared(schedule), which returns another rule.
template <class R, class S>
concept TimeRule = requires(const R& rule, const S& schedule, const NormalNoise& noise) {
  { rule.replicates } -> std::convertible_to<std::size_t>;
  sampling_details::prepared(rule, schedule)(schedule, noise, 0).levels[0].time();
  sampling_details::prepared(rule, schedule)(schedule, noise, 0).weights[0];
};

/// Independent times, all uniform.
struct UniformTimes {
  std::size_t draws = 16, replicates = 8;

  template <class S>
  auto operator()(const S& schedule, const NormalNoise& noise, int step) const {
    auto levels = uniform_levels(schedule, draws, noise, step);
    using Real = typename level_details::LevelReal<typename decltype(levels)::value_type>::type;
    return SampledLevels<Real>{std::move(levels), std::vector<Real>(draws, Real(1))};
  }
};

/// One time in each of `draws` equal parts of the range.
struct StratifiedTimes {
  std::size_t draws = 16, replicates = 8;

  template <class S>
  auto operator()(const S& schedule, const NormalNoise& noise, int step) const {
    return stratified_levels(schedule, draws, noise, step);
  }
};

/// Evenly spaced times with one random offset: the "antithetic" times of VDM. [kingma2021.low_discrepancy]
struct LowDiscrepancyTimes {
  std::size_t draws = 16, replicates = 8;

  template <class S>
  auto operator()(const S& schedule, const NormalNoise& noise, int step) const {
    return low_discrepancy_levels(schedule, draws, noise, step);
  }
};

/// Independent steps, in proportion to the root of the second moments of their losses: loss_moments has them. They must
/// not have seen the noise of the estimate. [nichol2021.18]
struct ImportanceTimes {
  LossSecondMoment moments;
  std::size_t draws = 16, replicates = 8;

  template <DiscreteTimeSchedule S>
  auto operator()(const S& schedule, const NormalNoise& noise, int step) const {
    return moments.levels(schedule, draws, noise, step);
  }
};

/// The full sum: every step once.
struct AllTimes {
  std::size_t replicates = 8;

  template <DiscreteTimeSchedule S>
  auto operator()(const S& schedule, const NormalNoise&, int) const {
    using Real = typename level_details::LevelReal<decltype(schedule(1))>::type;
    SampledLevels<Real> result;
    for (int t = 1; t <= schedule.steps(); ++t) result.levels.push_back(schedule(t));
    result.weights.assign(result.levels.size(), Real(1));
    return result;
  }
};

namespace sampling_details {

/// LossSecondMoment of losses(0), ..., losses(history - 1), each a vector with the loss of every step, cleanest first.
template <class Losses>
LossSecondMoment recorded(const char* function, int history, const Losses& losses) {
  numerics::require(history >= 1, function, "history", history, "at least 1");
  auto first = losses(0);
  numerics::require(!first.empty(), function, "levels: denoising terms", first.size(), "at least one");
  const std::vector<NoiseLevel<>> none;
  const ChainSteps steps{none, static_cast<int>(first.size())};
  const auto all = AllTimes{}(steps, NormalNoise{}, 0).levels;
  LossSecondMoment moments(steps.count, history);
  moments.record(all, first);
  for (int repeat = 1; repeat < history; ++repeat) moments.record(all, losses(repeat));
  return moments;
}

}  // namespace sampling_details

/// Times in proportion to their part of the bound of Gaussian data with the best denoiser: (SNR_s - SNR_t) v / (1 +
/// v SNR_t) / 2 for an element and a step, -SNR'(t) v / (1 + v SNR) / 2 in continuous time. The best denoiser of any
/// data whose elements have the variance v in the mean has no larger parts, so that the weighted terms of a good
/// network are bounded; data in [-1, 1] have v <= 1. Steps of a chain are independent; in continuous time the draws
/// share an offset, and the schedule must have log_snr_slope and time_at, and noise at t = 0. variance > 0, finite.
struct GaussianTimes {
  double variance = 1;
  std::size_t draws = 16, replicates = 8;

  template <class L>
  ImportanceTimes prepared(const ChainSteps<L>& chain) const {
    using W = numerics::Working<level_real_t<L>>;
    check();
    const auto losses = [&](int) {
      std::vector<double> result;
      for (auto k = static_cast<std::size_t>(chain.count); k-- > 0;) {
        const auto &t = chain.levels[k], &s = chain.levels[k + 1];
        const W total = W(variance) * t.working_signal_squared() + t.working_noise_squared();
        const W weight = W(variance) * s.working_signal_squared() / (W(2) * s.working_noise_squared());
        const auto loss = forward_details::transition("GaussianTimes", s, t).variance * weight / total;
        result.push_back(numerics::shown(numerics::round_to<level_real_t<L>>(W(loss))));
      }
      return result;
    };
    return {sampling_details::recorded("GaussianTimes", 1, losses), draws, replicates};
  }

  template <ContinuousTimeSchedule S>
    requires requires(const S& schedule) { schedule.time_at(schedule(0.5)), schedule.log_snr_slope(0.5); }
  auto operator()(const S& schedule, const NormalNoise& noise, int step) const {
    using Real = typename level_details::LevelReal<decltype(schedule(0.5))>::type;
    using W = numerics::Working<Real>;
    check();
    const auto part = [this](const NoiseLevel<Real>& level) {  // v SNR
      return W(W(variance) * level.working_signal_squared() / level.working_noise_squared());
    };
    const auto clean = schedule(Real(0)), noisy = schedule(Real(1));
    numerics::require(clean.noise() > Real(0), "GaussianTimes", "schedule(0).noise()", clean.noise(), "more than 0");
    // the integral of v SNR / (1 + v SNR) over the log-SNR is log(1 + v SNR)
    const W highest = numerics::log1p_of(part(clean)), range = highest - numerics::log1p_of(part(noisy));
    const numerics::Limb offset = training_details::bits(noise, step, 0);
    SampledLevels<Real> result;
    for (std::size_t k = 0; k < draws; ++k) {
      const numerics::Limb bits = (offset + sampling_details::position(k, 0, draws)) >> 11;  // 53, modulo 2^64
      const W u = (W(static_cast<double>(bits)) + W(0.5)) * W(0x1p-53);
      const W snr = numerics::expm1_of(W(highest - range * u)) / W(variance), whole = snr + W(1);
      const NoiseLevel<Real> drawn(snr / whole, W(1) / whole, Real(0));
      const NoiseLevel<Real> level = schedule(schedule.time_at(drawn));
      const W rate = W(schedule.log_snr_slope(level.time())) * part(level) / (W(1) + part(level));
      result.levels.push_back(level);
      result.weights.push_back(numerics::round_to<Real>(W(-range / rate)));
    }
    return result;
  }

 private:
  void check() const {
    numerics::require(variance > 0 && variance - variance == 0, "GaussianTimes", "variance", variance,
                      "a finite number > 0");
  }
};

}  // namespace diffusion
