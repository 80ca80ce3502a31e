// SPDX-License-Identifier: MIT
// Ways to draw the levels of a training batch or of an estimator of a bound, other than independently and uniformly
// (uniform_levels in training.hpp): with fewer gaps, more often where the loss is large, or where a paper puts them.
//
// Use low_discrepancy_levels or stratified_levels to make the mean over a batch less noisy at no cost, LossSecondMoment
// for a loss that differs by orders of magnitude between steps (the bound, not the simple loss), log_normal_levels for
// EDM and logit_normal_levels for rectified flow. Each sample comes with its importance weight, target density over
// density drawn: the mean of weight f(level) is an unbiased estimate of the mean of f under the target. Leave the
// weights out where the distribution is itself part of the objective, as in EDM and Stable Diffusion 3.
//
// All are pure functions of (seed, stream, step) of the noise, and of the index of the sample; where samples share the
// range of t, of their number, too. One batch is not independent draws: reckon a standard error over batches.
//
// Accuracy: levels and weights are correctly rounded functions of the bits and of the normals drawn.
// Source: Kingma et al. 2021, low-discrepancy sampler; Karras et al. 2022; Nichol & Dhariwal 2021, section 3.3; Esser
// et al. 2024.
#pragma once

#include <algorithm>

#include "training.hpp"

namespace diffusion {

/// The levels of the samples and their importance weights.
template <class Real>
struct SampledLevels {
  std::vector<NoiseLevel<Real>> levels;
  std::vector<Real> weights;
};

namespace sampling_details {

/// (k + bits / 2^64) / n of the range of 64 bits, rounded down; k < n <= 2^32.
inline numerics::Limb position(numerics::Limb k, numerics::Limb bits, numerics::Limb n) {
  const numerics::Limb upper = k << 32 | bits >> 32, lower = (upper % n) << 32 | (bits & 0xffffffffu);
  return (upper / n) << 32 | lower / n;
}

/// Levels at given positions of the schedule, all of weight one.
template <class S, class PositionOf>
auto levels_at(const S& schedule, std::size_t samples, PositionOf position_of) {
  using Real = typename level_details::LevelReal<decltype(training_details::level_at(schedule, 0))>::type;
  SampledLevels<Real> result{{}, std::vector<Real>(samples, Real(1))};
  result.levels.reserve(samples);
  for (std::size_t k = 0; k < samples; ++k)
    result.levels.push_back(training_details::level_at(schedule, position_of(k)));
  return result;
}

/// One normal for each sample, of another key than the noise of the data.
inline std::vector<double> normals(const NormalNoise& noise, int step, std::size_t samples) {
  std::vector<double> z(samples);
  NormalNoise{.seed = noise.seed ^ training_details::times_key, .stream = noise.stream}.fill(step, std::span(z));
  return z;
}

inline void require_normal(const char* function, double mean, double deviation) {
  numerics::require(mean - mean == 0, function, "mean", mean, "a finite number");
  numerics::require(deviation > 0 && deviation - deviation == 0, function, "deviation", deviation,
                    "a finite number > 0");
}

/// 1 / the density of mean + deviation z.
template <class W>
W inverse_density(const W& z, const W& deviation) {
  return deviation * sqrt(W(W(2) * numerics::pi<W>())) * exp(W(z * z / W(2)));
}

}  // namespace sampling_details

/// t_k = u + k / n modulo 1 with one u for the batch: each t_k is uniform, and together they are as even as can be.
/// Weights are one. [kingma2021.low_discrepancy]
template <class S>
  requires DiscreteTimeSchedule<S> || ContinuousTimeSchedule<S>
auto low_discrepancy_levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step) {
  const numerics::Limb offset = training_details::bits(noise, step, 0);
  return sampling_details::levels_at(schedule, samples, [&](std::size_t k) {
    return offset + sampling_details::position(k, 0, samples);  // modulo 2^64
  });
}

/// t_k uniform in [k / n, (k + 1) / n), independently: the mean over the batch is unbiased, a single sample is not. Use
/// it where the integrand may have the period of a grid, which low_discrepancy_levels would not see. Weights are one.
template <class S>
  requires DiscreteTimeSchedule<S> || ContinuousTimeSchedule<S>
