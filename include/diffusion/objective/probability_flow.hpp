// SPDX-License-Identifier: MIT
// The probability-flow ODE of a denoiser: the exact likelihood of a state by the change of variables along it, and the
// way between data and latent state.
//
// Use flow_log_likelihood for log p of held-out data under a trained model, where elbo() gives only a bound: in the
// limit of its tolerance it is the density of what the deterministic sampler generates. flow_transport encodes data, or
// generates them. The data are a state at a level s with some noise, such as schedule(1e-5): the field has no
// value at clean data, and data on a grid of grey levels or on a surface have no density. For data x_0 take x_s =
// signal x_0 at a small level, or a draw of q_sample; spread grey levels over their bins first (dequantization.hpp),
// whose widths then make a density a bound on a probability.
//
// The state is divided by sqrt(signal^2 + noise^2) and followed in the angle u, tan(pi u / 2) = noise / signal: there
// the field is the v of v-prediction, finite from almost clean data to pure noise, and the same for variance preserving
// and exploding levels. What that scaling does to a density is counted exactly.
//
// Accuracy: that of the tolerance; `error` estimates it. Each step's difference of two orders, in the log-density and
// in the state, the latter carried to the end by the score that the denoiser implies, is an error of the lower order;
// their sizes are summed. It is an estimate, not a bound: of 9000 random Gaussians and mixtures of up to four
// dimensions it is above the true error in all at a tolerance of 1e-7, in all but one at 1e-6 (by a factor of 50 in the
// median, and 1.2 times too small in that one), and in all but nine at 1e-5 (4.4 times); above that it may be ten times
// too small. The test [.survey] counts them. Neither order sees a network's kinks between the stages of a step.
// Rounding errors of the denoiser are magnified by the signal-to-noise ratio of s. Source: Song et al. 2021,
// section 4.3, eq. 13, and appendix D.2, eq. 39 and 40; Chen et al. 2018, theorem 1; Salimans & Ho 2022 for the angle.
#pragma once

#include "../model/jacobian.hpp"
#include "../process/continuous_schedules.hpp"
#include "../process/discrete_schedule.hpp"
#include "../state/runge_kutta.hpp"

namespace diffusion {

/// A schedule with a level at every log-SNR between its ends: one in continuous time with time_at, or one of
/// steps 1..T, variance preserving, which is continued between its steps linearly in the angle: the network is told
/// fractions.
template <class S>
concept FlowSchedule = DiscreteTimeSchedule<S> ||
                       (ContinuousTimeSchedule<S> && requires(const S& schedule) { schedule.time_at(schedule(0.5)); });

namespace flow_details {

template <FlowSchedule T>
auto noisiest(const T& schedule) {
  using Real = level_real_t<decltype(schedule(1))>;
  if constexpr (DiscreteTimeSchedule<T>)
    return schedule(int(schedule.steps()));
  else
    return schedule(Real(1));
}

/// The levels of a schedule by the angle u, in S: the time of the cosine schedule whose level has the same log-SNR.
template <class S, FlowSchedule T>
struct Angles {
  using Level = decltype(noisiest(std::declval<const T&>()));
  using Real = level_real_t<Level>;
  const T& schedule;
  CosineLogSnrSchedule<S> cosine{};

  S of(const Level& level) const {
    return cosine.time_at(NoiseLevel<S>(level.working_signal_squared(), level.working_noise_squared(), S(0)));
  }
  Level operator()(const S& u) const {
    const NoiseLevel<S> at = cosine(u);
    const auto level = [&](const Real& time) {
      return Level(at.working_signal_squared(), at.working_noise_squared(), time);
    };
    if constexpr (DiscreteTimeSchedule<T>) {
      const Level reached = level(Real(0));
      int k = 1, last = int(schedule.steps());  // schedule(k) is not noisier, schedule(last) noisier or the last
      while (last - k > 1) {
        const int middle = k + (last - k) / 2;
        (is_cleaner(reached, schedule(middle)) ? last : k) = middle;
      }
      const S below = of(schedule(k)), above = of(schedule(last));
      return level(static_cast<Real>(S(k) + (u - below) / (above - below)));
    } else {
      return schedule(schedule.time_at(level(Real(0))));
    }
  }
};

/// The state over sqrt(signal^2 + noise^2).
template <class S, Level L>
S scale(const L& level) {
  using W = numerics::Working<level_real_t<L>>;
  return numerics::round_to<S>(W(sqrt(W(level.working_signal_squared() + level.working_noise_squared()))));
}

template <class X, class S>
X scaled(const char* function, const X& x, const S& factor) {
  NewState fresh;
  return apply_row(function, std::array{factor}, fresh, Named{"x", x});
}

/// The way between two levels, and the field along it.
template <class X, FlowSchedule T>
struct Way {
  using S = sum_t<X>;
  using Path = Angles<S, T>;
  using Level = typename Path::Level;
  const char* function;
  Path angle;
  Level from, to;
  S u_from, u_to;

