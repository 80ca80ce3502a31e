// SPDX-License-Identifier: MIT
// Weights of the training loss: how much an error counts at each level of noise.
//
// A weight is the factor of ||x_0 - x_0_hat||^2, a function of the level. loss_weight(weight, prediction, level) is the
// factor of the error of what the network predicts that makes the same loss, hence the same gradient, for every
// prediction: "min-SNR" for a v network is the same objective as for a noise network, not a formula of its own. Use
// SnrWeight for Ho et al., Unweighted<P> for the plain mean of squares of another prediction P, EdmWeight,
// MinSnrWeight, P2Weight or SigmoidWeight for samples, VlbWeight and VdmWeight for likelihood; or a callable of your
// own.
//
// A weight belongs to a distribution of levels: all but VlbWeight and VdmWeight are meant as the papers mean them,
// times the distribution that the paper samples. At clean data and at pure noise a weight is its limit, which may be 0
// or infinite; a paper's ratio of two infinite terms is not computed as such.
//
// Accuracy: loss_weight is correctly rounded; losses are as accurate as the squared norms of norm.hpp.
// Source: Ho et al. 2020; Kingma et al. 2021; Salimans & Ho 2022; Choi et al. 2022; Karras et al. 2022; Hang et al.
// 2023; Kingma & Gao 2023.
#pragma once

#include "../model/edm_prediction.hpp"
#include "../model/prediction.hpp"
#include "../process/discrete_schedule.hpp"
#include "../process/step_variance.hpp"
#include "../state/norm.hpp"

namespace diffusion {

/// value (signal^2)^signal (noise^2)^noise: a function of a level, with the powers that vanish at one of the ends kept
/// apart, so that in a product they cancel before they are computed.
template <class W>
struct LevelMonomial {
  W value, signal, noise;

  friend LevelMonomial operator*(const LevelMonomial& a, const LevelMonomial& b) {
    return {a.value * b.value, a.signal + b.signal, a.noise + b.noise};
  }
};

namespace weight_details {

/// x^p for x >= 0 and finite p; 0^0 is 1.
template <class W>
W power(const W& x, const W& p) {
  return p == W(0) ? W(1) : W(exp(W(p * log(x))));
}

template <class Real>
using MonomialOf = LevelMonomial<numerics::Working<Real>>;

/// What a weight or a factor returned: a monomial, or a number.
template <class Real, class R>
MonomialOf<Real> monomial(const R& result) {
  using W = numerics::Working<Real>;
  if constexpr (std::same_as<R, MonomialOf<Real>>)
    return result;
  else
    return {W(result), W(0), W(0)};
}

template <class Real, class R>
concept Number = std::same_as<R, MonomialOf<Real>> || requires(const R& result) { numerics::Working<Real>(result); };

}  // namespace weight_details

/// x0_error_factor(prediction, t) = ||x_0 - x_0_hat||^2 / ||target - output||^2 at one x_t: the square of the factor of
/// the output in x_0_hat. A prediction of your own has an overload in its namespace, which may return a number.
template <class Real>
auto x0_error_factor(const X0Prediction&, const NoiseLevel<Real>&) {
  using W = numerics::Working<Real>;
  return LevelMonomial<W>{W(1), W(0), W(0)};
}
/// noise^2 / signal^2 = 1 / SNR.
template <class Real>
auto x0_error_factor(const NoisePrediction&, const NoiseLevel<Real>&) {
  using W = numerics::Working<Real>;
  return LevelMonomial<W>{W(1), W(-1), W(1)};
}
/// noise^2 / (signal^2 + noise^2)^2, which is 1 / (SNR + 1) when variance preserving.
template <class Real>
auto x0_error_factor(const VPrediction&, const NoiseLevel<Real>& t) {
  using W = numerics::Working<Real>;
  const W total = conversion_details::total(t);
  return LevelMonomial<W>{W(1) / (total * total), W(0), W(1)};
}
/// noise^4 / signal^2.
template <class Real>
auto x0_error_factor(const ScorePrediction&, const NoiseLevel<Real>&) {
  using W = numerics::Working<Real>;
  return LevelMonomial<W>{W(1), W(-1), W(2)};
}
/// c_out^2 = sigma^2 sigma_data^2 / (sigma^2 + sigma_data^2).
template <class Real>
auto x0_error_factor(const EdmPrediction& prediction, const NoiseLevel<Real>& t) {
  using W = numerics::Working<Real>;
  prediction.check();
  const W data(prediction.sigma_data);
  return LevelMonomial<W>{data * data / prediction.total(t), W(0), W(1)};
}

/// A prediction whose errors can be told from those of x_0.
template <class P, class Real = double>
concept WeightedPrediction = requires(const P& prediction, const NoiseLevel<Real>& level) {
  requires weight_details::Number<Real, decltype(x0_error_factor(prediction, level))>;
};

/// A weight of the error of x_0: a callable of the level that returns a LevelMonomial or a number.
template <class F, class Real = double>
concept LossWeight = requires(const F& weight, const NoiseLevel<Real>& level) {
  requires weight_details::Number<Real, decltype(weight(level))>;
};

/// Weight 1 on the error of a prediction: the plain mean of squares. For x_0 it is 1, for v it is the "SNR + 1" of
/// Salimans & Ho.
template <class Prediction>
struct Unweighted {
  Prediction prediction{};