auto stratified_levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step) {
  return sampling_details::levels_at(schedule, samples, [&](std::size_t k) {
    return sampling_details::position(k, training_details::bits(noise, step, k), samples);
  });
}

/// Variance exploding levels with log sigma ~ N(mean, deviation^2), by default those of EDM, and time() = log(sigma) /
/// 4, what its network is told. The target of the weights is the integral over all log-SNRs, which are -2 log sigma:
/// weight = 1 / density of the log-SNR. deviation > 0. [karras2022.log_normal]
template <class Real = double>
SampledLevels<Real> log_normal_levels(std::size_t samples, const NormalNoise& noise, int step, double mean = -1.2,
                                      double deviation = 1.2) {
  using W = numerics::Working<Real>;
  sampling_details::require_normal("log_normal_levels", mean, deviation);
  SampledLevels<Real> result;
  for (const double z : sampling_details::normals(noise, step, samples)) {
    const W log_snr = W(-2) * (W(mean) + W(deviation) * W(z));
    result.levels.emplace_back(W(1), W(exp(W(-log_snr))), log_snr, numerics::round_to<Real>(W(log_snr / W(-8))));
    result.weights.push_back(numerics::round_to<Real>(sampling_details::inverse_density(W(z), W(W(2) * W(deviation)))));
  }
  return result;
}

/// Levels at t = sigmoid(x), x ~ N(mean, deviation^2). The target of the weights is t uniform in (0, 1): weight = 1 /
/// density of t. deviation > 0. On the straight line of rectified flow, signal 1 - t and noise t, these are the
/// log-SNRs of log_normal_levels. [esser2024.logit_normal]
template <ContinuousTimeSchedule S>
auto logit_normal_levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step, double mean = 0,
                         double deviation = 1) {
  using Real = typename level_details::LevelReal<decltype(schedule(0.5))>::type;
  using W = numerics::Working<Real>;
  sampling_details::require_normal("logit_normal_levels", mean, deviation);
  SampledLevels<Real> result;
  for (const double z : sampling_details::normals(noise, step, samples)) {
    const auto t = numerics::logistic(W(W(mean) + W(deviation) * W(z)));
    result.levels.push_back(schedule(numerics::round_to<Real>(t.at)));
    result.weights.push_back(
        numerics::round_to<Real>(W(sampling_details::inverse_density(W(z), W(deviation)) * t.at * t.complement)));
  }
  return result;
}

/// Importance sampling of the steps 1..T by the losses seen: p_t in proportion to the root of the mean square of the
/// last `history` losses at t, and uniform until there are that many at every t. A share of the draws stays uniform, so
/// that no step has probability 0 after a loss of 0, which would bias the estimate; the paper has no share, its code
/// one of 0.001. [nichol2021.18]
///
/// Record the loss of each sample with its weight of the objective, but not with its importance weight.
class LossSecondMoment {
 public:
  /// steps >= 1, history >= 1, uniform_share in [1e-6, 1].
  explicit LossSecondMoment(int steps, int history = 10, double uniform_share = 0.001)
      : steps_(steps), history_(history), share_(uniform_share) {
    const char* function = "LossSecondMoment";
    numerics::require(steps >= 1, function, "steps", steps, "at least 1");
    numerics::require(history >= 1, function, "history", history, "at least 1");
    numerics::require(uniform_share >= 1e-6 && uniform_share <= 1, function, "uniform_share", uniform_share,
                      "a number in [1e-6, 1]");
    missing_ = step_count();
    seen_.resize(missing_);
    roots_.resize(missing_);
    losses_.resize(missing_ * static_cast<std::size_t>(history));
  }

