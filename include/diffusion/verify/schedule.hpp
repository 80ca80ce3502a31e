// SPDX-License-Identifier: MIT
// verify(schedule): the derivations of the forward process and its posterior, executed on a schedule of your own.
//
// Use it once, in a test or at start-up, on a schedule that you wrote or loaded: any type with steps() and (t) ->
// level, with beta(t) and alpha(t) if it has them; TabulatedSchedule for plain tables; a schedule in continuous time;
// or a grid of levels. A misplaced beta, a table of alpha_bar that is no product, or one in too few digits shows as a
// residual, in units in the last place. Not for the hot path: a step costs about 50 microseconds.
//
// Accuracy: bounds count the roundings of the values that a schedule returns, so that a schedule of correctly rounded
// values holds, and one that lost a digit does not. `slack` multiplies every bound: a cumulative product in doubles of
// linear_schedule(1000) needs about 2000.
// Source: Ho et al. 2020, eq. 2 to 11; Kingma et al. 2021, appendix A.
#pragma once

#include "../objective/kl.hpp"
#include "../process/continuous_schedules.hpp"
#include "../process/discrete_schedule.hpp"
#include "report.hpp"

namespace diffusion {

/// A schedule given as tables of beta_1..beta_T and alpha_bar_1..alpha_bar_T, as model files hold them. Both in [0, 1]
/// and of the same size. It refers to the tables.
template <class Real = double>
class TabulatedSchedule {
 public:
  TabulatedSchedule(std::span<const Real> betas, std::span<const Real> alpha_bars)
      : betas_(betas), alpha_bars_(alpha_bars) {
    numerics::require(!betas.empty(), "TabulatedSchedule", "betas.size()", betas.size(), "at least one beta");
    if (betas.size() != alpha_bars.size())
      numerics::fail_size("TabulatedSchedule", "alpha_bars", alpha_bars.size(), betas.size(), "betas");
    for (std::size_t k = 0; k < betas.size(); ++k) {
      numerics::require_element(betas[k] >= Real(0) && betas[k] <= Real(1), "TabulatedSchedule", "betas", k, betas[k],
                                "a number in [0, 1]");
      numerics::require_element(alpha_bars[k] >= Real(0) && alpha_bars[k] <= Real(1), "TabulatedSchedule", "alpha_bars",
                                k, alpha_bars[k], "a number in [0, 1]");
    }
  }
  int steps() const { return static_cast<int>(betas_.size()); }
  Real beta(int t) const {
    numerics::require(t >= 1 && t <= steps(), "TabulatedSchedule::beta", "t", t, "1..T");
    return betas_[static_cast<std::size_t>(t - 1)];
  }
  NoiseLevel<Real> operator()(int t) const {
    numerics::require(t >= 0 && t <= steps(), "TabulatedSchedule", "t", t, "0..T");
    return alpha_bar_level<Real>(t == 0 ? Real(1) : alpha_bars_[static_cast<std::size_t>(t - 1)], Real(t));
  }

 private:
  std::span<const Real> betas_, alpha_bars_;
};

namespace verify_details {

/// The identities between two neighbouring levels, s the cleaner. Bounds: a rounded value errs by half a unit, which is
/// at most one unit of what it is a factor of; products add such errors, sums of positive terms take the larger.
template <class Real>
struct LevelIdentities {
  using W = numerics::Working<Real>;
  Identity<Real> monotone{"SNR falls from level to level", "kingma2021.2"};
  Identity<Real> mean{"composition: scale signal_s = signal_t", "ho2020.4"};
  Identity<Real> variance{"composition: scale^2 noise_s^2 + variance", "ho2020.4"};
  Identity<Real> precision{"Bayes: precisions add", "ho2020.7"};
  Identity<Real> bayes_xt{"Bayes: weight of x_t", "ho2020.7"};
  Identity<Real> bayes_x0{"Bayes: weight of x_0", "ho2020.7"};
  Identity<Real> total_mean{"law of total mean", "ho2020.6"};
  Identity<Real> total_variance{"law of total variance", "ho2020.6"};
  Identity<Real> joint{"transition and posterior: one covariance", "ho2020.6"};
  Identity<Real> noise_xt{"noise form: weight of x_t", "ho2020.11"};
  Identity<Real> noise_eps{"noise form: weight of the noise", "ho2020.11"};
  Identity<Real> telescoping{"KL terms add up to (SNR_1 - SNR_T) / 2", "kingma2021.13"};
  W kl_sum = W(0), snr_first = W(0);