  template <class Real>
    requires WeightedPrediction<Prediction, Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    const auto factor = weight_details::monomial<Real>(x0_error_factor(prediction, t));
    return LevelMonomial<W>{W(1) / factor.value, -factor.signal, -factor.noise};
  }
};
template <class Prediction>
Unweighted(Prediction) -> Unweighted<Prediction>;

/// SNR on x_0, 1 on the noise: the simple loss. [salimans2022.snr_weight]
using SnrWeight = Unweighted<NoisePrediction>;

/// (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 on x_0, 1 on F. EDM draws sigma from log_normal_levels.
/// [karras2022.weight]
using EdmWeight = Unweighted<EdmPrediction>;

/// max(SNR, 1) on x_0: the larger of the errors of x_0 and of the noise. [salimans2022.truncated_snr]
struct TruncatedSnrWeight {
  template <class Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    if (t.working_signal_squared() > t.working_noise_squared()) return LevelMonomial<W>{W(1), W(1), W(-1)};
    return LevelMonomial<W>{W(1), W(0), W(0)};
  }
};

/// min(SNR, gamma) on x_0, hence min(SNR, gamma) / SNR on the noise and min(SNR, gamma) / (SNR + 1) on v.
/// gamma > 0, finite. [hang2023.min_snr]
struct MinSnrWeight {
  double gamma = 5;

  template <class Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    numerics::require(gamma > 0 && gamma - gamma == 0, "MinSnrWeight", "gamma", gamma, "a finite number > 0");
    if (t.working_signal_squared() < W(gamma) * t.working_noise_squared()) return LevelMonomial<W>{W(1), W(1), W(-1)};
    return LevelMonomial<W>{W(gamma), W(0), W(0)};
  }
};

/// 1 / (k + SNR)^gamma on the noise. k > 0 and gamma >= 0, finite. [choi2022.p2]
struct P2Weight {
  double gamma = 1, k = 1;

  template <class Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    numerics::require(gamma >= 0 && gamma - gamma == 0, "P2Weight", "gamma", gamma, "a finite number >= 0");
    numerics::require(k > 0 && k - k == 0, "P2Weight", "k", k, "a finite number > 0");
    const W sum = W(k) * t.working_noise_squared() + t.working_signal_squared();
    return LevelMonomial<W>{weight_details::power(sum, W(-gamma)), W(1), W(gamma) - W(1)};
  }
};

/// sigmoid(bias - log SNR) on the noise, which is exp(bias) sigmoid(log SNR - bias) on x_0: a smooth min(SNR,
/// exp(bias)). bias finite. [kingmagao2023.sigmoid]
struct SigmoidWeight {
  double bias = 2;

  template <class Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    numerics::require(bias - bias == 0, "SigmoidWeight", "bias", bias, "a finite number");
    const W sum = t.working_signal_squared() * exp(W(-bias)) + t.working_noise_squared();
    return LevelMonomial<W>{W(1) / sum, W(1), W(0)};
  }
};

/// The term L_{t-1} of the bound, in nats: the mean of the step that ends in x_{t-1}, the factor of x_0 in it squared,
/// over 2 variance(s, t); (SNR_s - SNR_t) / 2 with the posterior variance, which is infinite at t = 1. The level must
/// be one of the schedule, t = 1..T by its time(). The bound sums over t and over elements, and the loss below is a
/// mean. [ho2020.12]
template <class S, class V = PosteriorVariance>
struct VlbWeight {
  S schedule;
  V variance{};

  template <class Real>
    requires DiscreteTimeSchedule<S> && StepVariance<V, Real>
  numerics::Working<Real> operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    const Real time = t.time();
    const bool is_step = time >= Real(1) && time <= Real(schedule.steps()) && time == Real(static_cast<int>(time));
    numerics::require(is_step, "VlbWeight", "level.time()", time, "a step 1..T of the schedule");
    const NoiseLevel<Real> s = schedule(static_cast<int>(time) - 1);
    const W x0(forward_details::posterior_mean(forward_details::transition("VlbWeight", s, t), s, t).x0);
    return x0 * x0 / (W(2) * W(variance(s, t)));
  }
};
template <class S>
VlbWeight(S) -> VlbWeight<S>;
template <class S, class V>
VlbWeight(S, V) -> VlbWeight<S, V>;

/// The bound in continuous time, t uniform: -slope / 2 times the weight, where slope(level) = d log SNR / dt of the
/// schedule. With SnrWeight it is -SNR'(t) / 2, the ELBO in nats; with another weight, w(log SNR) = weight / SNR is
/// that of Kingma & Gao. slope <= 0 and finite. [kingma2021.weight] [kingmagao2023.weighted]
template <class Slope, class Weight = SnrWeight>
struct VdmWeight {
  Slope slope;
  Weight weight{};