  /// Takes in the loss of each sample of a batch. Steps outside 1..T and losses that are not finite are errors.
  template <LevelBatch L, class Losses>
  void record(const L& levels, const Losses& losses) {
    const char* function = "LossSecondMoment::record";
    const std::size_t samples = std::size(levels);
    if (std::size(losses) != samples) numerics::fail_size(function, "losses", std::size(losses), samples, "levels");
    for (std::size_t k = 0; k < samples; ++k) {
      const double t = numerics::shown(levels[k].time()), loss = numerics::shown(losses[k]);
      numerics::require_element(t >= 1 && t <= steps_ && t == static_cast<int>(t), function, "levels: time()", k, t,
                                "a step 1..T");
      numerics::require_element(loss - loss == 0, function, "losses", k, loss, "a finite number");
    }
    for (std::size_t k = 0; k < samples; ++k)
      record_one(static_cast<std::size_t>(numerics::shown(levels[k].time())) - 1, numerics::shown(losses[k]));
    if (missing_ == 0) update_edges();
  }

  int steps() const { return steps_; }
  /// Whether every step has its history; until then steps are drawn uniformly.
  bool filled() const { return missing_ == 0; }

  /// p_t, exactly the probability that t is drawn, rounded. t = 1..T.
  double probability(int t) const {
    numerics::require(t >= 1 && t <= steps_, "LossSecondMoment::probability", "t", t, "a step 1..T");
    if (!filled()) return 1.0 / steps_;
    return drawn_probability(t);
  }

  /// Levels of a schedule of as many steps. The target of the weights is t uniform in 1..T: weight = 1 / (T p_t).
  template <DiscreteTimeSchedule S>
  auto levels(const S& schedule, std::size_t samples, const NormalNoise& noise, int step) const {
    using Real = typename level_details::LevelReal<decltype(schedule(1))>::type;
    using W = numerics::Working<Real>;
    numerics::require(int(schedule.steps()) == steps_, "LossSecondMoment::levels", "schedule.steps()",
                      int(schedule.steps()), "as many steps as there are losses");
    SampledLevels<Real> result;
    if (!filled()) {
      result.levels = uniform_levels(schedule, samples, noise, step);
      result.weights.assign(samples, Real(1));
      return result;
    }
    for (std::size_t k = 0; k < samples; ++k) {
      const numerics::Limb bits = training_details::bits(noise, step, k) >> 11;
      const int t = static_cast<int>(std::upper_bound(edges_.begin(), edges_.end(), bits) - edges_.begin());
      result.levels.push_back(schedule(t));
      result.weights.push_back(numerics::round_to<Real>(W(W(1) / (W(steps_) * W(drawn_probability(t))))));
    }
    return result;
  }

 private:
  std::size_t step_count() const { return static_cast<std::size_t>(steps_); }

  void record_one(std::size_t i, double loss) {
    const auto history = static_cast<std::size_t>(history_);
    losses_[i * history + seen_[i] % history] = loss;
    if (++seen_[i] == history) --missing_;
    numerics::Wide sum = 0;
    for (std::size_t j = 0; j < history; ++j) {
      const numerics::Wide x = losses_[i * history + j];
      sum = sum + x * x;
    }
    roots_[i] = sqrt(sum);
  }

  /// Step t is drawn by the numbers of 53 bits from edges_[t - 1] up to edges_[t]: its probability is a double, and the
  /// weight is made of it, so that the estimate has no bias of rounding.
  void update_edges() {
    using numerics::Wide;
    Wide total = 0, sum = 0;
    for (const Wide& root : roots_) total = total + root;
    const Wide share = total == Wide(0) ? Wide(1) : Wide(share_);
    edges_.assign(1, 0);
    for (std::size_t t = 1; t <= step_count(); ++t) {
      if (total > Wide(0)) sum = sum + roots_[t - 1] / total;
      const Wide edge = (Wide(1) - share) * sum + share * Wide(t) / Wide(steps_);
      edges_.push_back(static_cast<numerics::Limb>((edge * Wide(0x1p53)).round_to<double>()));
    }
  }

  double drawn_probability(int t) const {
    const auto i = static_cast<std::size_t>(t);
    return static_cast<double>(edges_[i] - edges_[i - 1]) * 0x1p-53;
  }

  int steps_, history_;
  double share_;
  std::size_t missing_ = 0;        // steps without a full history
  std::vector<std::size_t> seen_;  // losses recorded at each step
  std::vector<double> losses_;     // the last of them, `history` for each step
  std::vector<numerics::Wide> roots_;
  std::vector<numerics::Limb> edges_;
};

}  // namespace diffusion