  static W snr(const NoiseLevel<Real>& level) { return level.working_signal_squared() / level.working_noise_squared(); }

  void step(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) {
    const Real time = t.time();
    monotone.require(is_cleaner(s, t), time);
    if (!is_cleaner(s, t)) return;
    const auto q = q_transition(s, t);
    const auto p = q_posterior(s, t);
    const W scale(q.scale), beta(q.variance), p_x0(p.x0), p_xt(p.xt), p_variance(p.variance);
    const W signal_s(s.signal()), signal_t(t.signal()), square_s(s.noise_variance()), square_t(t.noise_variance());
    mean.compare(scale * signal_s, signal_t, 3, time);
    variance.compare(scale * scale * square_s + beta, square_t, 4, time);
    total_mean.compare(p_x0 + p_xt * signal_t, signal_s, 3, time);
    total_variance.compare(p_xt * p_xt * square_t + p_variance, square_s, 4, time);
    joint.compare(scale * square_s, p_xt * square_t, 4, time);
    if (is_normal(p.variance) && is_normal(s.noise_variance())) {  // of a point there is no precision
      precision.compare(scale * scale / beta + W(1) / square_s, W(1) / p_variance, 4, time);
      bayes_xt.compare(p_variance * scale / beta, p_xt, 4, time);
      bayes_x0.compare(p_variance * signal_s / square_s, p_x0, 4, time);
      kl_sum = kl_sum + W(2) * W(denoising_kl(s, t, Real(0), Real(1)));
    } else {
      snr_first = snr(t);
      kl_sum = W(0);
    }
    if (is_normal(t.signal())) {  // at pure noise, x_0 is not in x_t
      const auto n = q_posterior_from_noise(s, t);
      noise_xt.compare(p_xt + p_x0 / signal_t, W(n.xt), 3, time);
      noise_eps.compare(-p_x0 * W(t.noise()) / signal_t, W(n.eps), 4, time);
    }
  }

  void finish(const NoiseLevel<Real>& last, std::size_t steps, Report& report) {
    if (steps > 1) telescoping.compare(kl_sum, snr_first - snr(last), 1, last.time());
    for (const auto* identity : {&monotone, &mean, &variance, &precision, &bayes_xt, &bayes_x0, &total_mean,
                                 &total_variance, &joint, &noise_xt, &noise_eps, &telescoping})
      identity->append_to(report);
  }

