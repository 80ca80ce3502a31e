// SPDX-License-Identifier: MIT
// Denoisers that are right: E[x_0 | x_t] of data that are a Gaussian or a mixture of Gaussians, at any level, with the
// exact score and log-density of x_t. A finite data set is a mixture with variances 0.
//
// Use them to test samplers and estimators against the truth, to show what a perfect network would do, and as models of
// small data. x_t is of the shape of a mean, or a batch of samples of that shape (columns in Eigen, the first axis in
// xtensor, equal parts of plain memory), at one level or with a level each; where the mean is a number, every element
// of x_t is a sample. Any level: pure noise, where the estimate is the mean of the data, and clean data. There a
// component of variance 0 has no density: the estimate is the limit of little noise, the nearest of the data. Not for
// full covariances.
//
// Accuracy: for scalars correctly rounded. For arrays of float and double the coefficients of a component are correctly
// rounded and elements are computed in doubles; log-densities err by their quadratic part, and the relative share of a
// component by its squared distance from x_t in deviations, times the rounding of a squared norm. Exponentials are of
// differences to the largest, so nothing overflows.
// Source: Bishop 2006, sections 2.3.3 and 9.2, for the posteriors and shares; Ho et al. 2020, eq. 4, for the levels.
#pragma once

#include <initializer_list>

#include "gaussian_denoiser.hpp"

namespace diffusion {

/// x_0 ~ sum weight_k N(mean_k, variance_k I). A Denoiser.
template <class M>
class GaussianMixtureDenoiser {
  using S = sum_t<M>;
  using W = numerics::Working<S>;
  static constexpr const char* function = "GaussianMixtureDenoiser";

 public:
  /// Ranges of one size, at least 1: finite weights >= 0 of a sum > 0, which is divided out; finite means of one shape;
  /// finite variances >= 0. weights and variances are contiguous ranges or states of numbers.
  template <class Weights, class Means, class Variances>
  GaussianMixtureDenoiser(const Weights& weights, const Means& means, const Variances& variances) {
    add(numbers(weights), std::span(means), numbers(variances));
  }
  GaussianMixtureDenoiser(std::initializer_list<S> weights, std::initializer_list<M> means,
                          std::initializer_list<S> variances) {
    add(weights, std::span(means.begin(), means.size()), variances);
  }

  /// E[x_0 | x_t].
  template <SamplesLike<M> X, Levels L>
  value_t<X> operator()(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Estimate{});
  }

