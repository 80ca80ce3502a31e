// SPDX-License-Identifier: MIT
// Learned variances: a network that says for each element where between beta_tilde and beta its variance lies.
//
// Use predicts_noise_and_variance (or its sisters) with LearnedVarianceSampler of sampler/learned_variance.hpp where a
// chain of few steps must sample well or have a good bound. Not where only DDIM is to follow: it asks for no variance.
// The network answers a LearnedOutput; what its second part means is a type, VarianceFraction or VarianceRange.
//
// beta_tilde is 0 on the step to clean data, so the variance there is one of the caller's choices: ExactVariances keeps
// the 0, ClippedVariances takes another number. Nothing is clipped silently, a fraction beyond [0, 1] neither.
//
// Accuracy: the two log-variances are correctly rounded. Between them, scalars are correctly rounded and arrays are
// computed in double for float and otherwise in their own type.
// Source: Nichol & Dhariwal 2021, section 3.1, eq. 15.
#pragma once

#include "../process/diagonal_gaussian.hpp"
#include "../process/discrete_schedule.hpp"
#include "../process/forward.hpp"
#include "denoiser.hpp"

namespace diffusion {

/// What a network of learned variance answers: its prediction, and a number for the variance of each element.
template <class X>
struct LearnedOutput {
  X prediction, variance;
};
template <class X>
LearnedOutput(X, X) -> LearnedOutput<X>;

/// The second part is the fraction v of eq. 15: 0 for beta_tilde, 1 for beta. [nichol2021.15]
struct VarianceFraction {
  static constexpr int low = 0, width = 1;
};

/// The second part is 2 v - 1, in [-1, 1], as in the released models. [nichol2021.15]
struct VarianceRange {
  static constexpr int low = -1, width = 2;
};

/// What the variance output of a network means: `low` for beta_tilde, `low + width` for beta.
template <class C>
concept VarianceCode = requires {
  { C::low } -> std::convertible_to<int>;
  { C::width } -> std::convertible_to<int>;
};

/// The logarithms of beta_tilde and beta, or of what stands for them, in working precision.
template <class Real>
struct LogVariances {
  numerics::Working<Real> low, high;
};

/// log beta_tilde and log beta as they are. On the step to clean data the variance is then 0, without a density, but
/// for v = 1 exactly, where the formula has no value (NaN).
struct ExactVariances {
  template <class Real>
  LogVariances<Real> operator()(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    const auto [scale_squared, variance] = forward_details::transition("ExactVariances", s, t);
    const W posterior = variance / t.working_noise_squared() * s.working_noise_squared();
    return {forward_details::log_posterior_variance(posterior, scale_squared, s, t), log(variance)};
  }
};

/// The same, with `first` for log beta_tilde on the step to clean data.
template <class First = double>
struct ClippedVariances {
  First first;

  template <class Real>
  LogVariances<Real> operator()(const NoiseLevel<Real>& s, const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    LogVariances<Real> logs = ExactVariances{}(s, t);
    if (s.working_noise_squared() == W(0)) logs.low = W(first);
    return logs;
  }
};
template <class First>
ClippedVariances(First) -> ClippedVariances<First>;

/// The choice of the paper's code: log beta_tilde_2 stands for log beta_tilde_1. levels: a grid, noisiest first, that
/// ends at clean data and has at least three levels; or a schedule of at least two steps.
template <LevelBatch L>
auto second_step_variances(const L& levels) {
  const std::size_t n = std::size(levels);
  numerics::require(n >= 3, "second_step_variances", "levels.size()", n, "at least three levels");
  return ClippedVariances{q_posterior(levels[n - 2], levels[n - 3]).log_variance};
}
template <DiscreteTimeSchedule S>
auto second_step_variances(const S& schedule) {
  numerics::require(schedule.steps() >= 2, "second_step_variances", "schedule.steps()", schedule.steps(), "at least 2");
  return ClippedVariances{q_posterior(schedule(1), schedule(2)).log_variance};
}

/// log beta_tilde and log beta of a step, from the two levels.
template <class V, class Real = double>
concept VarianceBounds = requires(const V& bounds, const NoiseLevel<Real>& level) {
  { bounds(level, level) } -> std::same_as<LogVariances<Real>>;
};

namespace learned_details {

/// The log-variances of the kind and shape of `first`.
template <class Code, class Real, class Out, class X, class Y>
auto log_variance(const char* function, const LogVariances<Real>& logs, Out& out, const Named<X>& first,
                  const Named<Y>& output) {
  const auto between = []<class W>(const W& low, const W& high, const W& value) {
    const W above = value - W(Code::low), below = W(Code::width) - above;
    return W((above * high + below * low) / W(Code::width));  // exact at both ends
  };
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    using S = sum_t<X>;
    const S low = static_cast<S>(numerics::round_to<Real>(logs.low));
    const S high = static_cast<S>(numerics::round_to<Real>(logs.high));
    const auto body = [&](T* target, std::size_t size, const T*, const T* values) {
      for (std::size_t i = 0; i < size; ++i) target[i] = static_cast<T>(between(low, high, S(values[i])));
    };
    return state_details::with_elements(function, out, body, first, output);
  } else {
    using W = numerics::Working<X>;
    const W value(static_cast<const X&>(output.state));
    const X result = numerics::round_to<X>(between(W(logs.low), W(logs.high), value));
    if constexpr (std::same_as<Out, NewState>)
      return result;
    else
      out.target = result;
  }
}

}  // namespace learned_details