  // Below the normal numbers a value has fewer digits than the bounds count on.
  static bool is_normal(const Real& x) { return x >= std::numeric_limits<Real>::min() && x - x == Real(0); }
};

inline void multiply_bounds(Report& report, double slack) {
  numerics::require(slack >= 1 && slack - slack == 0, "verify", "slack", slack, "a finite number, at least 1");
  for (Finding& finding : report.findings) finding.bound *= slack;
}

/// What only a discrete schedule promises: that its levels are made of its betas.
template <class Real, class S>
void verify_steps(const S& schedule, Report& report) {
  using W = numerics::Working<Real>;
  Identity<Real> clean{"t = 0 is clean data", "ho2020.4"}, time{"a level knows its t", "ho2020.4"};
  Identity<Real> preserving{"variance preserving: signal^2 + noise^2 = 1", "ho2020.4"};
  Identity<Real> sum{"alpha_t = 1 - beta_t", "ho2020.2"};
  Identity<Real> step{"alpha_bar_t = alpha_t alpha_bar_(t-1)", "ho2020.4"};
  Identity<Real> product{"alpha_bar_t = alpha_1 ... alpha_t", "ho2020.4"};
  Identity<Real> variance{"1 - alpha_bar_t from the betas", "ho2020.4"};
  const auto first = schedule(0);
  clean.require(first.working_signal_squared() == W(1) && first.working_noise_squared() == W(0), first.time());
  W alpha_bar(1), noise_squared(0), before = first.working_signal_squared();
  for (int t = 1; t <= schedule.steps(); ++t) {
    const auto level = schedule(t);
    const auto now = static_cast<Real>(t);
    time.require(level.time() == now, now);
    if constexpr (requires { schedule.beta(t); }) {
      preserving.compare(level.working_signal_squared() + level.working_noise_squared(), W(1), 1, now);
      const W beta(schedule.beta(t));
      W alpha = W(1) - beta;
      if constexpr (requires { schedule.alpha(t); }) {
        alpha = W(schedule.alpha(t));
        sum.compare(alpha + beta, W(1), 1, now);
      }
      step.compare(alpha * before, level.working_signal_squared(), 2, now);
      alpha_bar = alpha_bar * alpha;
      noise_squared = alpha * noise_squared + beta;
      product.compare(alpha_bar, level.working_signal_squared(), t + 1.0, now);
      variance.compare(noise_squared, level.working_noise_squared(), t + 1.0, now);
    }
    before = level.working_signal_squared();
  }
  for (const auto* identity : {&clean, &time, &preserving, &sum, &step, &product, &variance})
    identity->append_to(report);
}

}  // namespace verify_details

/// Every identity between neighbouring levels of a grid, noisiest first as sampler grids are.
template <LevelBatch L>
Report verify(const L& levels, double slack = 1) {
  using Real = level_real_t<L>;
  const std::size_t count = std::size(levels);
  numerics::require(count >= 2, "verify", "levels.size()", count, "at least two levels");
  Report report;
  verify_details::LevelIdentities<Real> identities;
  identities.snr_first = identities.snr(levels[count - 1]);
  for (std::size_t k = count - 1; k > 0; --k) identities.step(levels[k], levels[k - 1]);
  identities.finish(levels[0], count - 1, report);
  verify_details::multiply_bounds(report, slack);
  return report;
}

/// The same for all t of a discrete schedule, and that its levels are made of its betas.
template <DiscreteTimeSchedule S>
Report verify(const S& schedule, double slack = 1) {
  using Real = typename level_details::LevelReal<decltype(schedule(0))>::type;
  numerics::require(schedule.steps() >= 1, "verify", "schedule.steps()", schedule.steps(), "at least 1");
  Report report;
  verify_details::verify_steps<Real>(schedule, report);
  verify_details::LevelIdentities<Real> identities;
  for (int t = 1; t <= schedule.steps(); ++t) identities.step(schedule(t - 1), schedule(t));
  identities.finish(schedule(schedule.steps()), static_cast<std::size_t>(schedule.steps()), report);
  verify_details::multiply_bounds(report, slack);
  return report;
}

/// The same for n steps in continuous time, and that time_at inverts the schedule.
template <ContinuousTimeSchedule S>
Report verify(const S& schedule, int n, double slack = 1) {
  using Real = typename level_details::LevelReal<decltype(schedule(0.5))>::type;
  numerics::require(n >= 1, "verify", "n", n, "at least 1");
  Report report;
  verify_details::LevelIdentities<Real> identities;
  verify_details::Identity<Real> inverse{"time_at inverts the schedule", "song2021.33"};
  identities.snr_first = identities.snr(schedule(Real(0)));
  for (int k = 0; k < n; ++k) {
    const Real t = Real(k + 1) / Real(n);
    const auto level = schedule(t);
    identities.step(schedule(Real(k) / Real(n)), level);
    if constexpr (requires { schedule.time_at(level); })
      inverse.compare(numerics::Working<Real>(schedule.time_at(level)), numerics::Working<Real>(t), 0.5, t);
  }
  identities.finish(schedule(Real(1)), static_cast<std::size_t>(n), report);
  inverse.append_to(report);
  verify_details::multiply_bounds(report, slack);
  return report;
}

}  // namespace diffusion