  /// The gradient of log p(x_t) in x_t. Not where p has no density: clean data of variance 0.
  template <SamplesLike<M> X, Levels L>
  value_t<X> score(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Score{});
  }

  /// (d E[x_0 | x_t] / d x_t) tangent. Not where p has no density.
  template <SamplesLike<M> X, Levels L, CompatibleState<X> T>
  value_t<X> jvp(const X& x_t, const L& levels, const T& tangent) const {
    using A = samples_details::Arithmetic<X>;
    const auto means = views<X>();
    const auto t = samples_details::elements<X>(tangent);
    if (t.size() != dimension(x_t)) numerics::fail_size(function, "tangent", t.size(), dimension(x_t), "x_t");
    const auto prepare = [&](const auto& level) { return at_level<A>(level, exact_details::Estimate{}); };
    const auto product = [&](const AtLevel<A>& at, const std::vector<A>& sample, std::vector<A>& result,
                             std::size_t first, std::size_t stride) {
      const Derivative<A, decltype(means)> d(at, means, sample);
      const auto along = [&](std::size_t i) { return A(t.data()[first + i * stride]); };
      for (std::size_t i = 0; i < sample.size(); ++i) result[i] = d.slope * along(i);
      for (std::size_t k = 0; k < means.size(); ++k) {
        const A gain = d.shares[k] * state_details::pairwise_sum<A>(
                                         0, sample.size(), [&](std::size_t i) { return A(d.score(k, i) * along(i)); });
        for (std::size_t i = 0; i < sample.size(); ++i) result[i] = result[i] + gain * d.estimate(k, i);
      }
    };
    return Samples{function, x_t, means_[0], levels}.mapped(prepare, product);
  }

  /// The trace of d E[x_0 | x_t] / d x_t: of all samples together or, for a batch of levels, of each. Not where p has
  /// no density.
  template <SamplesLike<M> X, Levels L>
  auto divergence(const X& x_t, const L& levels) const {
    using A = samples_details::Arithmetic<X>;
    const auto means = views<X>();
    const auto prepare = [&](const auto& level) { return at_level<A>(level, exact_details::Estimate{}); };
    const auto trace = [&](const AtLevel<A>& at, const std::vector<A>& sample) {
      const Derivative<A, decltype(means)> d(at, means, sample);
      A sum = A(static_cast<double>(sample.size())) * d.slope;
      for (std::size_t k = 0; k < means.size(); ++k)
        sum = sum + d.shares[k] * state_details::pairwise_sum<A>(0, sample.size(), [&](std::size_t i) {
                      return A(d.score(k, i) * d.estimate(k, i));
                    });
      return W(sum);
    };
    return Samples{function, x_t, means_[0], levels}.summed(prepare, trace);
  }

  /// log p(x_t) in nats: of all samples together or, for a batch of levels, of each. Of clean data of variance 0,
  /// infinite.
  template <SamplesLike<M> X, Levels L>
  auto log_density(const X& x_t, const L& levels) const {
    using A = samples_details::Arithmetic<X>;
    const auto means = views<X>();
    std::vector<A> shares(means.size());
    const auto prepare = [&](const auto& level) { return at_level<A>(level, exact_details::Estimate{}); };
    const auto density = [&](const AtLevel<A>& at, const std::vector<A>& sample) {
      return find_shares(at, means, sample, shares);
    };
    return Samples{function, x_t, means_[0], levels}.summed(prepare, density);
  }

 private:
  /// A component at a level: the logarithm of its density is log_factor - distance^2 half_precision, but for what is
  /// common to all. A point has no noise and no variance.
  template <class A>
  struct Component {
    A log_factor, half_precision;
    exact_details::Row<A> row;
    bool point;
  };
  template <class A>
  struct AtLevel {
    A signal;
    W log_common;
    std::vector<Component<A>> components;
    std::size_t points;
  };

  template <class Range>
  static std::vector<S> numbers(const Range& range) {
    std::vector<S> result;
    const auto append = [&](const auto& view) {
      for (std::size_t i = 0; i < view.size(); ++i) result.push_back(static_cast<S>(view.data()[i]));
    };
    if constexpr (requires { std::span(range); })
      append(std::span(range));
    else
      append(state_traits<value_t<Range>>::view(range));
    return result;
  }

  template <class E, std::size_t n>
  void add(const std::vector<S>& weights, std::span<E, n> means, const std::vector<S>& variances) {
    const std::size_t count = weights.size();
    numerics::require(count >= 1, function, "weights.size()", count, "at least one component");
    if (means.size() != count) numerics::fail_size(function, "means", means.size(), count, "weights");
    if (variances.size() != count) numerics::fail_size(function, "variances", variances.size(), count, "weights");
    W sum(0);
    for (std::size_t k = 0; k < count; ++k) {
      const auto check = [&](const char* argument, const S& value) {
        numerics::require_element(exact_details::is_variance(value), function, argument, k, value,
                                  exact_details::not_negative);
      };
      check("weights", weights[k]);
      check("variances", variances[k]);
      sum = sum + W(weights[k]);
    }
    numerics::require(sum > W(0), function, "the sum of weights", numerics::round_to<S>(sum), "a number > 0");
    for (std::size_t k = 0; k < count; ++k) {
      M mean = exact_details::value<M>(means[k]);
      const auto view = samples_details::elements<M>(mean);
      if (const std::size_t i = exact_details::first_not_finite(mean); i < view.size())
        numerics::require_element(false, function, "means", k, view.data()[i], "finite elements");
      if constexpr (StoredState<M>)
        state_details::require_like<M>(function, Named{"means[0]", means[0]}, dimension(means[0]),
                                       Named{"another of means", mean}, view.size());
      if (weights[k] == S(0)) continue;
      means_.push_back(std::move(mean));
      variances_.push_back(variances[k]);
      log_weights_.push_back(log(W(W(weights[k]) / sum)));
      if (largest_variance_ < variances[k]) largest_variance_ = variances[k];
    }
  }

  /// The elements of the means in the order of those of X.
  template <class X>
  auto views() const {
    std::vector<decltype(samples_details::elements<X>(means_[0]))> result;
    result.reserve(means_.size());
    for (const M& mean : means_) result.push_back(samples_details::elements<X>(mean));
    return result;
  }

  template <class A, class L, class Question>
  AtLevel<A> at_level(const L& level, const Question& question) const {
    const W d(static_cast<double>(dimension(means_[0])));
    // the largest variance of x_t is what the factors are relative to
    W widest = exact_details::posterior(level, W(largest_variance_)).total;
    if (widest == W(0)) widest = W(1);
    AtLevel<A> at{numerics::round_to<A>(W(sqrt(W(level.working_signal_squared())))),
                  d * exact_details::log_two_pi(widest) / W(-2),
                  {},
                  0};
    at.components.reserve(means_.size());
    Component<A> component{};
    W log_factor(0);
    for (std::size_t k = 0; k < means_.size(); ++k) {
      if (k == 0 || variances_[k] != variances_[k - 1]) {
        const auto p = exact_details::posterior(level, W(variances_[k]));
        component.point = p.total == W(0);
        log_factor = component.point ? W(0) : W(d * log(W(p.total / widest)) / W(-2));
        component.half_precision = numerics::round_to<A>(W(W(0.5) / p.total));
        component.row = exact_details::rounded<A>(question(level, p));
      }
      component.log_factor = numerics::round_to<A>(W(log_factor + log_weights_[k]));
      at.components.push_back(component);
      at.points += component.point ? 1 : 0;
    }
    return at;
  }

  /// The probability of each component given x_t; returns log p(x_t).
  template <class A, class Means>
  static W find_shares(const AtLevel<A>& at, const Means& means, const std::vector<A>& sample, std::vector<A>& shares) {
    A nearest(std::numeric_limits<double>::infinity());
    for (std::size_t k = 0; k < means.size(); ++k) {
      const auto* m = means[k].data();
      shares[k] = state_details::pairwise_sum<A>(0, sample.size(), [&](std::size_t i) {
        const A difference = sample[i] - at.signal * A(m[i]);
        return A(difference * difference);
      });
      if (at.components[k].point && shares[k] < nearest) nearest = shares[k];
    }
    // Points have all of the probability where x_t is one of them, and none elsewhere. If there is nothing else, the
    // nearest have it: the limit of little noise.
    const bool of_points = at.points > 0 && (nearest == A(0) || at.points == means.size());
    const A none(-std::numeric_limits<double>::infinity());
    A largest = none;
    for (std::size_t k = 0; k < means.size(); ++k) {
      const auto& c = at.components[k];
      if (!of_points)
        shares[k] = c.point ? none : A(c.log_factor - shares[k] * c.half_precision);
      else
        shares[k] = c.point && !(nearest < shares[k]) ? c.log_factor : none;
      if (largest < shares[k]) largest = shares[k];
    }
    A sum(0);
    for (A& share : shares) {
      share = numerics::exp_of(A(share - largest));
      sum = sum + share;
    }
    for (A& share : shares) share = share / sum;
    if (of_points) return W(nearest == A(0) ? -none : none);
    return at.log_common + W(largest) + log(W(sum));
  }

  /// d E[x_0 | x_t] / d x_t = slope I + sum share_k estimate_k score_k^T: the estimate and the score of each component,
  /// less their means over the components.
  template <class A, class Means>
  struct Derivative {
    const AtLevel<A>& at;
    const Means& means;
    const std::vector<A>& x;
    std::vector<A> shares, mean_estimate, mean_score;
    A slope;

    Derivative(const AtLevel<A>& level, const Means& of, const std::vector<A>& sample)
        : at(level), means(of), x(sample), shares(of.size()) {
      std::vector<A> of_estimate(x.size(), A(0)), of_score(x.size(), A(0));
      mean_estimate = mean_score = of_score;
      slope = A(0);
      find_shares(at, means, x, shares);
      for (std::size_t k = 0; k < shares.size(); ++k) {
        slope = slope + shares[k] * at.components[k].row.x;
        for (std::size_t i = 0; i < x.size(); ++i) {
          of_estimate[i] = of_estimate[i] + shares[k] * estimate(k, i);
          of_score[i] = of_score[i] + shares[k] * score(k, i);
        }
      }
      mean_estimate = std::move(of_estimate);
      mean_score = std::move(of_score);
    }
    A estimate(std::size_t k, std::size_t i) const {
      const auto& row = at.components[k].row;
      return row.x * x[i] + row.mean * A(means[k].data()[i]) - mean_estimate[i];
    }
    A score(std::size_t k, std::size_t i) const {
      return (at.signal * A(means[k].data()[i]) - x[i]) * A(2) * at.components[k].half_precision - mean_score[i];
    }
  };

  template <class X, class L, class Question>
  value_t<X> answer(const X& x_t, const L& levels, const Question& question) const {
    using A = samples_details::Arithmetic<X>;
    const auto means = views<X>();
    std::vector<A> shares(means.size());
    const auto prepare = [&](const auto& level) { return at_level<A>(level, question); };
    const auto combine = [&](const AtLevel<A>& at, const std::vector<A>& sample, std::vector<A>& result) {
      find_shares(at, means, sample, shares);
      A of_x(0);
      for (std::size_t k = 0; k < shares.size(); ++k)
        if (!(shares[k] == A(0))) of_x = of_x + shares[k] * at.components[k].row.x;
      for (std::size_t i = 0; i < sample.size(); ++i) result[i] = of_x * sample[i];
      for (std::size_t k = 0; k < shares.size(); ++k) {
        if (shares[k] == A(0)) continue;
        const A factor = shares[k] * at.components[k].row.mean;
        const auto* m = means[k].data();
        for (std::size_t i = 0; i < sample.size(); ++i) result[i] = result[i] + factor * A(m[i]);
      }
    };
    return Samples{function, x_t, means_[0], levels}.mapped(prepare, combine);
  }

  std::vector<M> means_;
  std::vector<S> variances_;
  std::vector<W> log_weights_;
  S largest_variance_ = S(0);
};
template <class Weights, class Means, class Variances>
GaussianMixtureDenoiser(const Weights&, const Means&, const Variances&)
    -> GaussianMixtureDenoiser<value_t<typename decltype(std::span(std::declval<const Means&>()))::value_type>>;

}  // namespace diffusion
