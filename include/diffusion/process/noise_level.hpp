// SPDX-License-Identifier: MIT
// NoiseLevel: one point of the forward process, x_t = signal x_0 + noise eps with eps ~ N(0, I).
//
// Every formula of the library takes levels, never time steps, so that a DDPM step (t-1, t), a respaced step, a step in
// continuous time and one of EDM are the same function of two levels. Clean data (noise 0) and pure noise (signal 0)
// are ordinary levels. Variance preserving levels have signal^2 + noise^2 = 1, variance exploding ones signal = 1. A
// level is a value; it does not know the schedule it came from.
//
// Accuracy: a level holds signal^2 and noise^2 in the working precision of Real (192 bits for float and double), and
// every accessor returns the exact value of its formula, rounded once. Source: Ho et al. 2020 (alpha_bar); Kingma et
// al. 2021 (log-SNR); Karras et al. 2022 (sigma).
#pragma once

#include <type_traits>

#include "../numerics/require.hpp"
#include "../numerics/special.hpp"

namespace diffusion {

template <class Real = double>
class NoiseLevel {
 public:
  using Working = numerics::Working<Real>;

  /// Clean data: signal 1, noise 0, time 0.
  NoiseLevel() = default;

  /// From signal^2 and noise^2 in working precision; the ordinary ways in are the functions below and the schedules.
  NoiseLevel(const Working& signal_squared, const Working& noise_squared, const Real& time)
      : signal_squared_(signal_squared), noise_squared_(noise_squared), time_(time) {}

  /// The same, remembering the log-SNR that the level was made from, which the squares alone lose where it is tiny.
  NoiseLevel(const Working& signal_squared, const Working& noise_squared, const Working& log_snr, const Real& time)
      : NoiseLevel(signal_squared, noise_squared, time) {
    log_snr_ = log_snr;
    has_log_snr_ = true;
  }

  /// sqrt(alpha_bar), the factor of x_0; in [0, 1] when variance preserving.
  Real signal() const { return numerics::round_to<Real>(Working(sqrt(signal_squared_))); }
  /// sqrt(1 - alpha_bar) when variance preserving, the factor of eps.
  Real noise() const { return numerics::round_to<Real>(Working(sqrt(noise_squared_))); }
  /// signal^2.
  Real alpha_bar() const { return numerics::round_to<Real>(signal_squared_); }
  /// noise^2.
  Real noise_variance() const { return numerics::round_to<Real>(noise_squared_); }
  /// signal^2 / noise^2, infinite for clean data. [kingma2021.2]
  Real snr() const { return numerics::round_to<Real>(Working(signal_squared_ / noise_squared_)); }
  /// log(signal^2 / noise^2): infinite for clean data, minus infinite for pure noise.
  Real log_snr() const { return numerics::round_to<Real>(working_log_snr()); }
  /// noise / signal, the noise of x_t / signal. [karras2022.sigma]
  Real sigma() const { return numerics::round_to<Real>(Working(sqrt(Working(noise_squared_ / signal_squared_)))); }
  /// What a network is told: t = 0..T for a discrete schedule, t in [0, 1] for a continuous one.
  Real time() const { return time_; }

  /// signal^2, noise^2 and log-SNR before rounding: what formulas of levels are computed from.
  const Working& working_signal_squared() const { return signal_squared_; }
  const Working& working_noise_squared() const { return noise_squared_; }
  /// noise^2 - 1, which is -signal^2 when variance preserving and only so is known where signal^2 is tiny.
  Working working_noise_squared_minus_one() const {
    const Working excess = noise_squared_ - Working(1), sum = excess + signal_squared_;
    return numerics::absolute(sum) <= numerics::working_tolerance<Working>() ? Working(-signal_squared_) : excess;
  }
  Working working_log_snr() const {
    return has_log_snr_ ? log_snr_ : Working(log(Working(signal_squared_ / noise_squared_)));
  }

 private:
  Working signal_squared_ = Working(1);
  Working noise_squared_ = Working(0);
  Working log_snr_{};
  Real time_ = Real(0);
  bool has_log_snr_ = false;
};

namespace level_details {

template <class L>
struct LevelReal {};
template <class Real>
struct LevelReal<NoiseLevel<Real>> {
  using type = Real;
};

}  // namespace level_details

/// A single NoiseLevel<Real>.
template <class L>
concept Level = requires { typename level_details::LevelReal<L>::type; };

/// A variance preserving level: signal^2 = sigmoid(log_snr), noise^2 = sigmoid(-log_snr). log_snr may be infinite; NaN
/// is an error. [kingma2021.4]
template <class Real = double>
NoiseLevel<Real> vp_level(std::type_identity_t<Real> log_snr, std::type_identity_t<Real> time = Real(0)) {
  numerics::require(!numerics::is_nan(log_snr), "vp_level", "log_snr", log_snr, "a number");
  const numerics::Working<Real> working(log_snr);
  const auto squares = numerics::logistic(working);
  return NoiseLevel<Real>(squares.at, squares.complement, working, time);
}

/// A variance exploding level: signal = 1, noise = sigma >= 0 and finite. Karras et al. 2022.
template <class Real = double>
NoiseLevel<Real> ve_level(std::type_identity_t<Real> sigma, std::type_identity_t<Real> time = Real(0)) {
  numerics::require(sigma >= Real(0) && sigma - sigma == Real(0), "ve_level", "sigma", sigma,
                    "a number in [0, infinity)");
  const numerics::Working<Real> working(sigma);
  return NoiseLevel<Real>(numerics::Working<Real>(1), working * working, time);
}

/// A variance preserving level from alpha_bar = signal^2 in [0, 1], taken as exact.
template <class Real = double>
NoiseLevel<Real> alpha_bar_level(std::type_identity_t<Real> alpha_bar, std::type_identity_t<Real> time = Real(0)) {
  numerics::require(alpha_bar >= Real(0) && alpha_bar <= Real(1), "alpha_bar_level", "alpha_bar", alpha_bar,
                    "a number in [0, 1]");
  const numerics::Working<Real> working(alpha_bar);
  return NoiseLevel<Real>(working, numerics::Working<Real>(1) - working, time);
}

/// Any Gaussian level, x_t = signal x_0 + noise eps: flow matching has signal = 1 - t, noise = t.
/// Both in [0, infinity), and not both zero.
template <class Real = double>
NoiseLevel<Real> signal_noise_level(std::type_identity_t<Real> signal, std::type_identity_t<Real> noise,
                                    std::type_identity_t<Real> time = Real(0)) {
  const char* expected = "a number in [0, infinity)";
  numerics::require(signal >= Real(0) && signal - signal == Real(0), "signal_noise_level", "signal", signal, expected);
  numerics::require(noise >= Real(0) && noise - noise == Real(0), "signal_noise_level", "noise", noise, expected);
  numerics::require(signal + noise > Real(0), "signal_noise_level", "noise", noise, "more than 0 where signal is 0");
  const numerics::Working<Real> s(signal), n(noise);
  return NoiseLevel<Real>(s * s, n * n, time);
}

}  // namespace diffusion