  Way(const char* name, const T& schedule, const Level& a, const Level& b)
      : function(name), angle{schedule}, from(a), to(b) {
    check("s", from);
    check("t", to);
    u_from = angle.of(from);
    u_to = angle.of(to);
  }

  /// The level at u; at the ends the very ones that were given.
  Level at(const S& u) const { return u == u_from ? from : u == u_to ? to : angle(u); }

  /// v in the unit of u, y' = (pi / 2) (signal x - (signal^2 + noise^2) x_0_hat) / (noise sqrt(signal^2 + noise^2)) for
  /// x = y sqrt(signal^2 + noise^2).
  struct Field {
    S y, x_0_hat, divergence, scale, signal_to_noise;
  };
  Field field(const Level& level) const {
    using W = numerics::Working<level_real_t<Level>>;
    const W signal = sqrt(level.working_signal_squared()), noise = sqrt(level.working_noise_squared());
    const W total = level.working_signal_squared() + level.working_noise_squared(), root = sqrt(total);
    const W turn = numerics::pi<W>() / W(2);
    return {numerics::round_to<S>(W(turn * signal / noise)), numerics::round_to<S>(W(-turn * root / noise)),
            numerics::round_to<S>(W(-turn * total / noise)), numerics::round_to<S>(root),
            numerics::round_to<S>(W(signal / noise))};
  }
  template <class D>
  X slope(D& denoiser, const Level& level, const Field& field, const X& y, X& x) const {
    x = scaled(function, y, field.scale);
    const X x_0_hat = denoiser(static_cast<const X&>(x), level);
    NewState fresh;
    return apply_row(function, std::array{field.y, field.x_0_hat}, fresh, Named{"y", y}, Named{"x_0_hat", x_0_hat});
  }

 private:
  void check(const char* name, const Level& level) const {
    if (!(level.working_noise_squared() > typename Level::Working(0)))
      numerics::require(false, function, name, level.log_snr(), "a level with noise; its log-SNR");
    if constexpr (DiscreteTimeSchedule<T>) {
      const auto& schedule = angle.schedule;
      using W = typename Level::Working;
      const W excess = numerics::absolute(W(level.working_signal_squared() + level.working_noise_squared() - W(1)));
      if (is_cleaner(level, schedule(1)) || is_cleaner(noisiest(schedule), level) ||
          !(excess <= numerics::working_tolerance<W>()))
        numerics::require(false, function, name, level.log_snr(), "a level from 1 to T; its log-SNR");
    } else {
      (void)angle.schedule.time_at(level);
    }
  }
};

template <class X>
value_t<X> checked(const char* function, const X& x) {
  numerics::require(dimension(x) >= 1, function, "x: elements", dimension(x), "at least 1");
  const auto square = squared_norm(x);
  numerics::require(square - square == decltype(square)(0), function, "x", numerics::round_to<sum_t<X>>(square),
                    "finite elements; their squared norm");
  NewState fresh;
  return apply_row(function, std::array{sum_t<X>(1)}, fresh, Named{"x", x});
}

}  // namespace flow_details

/// Where the flow of the denoiser takes x from level s to level t of the schedule, in either direction: from data to
/// the latent state that generates them, or the other way. s and t are levels of the schedule with noise, s with a
/// signal if t has one. [song2021.13]
template <FlowSchedule T, NormedState X, class D, class L = typename flow_details::Angles<sum_t<X>, T>::Level>
  requires Denoiser<D, X, L>
value_t<X> flow_transport(const T& schedule, const L& s, const L& t, const X& x, D&& denoiser,
                          const StepControl& control = {}) {
  using V = value_t<X>;
  using S = sum_t<X>;
  const char* function = "flow_transport";
  const flow_details::Way<V, T> way(function, schedule, s, t);
  const V start = flow_details::checked(function, x);
  V at_level = start;
  const auto f = [&](const S& u, const V& y) {
    const L level = way.at(u);
    return Slope<V>{way.slope(denoiser, level, way.field(level), y, at_level), {}};
  };
  const V y = flow_details::scaled(function, start, S(S(1) / way.field(s).scale));
  const auto result = integrate(function, dormand_prince, f, way.u_from, way.u_to, y, control);
  return flow_details::scaled(function, result.y, way.field(t).scale);
}

/// log N(x; 0, v I) of a state at the last level, what samplers start from: v = 1, or noise^2 where the signal is 1.
struct SamplingPrior {
  template <NormedState X, Level L>
  sum_t<X> operator()(const X& x, const L& level) const {
    using S = sum_t<X>;
    using W = numerics::Working<S>;
    const bool exploding = level.signal() == level_real_t<L>(1);
    const W v = exploding ? W(level.working_noise_squared()) : W(1), d(static_cast<double>(dimension(x)));
    return numerics::round_to<S>(W((d * log(W(W(2) * numerics::pi<W>() * v)) + squared_norm(x) / v) / W(-2)));
  }
};

/// The likelihood of a state, in nats, summed over its elements.
template <class X>
struct FlowLikelihood {
  using S = sum_t<X>;
  S log_likelihood;
  /// An estimate of what integration got wrong; of the mean over probes.
  S error;
  /// Of the mean over probes: 0 for an exact divergence, NaN of one probe, which tells nothing.
  S standard_error;
  int evaluations;  // of the denoiser, each with its divergence
  X latent;         // the state at the last level