  template <class Real>
    requires LossWeight<Weight, Real>
  auto operator()(const NoiseLevel<Real>& t) const {
    using W = numerics::Working<Real>;
    const W rate(slope(t));
    if (!(rate <= W(0) && rate - rate == W(0)))
      numerics::require(false, "VdmWeight", "slope", numerics::round_to<Real>(rate), "a finite number <= 0");
    return LevelMonomial<W>{rate / W(-2), W(0), W(0)} * weight_details::monomial<Real>(weight(t));
  }
};
template <class Slope>
VdmWeight(Slope) -> VdmWeight<Slope>;
template <class Slope, class Weight>
VdmWeight(Slope, Weight) -> VdmWeight<Slope, Weight>;

/// The weight of the error of what is predicted: loss_weight ||target - output||^2 = weight ||x_0 - x_0_hat||^2. For a
/// batch of levels, a vector with one for each sample.
template <class Weight, class Prediction, Levels L>
  requires LossWeight<Weight, level_real_t<L>> && WeightedPrediction<Prediction, level_real_t<L>>
auto loss_weight(const Weight& weight, const Prediction& prediction, const L& levels) {
  using Real = level_real_t<L>;
  using W = numerics::Working<Real>;
  const auto at = [&](const NoiseLevel<Real>& t) {
    const auto product =
        weight_details::monomial<Real>(weight(t)) * weight_details::monomial<Real>(x0_error_factor(prediction, t));
    const W result = product.value * weight_details::power(t.working_signal_squared(), product.signal) *
                     weight_details::power(t.working_noise_squared(), product.noise);
    return numerics::round_to<Real>(numerics::without_noise(result));
  };
  if constexpr (Level<L>) {
    return at(levels);
  } else {
    std::vector<Real> result;
    result.reserve(std::size(levels));
    for (const auto& level : levels) result.push_back(at(level));
    return result;
  }
}

namespace weight_details {

/// The mean of (output - target)^2 over the elements of each sample.
template <class X, class Y>
std::vector<sum_t<X>> sample_losses(const char* function, const Named<X>& output, const Named<Y>& target,
                                    std::size_t samples) {
  using S = sum_t<X>;
  using V = value_t<X>;
  const auto x = state_traits<V>::view(output.state);
  const std::size_t size = x.size();
  const auto y = state_traits<V>::view(target.state);
  state_details::require_like<V>(function, output, size, target, y.size());
  const BatchLayout layout = state_details::batch_layout(function, output, size, samples);
  const std::size_t step = layout.interleaved ? 1 : layout.length, stride = layout.interleaved ? samples : 1;
  std::vector<S> losses;
  losses.reserve(samples);
  for (std::size_t k = 0; k < samples; ++k) {
    const S sum = state_details::pairwise_sum<S>(0, layout.length, [&](std::size_t i) {
      const std::size_t j = k * step + i * stride;
      const S difference = S(x.data()[j]) - S(y.data()[j]);
      return S(difference * difference);
    });
    losses.push_back(sum / S(static_cast<double>(layout.length)));
  }
  return losses;
}

}  // namespace weight_details

/// The mean of (output - target)^2 over the elements of each sample of a batch: what LossSecondMoment is told, once
/// weighted, and what a plot of the loss by level shows.
template <StoredState X, CompatibleState<X> Y>
  requires NormedState<X>
auto sample_losses(const X& output, const Y& target, std::size_t samples) {
  return weight_details::sample_losses("sample_losses", Named{"output", output}, Named{"target", target}, samples);
}

/// The mean over all elements of weight_k (output - target)^2, k the sample of the element. Several ranges of weights,
/// such as loss_weight(...) and the importance weights of sampled levels, are multiplied. Without weights of other than
/// 1 it is simple_loss.
template <StoredState X, CompatibleState<X> Y, class First, class... Weights>
  requires NormedState<X>
sum_t<X> weighted_loss(const X& output, const Y& target, const First& first, const Weights&... rest) {
  using W = numerics::Working<sum_t<X>>;
  const std::size_t samples = std::size(first);
  for (const std::size_t size : {samples, static_cast<std::size_t>(std::size(rest))...})
    if (size != samples) numerics::fail_size("weighted_loss", "weights", size, samples, "the first weights");
  const auto losses =
      weight_details::sample_losses("weighted_loss", Named{"output", output}, Named{"target", target}, samples);
  W sum(0);
  for (std::size_t k = 0; k < samples; ++k) {
    W term = W(losses[k]) * W(first[k]);
    ((term = term * W(rest[k])), ...);
    sum = sum + term;
  }
  return numerics::round_to<sum_t<X>>(W(sum / W(static_cast<double>(samples))));
}

}  // namespace diffusion
