// SPDX-License-Identifier: MIT
// Schedules in continuous time: callables of t in [0, 1] that return the level at t, each with its inverse.
//
// Use VpLinearSchedule for score SDEs and DPM-Solver, CosineLogSnrSchedule for v-prediction and simple diffusion,
// LinearLogSnrSchedule for VDM, VeGeometricSchedule for VE models. time_at(level) is the t whose level has the same
// log-SNR, and log_snr_slope(t) the derivative of the log-SNR, for bounds in continuous time. A level's time() is t.
// Time outside [0, 1] and levels outside the schedule are errors.
//
// Accuracy: every scalar of a level, time_at and the slope are the exact value of their formula, rounded once.
// Source: Song et al. 2021, appendix C (VP, VE); Kingma et al. 2021 (linear log-SNR); Hoogeboom et al. 2023 (cosine).
#pragma once

#include "noise_level.hpp"

namespace diffusion {

namespace continuous_details {

template <class Real>
numerics::Working<Real> checked_time(const char* function, const Real& t) {
  numerics::require(t >= Real(0) && t <= Real(1), function, "t", t, "a time in [0, 1]");
  return numerics::Working<Real>(t);
}

/// t rounded, if it lies in [0, 1] up to `slack`, the rounding errors of t near 0.
template <class Real, class W>
Real checked_inverse(const char* function, const NoiseLevel<Real>& level, const W& t, const W& slack) {
  if (!(t >= -slack && t <= W(1) + numerics::working_tolerance<W>()))
    numerics::require(false, function, "level.log_snr()", level.log_snr(), "a log-SNR within those of the schedule");
  return t <= slack ? Real(0) : numerics::round_to<Real>(t);
}

}  // namespace continuous_details

/// signal^2 = exp(-(beta_min t + (beta_max - beta_min) t^2 / 2)): the VP SDE with linear beta(t).
/// 0 < beta_min <= beta_max, finite. Clean at t = 0. [song2021.33]
template <class Real = double>
class VpLinearSchedule {
 public:
  explicit VpLinearSchedule(Real beta_min = Real(0.1), Real beta_max = Real(20)) : min_(beta_min), max_(beta_max) {
    numerics::require(beta_min > Real(0), "VpLinearSchedule", "beta_min", beta_min, "a number above 0");
    numerics::require(beta_max >= beta_min && beta_max - beta_max == Real(0), "VpLinearSchedule", "beta_max", beta_max,
                      "a finite number, at least beta_min");
  }

  NoiseLevel<Real> operator()(Real t) const {
    const Working time = continuous_details::checked_time("VpLinearSchedule", t);
    const Working integral = time * (min_ + (max_ - min_) * time / Working(2));
    return NoiseLevel<Real>(exp(-integral), -numerics::expm1_of(Working(-integral)), t);
  }

  Real time_at(const NoiseLevel<Real>& level) const {
    const Working integral =
        numerics::log1p_of(Working(level.working_noise_squared() / level.working_signal_squared()));
    const Working root = sqrt(min_ * min_ + Working(2) * (max_ - min_) * integral);
    const Working t = Working(2) * integral / (min_ + root);
    return continuous_details::checked_inverse("VpLinearSchedule::time_at", level, t, Working(0));
  }

  /// d log SNR / dt; minus infinity at 0.
  Real log_snr_slope(Real t) const {
    const Working time = continuous_details::checked_time("VpLinearSchedule::log_snr_slope", t);
    const Working integral = time * (min_ + (max_ - min_) * time / Working(2)), rate = min_ + (max_ - min_) * time;
    return numerics::round_to<Real>(Working(rate / numerics::expm1_of(Working(-integral))));
  }

 private:
  using Working = numerics::Working<Real>;
  Working min_, max_;
};

/// log-SNR falls linearly from log_snr_max at t = 0 to log_snr_min at t = 1; VDM's gamma is -log_snr, by default in
/// [-13.3, 5]. Both finite, log_snr_min < log_snr_max. [kingma2021.linear]
template <class Real = double>
class LinearLogSnrSchedule {
 public:
  explicit LinearLogSnrSchedule(Real log_snr_max = Real(13.3), Real log_snr_min = Real(-5))
      : max_(log_snr_max), min_(log_snr_min) {
    numerics::require(log_snr_max - log_snr_max == Real(0), "LinearLogSnrSchedule", "log_snr_max", log_snr_max,
                      "a finite number");
    numerics::require(log_snr_min < log_snr_max && log_snr_min - log_snr_min == Real(0), "LinearLogSnrSchedule",
                      "log_snr_min", log_snr_min, "a finite number below log_snr_max");
  }

  NoiseLevel<Real> operator()(Real t) const {
    const Working time = continuous_details::checked_time("LinearLogSnrSchedule", t);
    const Working log_snr = max_ - (max_ - min_) * time;
    const auto squares = numerics::logistic(log_snr);
    return NoiseLevel<Real>(squares.at, squares.complement, log_snr, t);
  }

  Real time_at(const NoiseLevel<Real>& level) const {
    const Working t = (max_ - level.working_log_snr()) / (max_ - min_);
    return continuous_details::checked_inverse("LinearLogSnrSchedule::time_at", level, t,
                                               numerics::working_tolerance<Working>());
  }

