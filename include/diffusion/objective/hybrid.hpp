// SPDX-License-Identifier: MIT
// The hybrid loss of learned variances, L_simple + lambda L_vlb, as a number and as the gradient that training needs.
//
// Use hybrid_loss with a network of model/learned_variance.hpp: the prediction learns from L_simple alone and the
// variance from L_vlb alone, in which the mean is a constant (a stop-gradient). The split is in what is returned: the
// gradients with respect to the two outputs of the network, to be propagated back by any framework.
// learned_vlb_term is the term of the bound itself, for evaluation. Not for a network of fixed variance: simple_loss.
//
// Accuracy: of the terms as diagonal_gaussian.hpp and decoder.hpp; of the gradients of the variance, an absolute error
// of some units of rounding of their larger part.
// Source: Nichol & Dhariwal 2021, section 3.1, eq. 16.
#pragma once

#include "../model/learned_variance.hpp"
#include "decoder.hpp"
#include "training.hpp"

namespace diffusion {

namespace hybrid_details {

/// term(elements), in S for arrays and in working precision for scalars.
template <class Term, class Out, class X, class... Rest>
auto elements(const char* function, const Term& term, Out& out, const Named<X>& first, const Named<Rest>&... rest) {
  using S = sum_t<X>;
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    const auto body = [&term](T* target, std::size_t size, const auto*... e) {
      for (std::size_t i = 0; i < size; ++i) target[i] = static_cast<T>(term(S(e[i])...));
    };
    return state_details::with_elements(function, out, body, first, rest...);
  } else {
    using W = numerics::Working<X>;
    const X result = numerics::round_to<X>(W(term(W(first.state), W(static_cast<const X&>(rest.state))...)));
    if constexpr (std::same_as<Out, NewState>)
      return result;
    else
      out.target = result;
  }
}

/// The derivative of -log P(bin of x) in the log-variance: (b phi(b) - a phi(a)) / (2 P) for the edges a < b of the bin
/// in deviations.
template <class W>
W decoder_slope(const W& x, const W& mean, const W& log_variance, const GreyLevels& grey) {
  const W step = (W(grey.high) - W(grey.low)) / W(std::int64_t(grey.levels) - 1), half = step / W(2);
  const W scale = exp(W(log_variance / W(-2))), a = (x - mean - half) * scale, b = (x - mean + half) * scale;
  const bool lowest = x<W(grey.low) + step / W(8), highest = x> W(grey.high) - step / W(8);
  const W log_p = lowest    ? numerics::log_normal_tail(W(-b))
                  : highest ? numerics::log_normal_tail(a)
                            : numerics::log_normal_interval(a, b);
  const auto part = [&](const W& z) {
    return W(z * exp(W(z * z / W(-2) - log_p)) / (W(2) * sqrt(W(W(2) * numerics::pi<W>()))));
  };
  return lowest ? part(b) : highest ? W(-part(a)) : W(part(b) - part(a));
}

/// What a step of the bound needs of two levels.
template <class W>
struct StepParts {
  W x0, log_variance;  // of q_posterior
};
template <class Real>
StepParts<numerics::Working<Real>> step_parts(const char* function, const NoiseLevel<Real>& s,
                                              const NoiseLevel<Real>& t) {
  using W = numerics::Working<Real>;
  const auto q = forward_details::transition(function, s, t);
  const W variance = q.variance / t.working_noise_squared() * s.working_noise_squared();
  return {forward_details::posterior_mean(q, s, t).x0,
          forward_details::log_posterior_variance(variance, q.scale_squared, s, t)};
}

/// exp(log_q - log_p) - 1, for log_p an element in S or in working precision.
template <class S, class E>
E expm1_difference(const gaussian_details::Split<S>& log_q, const E& log_p) {
  using W = numerics::Working<S>;
  if constexpr (std::same_as<E, double>) {
    const auto parts = gaussian_details::fast_parts(log_q, gaussian_details::Split<double>(log_p));
    return parts.tangent + parts.x;
  } else {
    const W d = log_q.whole() - W(log_p), result = gaussian_details::exp_minus_tangent(d) + d;
    if constexpr (std::same_as<E, W>)
      return result;
    else
      return numerics::round_to<E>(result);
  }
}

}  // namespace hybrid_details

/// The term of the bound of one step, in nats, for a reverse step with these log-variances and the mean of the
/// posterior at x_0_hat: KL(q(x_s | x_t, x_0) || p(x_s | x_t)), for any x_t, or, where s is clean data,
/// -log p(x_0 | x_t). [nichol2021.vlb]
template <Level L, NormedState X, CompatibleState<X> Y, CompatibleState<X> V, LastStep D = GaussianDecoder>
sum_t<X> learned_vlb_term(const L& s, const L& t, const X& x_0, const Y& x_0_hat, const V& log_variance,
                          const D& last = {}) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function = "learned_vlb_term";
  const Named first{"x_0", x_0};
  const Named second{"x_0_hat", x_0_hat};
  const Named third{"log_variance", log_variance};
  const auto parts = hybrid_details::step_parts(function, s, t);
  if (s.working_noise_squared() == numerics::Working<level_real_t<L>>(0)) {
    NewState out;
    const auto copy = [](const auto&, const auto& e) { return e; };
    const value_t<X> mean = hybrid_details::elements(function, copy, out, first, second);
    if constexpr (std::same_as<D, GreyLevels>) {
      const auto half = [](const auto&, const auto& e) { return e / std::remove_cvref_t<decltype(e)>(2); };
      const value_t<X> log_scale = hybrid_details::elements(function, half, out, first, third);
      return -discretized_gaussian_log_likelihood(x_0, mean, log_scale, last);
    } else {
      value_t<X> logs = hybrid_details::elements(function, copy, out, first, third);
      return -log_density(DiagonalGaussian<value_t<X>>{mean, std::move(logs)}, x_0);
    }
  }
  if constexpr (StoredState<X>) {
    return gaussian_details::sum_of_divergences<S>(function, numerics::round_to<S>(W(parts.x0)), first, second,
                                                   gaussian_details::Split<S>::of(W(parts.log_variance)), third);
  } else {
    const W difference = W(x_0) - W(static_cast<const X&>(x_0_hat));
    return numerics::round_to<S>(gaussian_details::divergence(W(W(parts.x0) * difference), W(parts.log_variance),
                                                              W(static_cast<const X&>(log_variance))));
  }
}

