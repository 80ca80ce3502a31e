// SPDX-License-Identifier: MIT
// The named discrete schedules of the literature, each the exact real function of its arguments.
//
// Use linear_schedule for DDPM, scaled_linear_schedule for Stable Diffusion, cosine_schedule for improved DDPM. Beware
// of names: what CompVis code calls "linear" is scaled_linear here, and its "sqrt_linear" is linear. The arguments,
// doubles by default, are taken as exact: 0.02 means the double nearest to 0.02. All arguments are checked; errors are
// std::invalid_argument.
//
// Accuracy: beta, alpha and every scalar of every level are correctly rounded, at any t and any number of steps up to
// 10^6. Source: Ho et al. 2020 and its code (linear, quadratic, constant, warm-up, Jensen-Shannon); Rombach et al. 2022
// (scaled linear); Nichol & Dhariwal 2021 (cosine); Jabri et al. 2022 (sigmoid); Lin et al. 2023 (zero terminal SNR).
#pragma once

#include "discrete_schedule.hpp"

namespace diffusion {

namespace schedule_details {

inline void require_steps(const char* function, int steps) {
  numerics::require(steps >= 1, function, "steps", steps, "at least 1");
}

template <class Real>
void require_beta(const char* function, const char* argument, const Real& beta) {
  numerics::require(beta > Real(0) && beta <= Real(1), function, argument, beta, "a number in (0, 1]");
}

/// The point k / n of the way from a to b, exact at both ends; a if n = 0.
template <class W>
W interpolate(const W& a, const W& b, int k, int n) {
  return n == 0 ? a : W((W(n - k) * a + W(k) * b) / W(n));
}

/// sine(k delta) for k = 0..n by the addition theorem, from cosine(delta) and sine(delta): of the circle for turn = -1,
/// of the hyperbola for turn = 1. All terms of the sine are positive below a quarter turn, so errors only add up.
template <class W>
std::vector<W> multiple_sines(const W& cosine, const W& sine, int turn, int n) {
  std::vector<W> sines;
  sines.reserve(static_cast<std::size_t>(n) + 1);
  W c(1), s(0);
  for (int k = 0; k <= n; ++k) {
    sines.push_back(s);
    const W next = s * cosine + c * sine;
    c = c * cosine + W(turn) * (s * sine);
    s = next;
  }
  return sines;
}

}  // namespace schedule_details

/// beta_t = beta_first + (t - 1) (beta_last - beta_first) / (T - 1). Both betas in (0, 1]. [ho2020.linear]
template <class Real = double>
DiscreteSchedule<Real> linear_schedule(int steps, std::type_identity_t<Real> beta_first = Real(1e-4),
                                       std::type_identity_t<Real> beta_last = Real(0.02)) {
  schedule_details::require_steps("linear_schedule", steps);
  schedule_details::require_beta("linear_schedule", "beta_first", beta_first);
  schedule_details::require_beta("linear_schedule", "beta_last", beta_last);
  const numerics::Working<Real> first(beta_first), last(beta_last);
  return DiscreteSchedule<Real>::from_betas(
      steps, [&](int t) { return schedule_details::interpolate(first, last, t - 1, steps - 1); });
}

/// sqrt(beta_t) linear in t: the schedule of Stable Diffusion. Both betas in (0, 1]. [rombach2022.scaled_linear]
template <class Real = double>
DiscreteSchedule<Real> scaled_linear_schedule(int steps, std::type_identity_t<Real> beta_first = Real(0.00085),
                                              std::type_identity_t<Real> beta_last = Real(0.012)) {
  using W = numerics::Working<Real>;
  schedule_details::require_steps("scaled_linear_schedule", steps);
  schedule_details::require_beta("scaled_linear_schedule", "beta_first", beta_first);
  schedule_details::require_beta("scaled_linear_schedule", "beta_last", beta_last);
  const W first = sqrt(W(beta_first)), last = sqrt(W(beta_last));
  return DiscreteSchedule<Real>::from_betas(steps, [&](int t) {
    const W root = schedule_details::interpolate(first, last, t - 1, steps - 1);
    return W(root * root);
  });
}

/// The "quad" of Ho et al. 2020's code: scaled_linear_schedule with the betas of linear_schedule.
template <class Real = double>
DiscreteSchedule<Real> quadratic_schedule(int steps, std::type_identity_t<Real> beta_first = Real(1e-4),
                                          std::type_identity_t<Real> beta_last = Real(0.02)) {
  return scaled_linear_schedule<Real>(steps, beta_first, beta_last);
}

/// beta_t = beta in (0, 1]. Ho et al. 2020's code, "const".
template <class Real = double>
DiscreteSchedule<Real> constant_schedule(int steps, std::type_identity_t<Real> beta = Real(0.02)) {
  schedule_details::require_steps("constant_schedule", steps);
  schedule_details::require_beta("constant_schedule", "beta", beta);
  return DiscreteSchedule<Real>::from_betas(steps, [&](int) { return numerics::Working<Real>(beta); });
}

/// Linear from beta_first to beta_last over the first floor(T warmup) steps, then beta_last; warmup in [0, 1]. Ho et
/// al. 2020's code, "warmup10" and "warmup50".
template <class Real = double>
DiscreteSchedule<Real> warmup_schedule(int steps, double warmup = 0.1,
                                       std::type_identity_t<Real> beta_first = Real(1e-4),
                                       std::type_identity_t<Real> beta_last = Real(0.02)) {
  schedule_details::require_steps("warmup_schedule", steps);
  numerics::require(warmup >= 0 && warmup <= 1, "warmup_schedule", "warmup", warmup, "a number in [0, 1]");
  schedule_details::require_beta("warmup_schedule", "beta_first", beta_first);
  schedule_details::require_beta("warmup_schedule", "beta_last", beta_last);
  const numerics::Working<Real> first(beta_first), last(beta_last);
  const int ramp = static_cast<int>(warmup * steps);
  return DiscreteSchedule<Real>::from_betas(
      steps, [&](int t) { return t > ramp ? last : schedule_details::interpolate(first, last, t - 1, ramp - 1); });
}

/// beta_t = 1 / (T - t + 1), so that alpha_bar_t = 1 - t / T: the data fades evenly. Ho et al. 2020's code, "jsd".
/// Its last level is pure noise. [sohldickstein2015.beta]
template <class Real = double>
DiscreteSchedule<Real> jensen_shannon_schedule(int steps) {
  using W = numerics::Working<Real>;
  schedule_details::require_steps("jensen_shannon_schedule", steps);
  return DiscreteSchedule<Real>::from_squares(
      steps, [&](int t) { return typename DiscreteSchedule<Real>::Squares{W(steps - t) / W(steps), W(t) / W(steps)}; });
}

/// alpha_bar_t = f(t) / f(0), f(t) = cos^2((t / T + offset) / (1 + offset) pi / 2), each beta cut at beta_max.
/// offset in [0, infinity), beta_max in (0, 1]. [nichol2021.17]
template <class Real = double>
DiscreteSchedule<Real> cosine_schedule(int steps, std::type_identity_t<Real> offset = Real(0.008),
                                       std::type_identity_t<Real> beta_max = Real(0.999)) {
  using W = numerics::Working<Real>;
  schedule_details::require_steps("cosine_schedule", steps);
  numerics::require(offset >= Real(0) && offset - offset == Real(0), "cosine_schedule", "offset", offset,
                    "a number in [0, infinity)");
  schedule_details::require_beta("cosine_schedule", "beta_max", beta_max);
  // Counted from the noisy end, the cosines are the sines of T - t equal angles.
  using numerics::cos_half_pi, numerics::sin_half_pi;
  const W angle = W(1) / (W(steps) * (W(1) + W(offset)));
  const auto sines = schedule_details::multiple_sines<W>(cos_half_pi(angle), sin_half_pi(angle), -1, steps);
  const W norm = sines.back() * sines.back();
  return DiscreteSchedule<Real>::from_squares(
      steps,
      [&](int t) {
        const W& cosine = sines[static_cast<std::size_t>(steps - t)];
        if (offset == Real(0)) {  // symmetric: SNR is exactly 1 in the middle
          const W& sine = sines[static_cast<std::size_t>(t)];
          return typename DiscreteSchedule<Real>::Squares{cosine * cosine, sine * sine};
        }
        const W alpha_bar = cosine * cosine / norm;
        return typename DiscreteSchedule<Real>::Squares{alpha_bar, W(1) - alpha_bar};
      },
      W(beta_max));
}

/// alpha_bar_t falls along a sigmoid: (s(end) - s(start + (end - start) t / T)) / (s(end) - s(start)), s(x) = sigmoid(x
/// / tau), each beta cut at beta_max. Normalised to alpha_bar_0 = 1. start < end, tau > 0, all finite.
/// [jabri2022.sigmoid]
template <class Real = double>
DiscreteSchedule<Real> sigmoid_schedule(int steps, std::type_identity_t<Real> start = Real(-3),
                                        std::type_identity_t<Real> end = Real(3),
                                        std::type_identity_t<Real> tau = Real(1),
                                        std::type_identity_t<Real> beta_max = Real(0.999)) {
  using W = numerics::Working<Real>;
  schedule_details::require_steps("sigmoid_schedule", steps);
  numerics::require(start - start == Real(0), "sigmoid_schedule", "start", start, "a finite number");
  numerics::require(end - end == Real(0) && start < end, "sigmoid_schedule", "end", end, "a finite number above start");
  numerics::require(tau - tau == Real(0) && tau > Real(0), "sigmoid_schedule", "tau", tau, "a finite number above 0");
  schedule_details::require_beta("sigmoid_schedule", "beta_max", beta_max);
  // A difference of sigmoids is sinh(difference / 2) / (2 cosh cosh); so SNR = sinh((T-t) d) cosh(a) / (sinh(t d)
  // cosh(b)), where nothing cancels and a symmetric schedule has SNR exactly 1 in its middle.
  const W a = W(start) / (W(2) * W(tau)), b = W(end) / (W(2) * W(tau));
  const auto step = numerics::hyperbolic<W>((b - a) / W(steps));
  const auto sines = schedule_details::multiple_sines<W>(step.cosh, step.sinh, 1, steps);
  const W cosh_a = numerics::hyperbolic(a).cosh, cosh_b = numerics::hyperbolic(b).cosh;
  return DiscreteSchedule<Real>::from_squares(
      steps,
      [&](int t) {
        const W signal = sines[static_cast<std::size_t>(steps - t)] * cosh_a;
        const W noise = sines[static_cast<std::size_t>(t)] * cosh_b, sum = signal + noise;
        return typename DiscreteSchedule<Real>::Squares{signal / sum, noise / sum};
      },
      W(beta_max));
}

/// From a table of alpha_bar_t, t = 1..T, taken as exact: in [0, 1), strictly decreasing.
template <class Real>
DiscreteSchedule<std::remove_const_t<Real>> schedule_from_alpha_bars(std::span<Real> alpha_bars) {
  using Scalar = std::remove_const_t<Real>;
  using W = numerics::Working<Scalar>;
  const char* function = "schedule_from_alpha_bars";
  numerics::require(!alpha_bars.empty() && alpha_bars.size() <= 0x7fffffff, function, "alpha_bars.size()",
                    alpha_bars.size(), "at least one");
  for (std::size_t k = 0; k < alpha_bars.size(); ++k) {
    const Scalar before = k == 0 ? Scalar(1) : alpha_bars[k - 1];
    numerics::require_element(alpha_bars[k] >= Scalar(0) && alpha_bars[k] < before, function, "alpha_bars", k,
                              alpha_bars[k], "a number in [0, 1), less than the one before");
  }
  return DiscreteSchedule<Scalar>::from_squares(static_cast<int>(alpha_bars.size()), [&](int t) {
    const W alpha_bar = t == 0 ? W(1) : W(alpha_bars[static_cast<std::size_t>(t - 1)]);
    return typename DiscreteSchedule<Scalar>::Squares{alpha_bar, W(1) - alpha_bar};
  });
}
template <class Real>
DiscreteSchedule<Real> schedule_from_alpha_bars(const std::vector<Real>& alpha_bars) {
  return schedule_from_alpha_bars(std::span<const Real>(alpha_bars));
}

/// The signals shifted and scaled so that the last level is pure noise and the first is kept:
/// signal_t <- (signal_t - signal_T) signal_1 / (signal_1 - signal_T). Needs two steps or more. [lin2023.alg1]
template <DiscreteTimeSchedule S>
auto rescale_zero_terminal_snr(const S& schedule) {
  using Real = typename level_details::LevelReal<decltype(schedule(0))>::type;
  using W = numerics::Working<Real>;
  const int steps = schedule.steps();
  numerics::require(steps >= 2, "rescale_zero_terminal_snr", "schedule.steps()", steps, "at least 2");
  const W first = sqrt(schedule(1).working_signal_squared()), last = sqrt(schedule(steps).working_signal_squared());
  return DiscreteSchedule<Real>::from_squares(steps, [&](int t) {
    const W signal = (W(sqrt(schedule(t).working_signal_squared())) - last) * first / (first - last);
    const W alpha_bar = t == 0 ? W(1) : W(signal * signal);
    return typename DiscreteSchedule<Real>::Squares{alpha_bar, W(1) - alpha_bar};
  });
}

}  // namespace diffusion