  /// d log SNR / dt.
  Real log_snr_slope(Real t) const {
    continuous_details::checked_time("LinearLogSnrSchedule::log_snr_slope", t);
    return numerics::round_to<Real>(Working(min_ - max_));
  }

 private:
  using Working = numerics::Working<Real>;
  Working max_, min_;
};

/// signal = cos(a), noise = sin(a) with the angle a linear in t: log-SNR = -2 log tan(pi t / 2), infinite at both ends,
/// or between the angles of two given log-SNRs. log_snr_min < log_snr_max, either may be infinite.
/// [hoogeboom2023.cosine]
template <class Real = double>
class CosineLogSnrSchedule {
 public:
  CosineLogSnrSchedule() : first_(0), last_(1) {}
  CosineLogSnrSchedule(Real log_snr_max, Real log_snr_min)
      : first_(turn(Working(log_snr_max))), last_(turn(Working(log_snr_min))) {
    numerics::require(log_snr_min < log_snr_max, "CosineLogSnrSchedule", "log_snr_min", log_snr_min,
                      "a number below log_snr_max");
  }

  NoiseLevel<Real> operator()(Real t) const {
    const Working time = continuous_details::checked_time("CosineLogSnrSchedule", t);
    const Working x = first_ + (last_ - first_) * time;
    using numerics::cos_half_pi, numerics::sin_half_pi;
    const Working signal = cos_half_pi(x), noise = sin_half_pi(x);
    return NoiseLevel<Real>(signal * signal, noise * noise, t);
  }

  Real time_at(const NoiseLevel<Real>& level) const {
    using numerics::atan_half_pi;
    const Working x =
        atan_half_pi(Working(sqrt(Working(level.working_noise_squared() / level.working_signal_squared()))));
    const Working t = (x - first_) / (last_ - first_);
    return continuous_details::checked_inverse("CosineLogSnrSchedule::time_at", level, t,
                                               Working(first_ * numerics::working_tolerance<Working>()));
  }

  /// d log SNR / dt; minus infinity where the log-SNR is infinite.
  Real log_snr_slope(Real t) const {
    const Working time = continuous_details::checked_time("CosineLogSnrSchedule::log_snr_slope", t);
    const Working x = first_ + (last_ - first_) * time;
    using numerics::cos_half_pi, numerics::sin_half_pi;
    const Working product = sin_half_pi(x) * cos_half_pi(x);
    return numerics::round_to<Real>(Working((first_ - last_) * numerics::pi<Working>() / product));
  }

 private:
  using Working = numerics::Working<Real>;

  // The angle of a log-SNR in quarter turns.
  static Working turn(const Working& log_snr) {
    using numerics::atan_half_pi;
    return atan_half_pi(Working(exp(-log_snr / Working(2))));
  }

  Working first_, last_;
};

/// signal = 1, noise = sigma_min (sigma_max / sigma_min)^t: the VE SDE. 0 < sigma_min < sigma_max, finite.
/// [song2021.31]
template <class Real = double>
class VeGeometricSchedule {
 public:
  explicit VeGeometricSchedule(Real sigma_min = Real(0.01), Real sigma_max = Real(50))
      : min_(sigma_min), log_min_(log_of(min_)), log_ratio_(log_of(Working(sigma_max) / min_)) {
    numerics::require(sigma_min > Real(0), "VeGeometricSchedule", "sigma_min", sigma_min, "a number above 0");
    numerics::require(sigma_max > sigma_min && sigma_max - sigma_max == Real(0), "VeGeometricSchedule", "sigma_max",
                      sigma_max, "a finite number above sigma_min");
  }

  NoiseLevel<Real> operator()(Real t) const {
    const Working time = continuous_details::checked_time("VeGeometricSchedule", t);
    const Working sigma = min_ * exp(time * log_ratio_), log_sigma = log_min_ + time * log_ratio_;
    return NoiseLevel<Real>(Working(1), sigma * sigma, Working(-2) * log_sigma, t);
  }

  Real time_at(const NoiseLevel<Real>& level) const {
    const Working sigma = sqrt(Working(level.working_noise_squared() / level.working_signal_squared()));
    const Working t = log_of(Working(sigma / min_)) / log_ratio_;
    return continuous_details::checked_inverse("VeGeometricSchedule::time_at", level, t,
                                               numerics::working_tolerance<Working>());
  }

  /// d log SNR / dt.
  Real log_snr_slope(Real t) const {
    continuous_details::checked_time("VeGeometricSchedule::log_snr_slope", t);
    return numerics::round_to<Real>(Working(Working(-2) * log_ratio_));
  }

 private:
  using Working = numerics::Working<Real>;
  static Working log_of(const Working& x) { return log(x); }

  Working min_, log_min_, log_ratio_;
};

/// A schedule in continuous time: a level for every t in [0, 1].
template <class S>
concept ContinuousTimeSchedule = !requires(const S& schedule) { schedule.steps(); } && requires(const S& schedule) {
  { schedule(0.5) } -> Level;
};

}  // namespace diffusion