/// The derivative of learned_vlb_term in each log-variance, x_0_hat being held: (1 - exp(log beta_tilde - log_variance)
/// - x0^2 (x_0 - x_0_hat)^2 exp(-log_variance)) / 2, without the first exponential where s is clean and the last step
/// a density. [nichol2021.vlb]
template <Level L, NormedState X, CompatibleState<X> Y, CompatibleState<X> V, LastStep D = GaussianDecoder,
          Destination Out = NewState>
auto learned_vlb_gradient(const L& s, const L& t, const X& x_0, const Y& x_0_hat, const V& log_variance,
                          const D& last = {}, Out out = {}) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function = "learned_vlb_gradient";
  const auto parts = hybrid_details::step_parts(function, s, t);
  const bool clean = s.working_noise_squared() == numerics::Working<level_real_t<L>>(0);
  if constexpr (std::same_as<D, GreyLevels>)
    if (clean) decoder_details::require_levels(function, last, Named{"x_0", x_0});
  const auto log_q = gaussian_details::Split<S>::of(W(parts.log_variance));
  const auto slope = [&]<class E>(const E& a, const E& b, const E& log_p) -> E {
    const auto as = [](const W& value) {
      if constexpr (std::same_as<E, W>)
        return value;
      else
        return numerics::round_to<E>(value);
    };
    if constexpr (std::same_as<D, GreyLevels>)
      if (clean) return as(hybrid_details::decoder_slope(W(a), W(b), W(log_p), last));
    const E difference = as(W(parts.x0)) * (a - b);
    // exp may overflow
    const E quadratic = difference == E(0) ? E(0) : E(difference * (difference * numerics::exp_of(E(-log_p))));
    if (clean) return (E(1) - quadratic) / E(2);
    return -(hybrid_details::expm1_difference(log_q, log_p) + quadratic) / E(2);
  };
  return hybrid_details::elements(function, slope, out, Named{"x_0", x_0}, Named{"x_0_hat", x_0_hat},
                                  Named{"log_variance", log_variance});
}

/// L_simple + vlb_weight L at one step, and its gradients in the two parts of the network's output: d simple /
/// d prediction, and vlb_weight d vlb / d variance. The third one, of vlb in the prediction, is left out: that is the
/// stop-gradient of eq. 16.
template <class X>
struct HybridLoss {
  sum_t<X> simple, vlb, total;  // means over the elements, vlb in nats
  X prediction_gradient, variance_gradient;
};

/// The hybrid loss of one step for x_t = signal x_0 + noise eps and the output of a network at x_t; Prediction says
/// what its prediction is and Code what its variance output is. vlb_weight multiplies the term of this step: for a step
/// drawn uniformly from 1..T, eq. 16 is lambda T, and 0.001 T in the paper. The released code is 0.001 T with the term
/// in bits, 0.001 T / log 2. bounds must have a finite low end where s is clean: second_step_variances is the paper's
/// choice. [nichol2021.16]
template <class Prediction, VarianceCode Code = VarianceFraction, Level L, NormedState X, CompatibleState<X> E,
          CompatibleState<X> Y, VarianceBounds<level_real_t<L>> B, LastStep D = GaussianDecoder>
auto hybrid_loss(const L& s, const L& t, const X& x_0, const E& eps, const LearnedOutput<Y>& output, const B& bounds,
                 const sum_t<X>& vlb_weight, const D& last = {}) {
  using V = value_t<X>;
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const char* function = "hybrid_loss";
  NewState out;
  const V target = Prediction::target(t, x_0, eps);
  const V x_0_hat = Prediction::x0(t, q_sample(t, x_0, eps), output.prediction);
  const auto logs = bounds(s, t);
  const V log_variance =
      learned_details::log_variance<Code>(function, logs, out, Named{"x_0", x_0}, Named{"output", output.variance});
  const S simple = simple_loss(target, output.prediction);
  const W n(static_cast<double>(dimension(x_0)));
  const S vlb = numerics::round_to<S>(W(W(learned_vlb_term(s, t, x_0, x_0_hat, log_variance, last)) / n));

  const S twice = numerics::round_to<S>(W(W(2) / n));
  V prediction_gradient = hybrid_details::elements(
      function, [&]<class F>(const F& wanted, const F& answer) { return F(F(twice) * (answer - wanted)); }, out,
      Named{"target", target}, Named{"prediction", output.prediction});
  // d log_variance / d output is the same everywhere: (log beta - log beta_tilde) / width
  const W chain = W(vlb_weight) * (W(logs.high) - W(logs.low)) / (W(Code::width) * n);
  const S factor = numerics::round_to<S>(chain);
  const V slopes = learned_vlb_gradient(s, t, x_0, x_0_hat, log_variance, last);
  V variance_gradient = apply_row(function, std::array{factor}, out, Named{"slopes", slopes});
  return HybridLoss<V>{simple, vlb, numerics::round_to<S>(W(W(simple) + W(vlb_weight) * W(vlb))),
                       std::move(prediction_gradient), std::move(variance_gradient)};
}

}  // namespace diffusion