  /// -log_likelihood / (dimension log 2).
  S bits_per_dimension() const {
    using W = numerics::Working<S>;
    return numerics::round_to<S>(
        W(W(log_likelihood) / (W(static_cast<double>(dimension(latent))) * W(-1) * log(W(2)))));
  }
};

/// log p_s(x) of a state at level s under the flow of the denoiser: the log-density of its latent state under the prior
/// plus the integral of the divergence of the field. s: a level of the schedule with noise. divergence:
/// ExactDivergence, HutchinsonDivergence or GivenDivergence. prior(x_T, level) -> its log-density in nats. The
/// tolerance bounds, for each step, the error of the state as StateError does, plus what it adds to `error` per
/// element. [song2021.39] [chen2018.trace]
template <FlowSchedule T, NormedState X, class D, class Divergence = ExactDivergence, class Prior = SamplingPrior,
          class L = typename flow_details::Angles<sum_t<X>, T>::Level>
  requires Denoiser<D, X, L>
FlowLikelihood<value_t<X>> flow_log_likelihood(const T& schedule, const L& s, const X& x, D&& denoiser,
                                               const Divergence& divergence = {}, const StepControl& control = {},
                                               const Prior& prior = {}) {
  using V = value_t<X>;
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function = "flow_log_likelihood";
  const flow_details::Way<V, T> way(function, schedule, s, flow_details::noisiest(schedule));
  const V start = flow_details::checked(function, x);
  const S d(static_cast<double>(dimension(start)));
  const auto values = divergence.prepared(start);
  const std::size_t count = values.count();
  V at_level = start;
  S signal_to_noise(0);  // where the slope was asked for last: at the end of the step
  const auto f = [&](const S& u, const V& y) {
    const L level = way.at(u);
    const auto field = way.field(level);
    Slope<V> slope{way.slope(denoiser, level, field, y, at_level), std::vector<S>(count)};
    values(denoiser, static_cast<const V&>(at_level), level, std::span<S>(slope.integrands));
    for (S& value : slope.integrands) value = d * field.y + field.divergence * value;
    signal_to_noise = field.signal_to_noise;
    return slope;
  };
  const auto mean = [&](const std::vector<S>& of) {
    S sum(0);
    for (const S& value : of) sum = sum + value;
    return S(sum / S(static_cast<double>(count)));
  };
  // An error e of y changes the rest of the way by <score, e>, with the score -y - (signal / noise) v of the denoiser.
  const S turn = numerics::round_to<S>(W(W(2) / numerics::pi<W>()));
  const auto measure = [&](const RungeKuttaStep<V>& step) {
    const auto product = [&](const V& a) {
      return numerics::round_to<S>(inner_product(function, Named{"y", a}, Named{"error", step.y_error}));
    };
    const S of_state = product(step.y) + signal_to_noise * turn * product(step.slope.y);
    const S error = numerics::absolute(mean(step.gain_errors)) + numerics::absolute(of_state);
    return StepError<S>{StateError{}(step).measure + numerics::shown(error) / numerics::shown(d), error};
  };
  const S scale_s = way.field(s).scale, scale_t = way.field(way.to).scale;
  const V y = flow_details::scaled(function, start, S(S(1) / scale_s));
  const auto result = integrate(function, dormand_prince, f, way.u_from, way.u_to, y, control, measure);
  V latent = flow_details::scaled(function, result.y, scale_t);
  const S scaling = d * numerics::round_to<S>(W(log(W(W(scale_t) / W(scale_s))))), average = mean(result.integrals);
  S squares(0);
  for (const S& value : result.integrals) squares = squares + (value - average) * (value - average);
  const S n(static_cast<double>(count));
  S standard_error = numerics::round_to<S>(W(sqrt(W(W(squares) / (W(n) * (W(n) - W(1)))))));
  if constexpr (decltype(values)::exact) standard_error = S(0);
  const S of_prior = prior(static_cast<const V&>(latent), static_cast<const L&>(way.to));
  return {of_prior + scaling + average, result.error, standard_error, result.evaluations, std::move(latent)};
}

}  // namespace diffusion