/// v log beta + (1 - v) log beta_tilde for each element of a network's variance output. [nichol2021.15]
template <VarianceCode Code = VarianceFraction, Level L, NormedState X,
          VarianceBounds<level_real_t<L>> B = ExactVariances, Destination Out = NewState>
auto learned_log_variance(const L& s, const L& t, const X& output, const B& bounds = {}, Out out = {}) {
  const Named named{"output", output};
  return learned_details::log_variance<Code>("learned_log_variance", bounds(s, t), out, named, named);
}

/// p(x_s | x_t): the mean of the posterior at x_0_hat, with the variance that the network's variance output says.
/// [nichol2021.15]
template <VarianceCode Code = VarianceFraction, Level L, NormedState X, CompatibleState<X> X0, CompatibleState<X> Y,
          VarianceBounds<level_real_t<L>> B = ExactVariances>
auto learned_reverse(const L& s, const L& t, const X& x_t, const X0& x_0_hat, const Y& output, const B& bounds = {}) {
  using V = value_t<X>;
  const auto c = q_posterior(s, t);
  NewState out;
  V mean = apply_row("learned_reverse", std::array{c.xt, c.x0}, out, Named{"x_t", x_t}, Named{"x_0_hat", x_0_hat});
  V log_variance = learned_details::log_variance<Code>("learned_reverse", bounds(s, t), out, Named{"x_t", x_t},
                                                       Named{"output", output});
  return DiagonalGaussian<V>{std::move(mean), std::move(log_variance)};
}

/// An estimate of x_0 with the variance output that came with it.
template <class X>
struct LearnedEstimate {
  X x_0, variance;
};

/// A callable network(x_t, level) that answers the two parts.
template <class Net, class X, class L>
concept LearnedNetwork = requires(Net& net, const X& x_t, const L& level) {
  { net(x_t, level).prediction } -> CompatibleState<X>;
  { net(x_t, level).variance } -> CompatibleState<X>;
};

/// A network of learned variance with what its two parts are; as a Denoiser, its estimate of x_0. At a batch of levels
/// where the network takes one.
template <class Prediction, VarianceCode Code, class Net>
struct PredictsVariance {
  using prediction = Prediction;
  using code = Code;
  Net net;

  template <State X, Levels L>
    requires LearnedNetwork<const Net, X, L>
  LearnedEstimate<value_t<X>> estimate(const X& x_t, const L& level) const {
    return from(x_t, level, net(x_t, level));
  }
  template <State X, Levels L>
    requires LearnedNetwork<Net, X, L>
  LearnedEstimate<value_t<X>> estimate(const X& x_t, const L& level) {
    return from(x_t, level, net(x_t, level));
  }
  template <State X, Levels L>
    requires LearnedNetwork<const Net, X, L>
  value_t<X> operator()(const X& x_t, const L& level) const {
    return estimate(x_t, level).x_0;
  }
  template <State X, Levels L>
    requires LearnedNetwork<Net, X, L>
  value_t<X> operator()(const X& x_t, const L& level) {
    return estimate(x_t, level).x_0;
  }

 private:
  static auto from(const auto& x_t, const auto& level, const auto& output) {
    return LearnedEstimate<value_t<decltype(x_t)>>{Prediction::x0(level, x_t, output.prediction),
                                                   prediction_details::copy("variance", output.variance, NewState{})};
  }
};

/// Denoisers with a learned variance, from networks.
template <VarianceCode Code = VarianceFraction, class Net>
PredictsVariance<NoisePrediction, Code, Net> predicts_noise_and_variance(Net net) {
  return {std::move(net)};
}
template <VarianceCode Code = VarianceFraction, class Net>
PredictsVariance<X0Prediction, Code, Net> predicts_x0_and_variance(Net net) {
  return {std::move(net)};
}
template <VarianceCode Code = VarianceFraction, class Net>
PredictsVariance<VPrediction, Code, Net> predicts_v_and_variance(Net net) {
  return {std::move(net)};
}

namespace learned_details {

/// What the variance output of a denoiser means, and its estimates, clipped as clip_x0 says.
template <class D>
struct CodeOf {
  using type = typename D::code;
};
template <class D>
struct CodeOf<ClippedDenoiser<D>> : CodeOf<D> {};

template <class D, class X, class L>
LearnedEstimate<X> estimate(D& denoiser, const X& x_t, const L& level) {
  if constexpr (requires { denoiser.estimate(x_t, level); }) {
    return denoiser.estimate(x_t, level);
  } else {
    LearnedEstimate<X> inner = learned_details::estimate(denoiser.denoiser, x_t, level);
    const auto x_0 = [&inner](const X&, const L&) -> const X& { return inner.x_0; };
    X clipped = clip_x0(x_0, denoiser.low, denoiser.high)(x_t, level);
    return {std::move(clipped), std::move(inner.variance)};
  }
}

}  // namespace learned_details

}  // namespace diffusion
