// SPDX-License-Identifier: MIT
// GaussianDenoiser: the exact denoiser, score and log-density of Gaussian data, at any level.
//
// Use it, by exact.hpp, where closed forms must hold: with one variance for all elements it is an AffineInX, and the
// bound of every chain has a closed form (objective/joint.hpp). A variance for each element is the model of data
// without correlations. Not for full covariances.
//
// Accuracy: for scalars correctly rounded. For arrays the coefficients are correctly rounded, elements are computed in
// double for float and otherwise in their own type, and log-densities are as accurate as their quadratic part, a
// squared norm. Source: Bishop 2006, section 2.3.3.
#pragma once

#include "../process/gaussian.hpp"
#include "affine.hpp"
#include "samples.hpp"

namespace diffusion {

namespace exact_details {

/// log(2 pi variance).
template <class W>
W log_two_pi(const W& variance) {
  return log(W(2) * numerics::pi<W>() * variance);
}

/// Data N(mean, variance I) at a level: the variance of x_t, and E[x_0 | x_t] = slope x_t + offset mean.
template <class W>
struct Posterior {
  W total, slope, offset;
};

template <class W, Level L>
Posterior<W> posterior(const L& level, const W& variance) {
  const W signal_squared(level.working_signal_squared()), noise_squared(level.working_noise_squared());
  const W total = signal_squared * variance + noise_squared;
  if (variance == W(0)) return {total, W(0), W(1)};  // a point, whatever the noise
  return {total, W(sqrt(signal_squared) * variance / total), W(noise_squared / total)};
}

/// The answer x x_t + mean mean.
template <class A>
struct Row {
  A x, mean;
};

/// Rows of the questions, from a posterior.
struct Estimate {
  template <class W, Level L>
  Row<W> operator()(const L&, const Posterior<W>& p) const {
    return {p.slope, p.offset};
  }
};
struct EstimateSlope {
  template <class W, Level L>
  Row<W> operator()(const L&, const Posterior<W>& p) const {
    return {p.slope, W(0)};
  }
};
struct Score {
  template <class W, Level L>
  Row<W> operator()(const L& level, const Posterior<W>& p) const {
    return {W(W(-1) / p.total), W(sqrt(W(level.working_signal_squared())) / p.total)};
  }
};

template <class A, class W>
Row<A> rounded(const Row<W>& row) {
  return {numerics::round_to<A>(row.x), numerics::round_to<A>(row.mean)};
}

/// What is kept of a mean and of its variance: values, and double for integers.
template <class M>
using MeanOf = std::conditional_t<std::integral<M>, double, value_t<M>>;
template <class M, class V>
using VarianceOf = std::conditional_t<StoredState<V>, value_t<V>, sum_t<MeanOf<M>>>;

/// A value of its own of a state or number.
template <class V, class X>
V value(const X& x) {
  if constexpr (StoredState<V>)
    return prediction_details::copy("x", x, NewState{});
  else
    return static_cast<V>(x);
}

/// The index of the first element that is not finite, or their number.
template <class M>
std::size_t first_not_finite(const M& mean) {
  const auto view = samples_details::elements<M>(mean);
  std::size_t i = 0;
  while (i < view.size() && view.data()[i] - view.data()[i] == scalar_t<M>(0)) ++i;
  return i;
}

template <class S>
bool is_variance(const S& variance) {
  return variance >= S(0) && variance - variance == S(0);
}
inline constexpr const char* not_negative = "a finite number >= 0";

}  // namespace exact_details

/// x_0 ~ N(mean, variance I), or N(mean, diag(variance)) if the variance is a state of the shape of the mean. A
/// Denoiser. The mean is finite, and variances are finite and >= 0.
template <class M, class V = sum_t<M>>
class GaussianDenoiser {
  using S = sum_t<M>;
  using W = numerics::Working<S>;
  static constexpr const char* function = "GaussianDenoiser";
  static constexpr bool diagonal = StoredState<V>;

 public:
  template <class Mean, class Variance>
  GaussianDenoiser(const Mean& mean, const Variance& variance)
      : mean_(exact_details::value<M>(mean)), variance_(exact_details::value<V>(variance)) {
    const auto elements = samples_details::elements<M>(mean_);
    if (const std::size_t i = exact_details::first_not_finite(mean_); i < elements.size())
      numerics::require_element(false, function, "mean", i, elements.data()[i], "a finite number");
    if constexpr (diagonal) {
      const auto view = state_traits<M>::view(variance_);
      state_details::require_like<M>(function, Named{"mean", mean_}, dimension(mean_), Named{"variance", variance_},
                                     view.size());
      for (std::size_t i = 0; i < view.size(); ++i)
        numerics::require_element(exact_details::is_variance(view.data()[i]), function, "variance", i, view.data()[i],
                                  exact_details::not_negative);
    } else {
      numerics::require(exact_details::is_variance(variance_), function, "variance", variance_,
                        exact_details::not_negative);
    }
  }

  const M& mean() const { return mean_; }
  const V& variance() const { return variance_; }

  /// E[x_0 | x_t].
  template <SamplesLike<M> X, Levels L>
  value_t<X> operator()(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Estimate{});
  }

  /// The gradient of log p(x_t) in x_t. The variance of x_t must not be 0.
  template <SamplesLike<M> X, Levels L>
  value_t<X> score(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Score{});
  }

  /// (d E[x_0 | x_t] / d x_t) tangent, the same at every x_t.
  template <SamplesLike<M> X, Levels L, CompatibleState<X> T>
    requires SamplesLike<T, M>
  value_t<T> jvp(const X& x_t, const L& levels, const T& tangent) const {
    if (dimension(tangent) != dimension(x_t))
      numerics::fail_size(function, "tangent", dimension(tangent), dimension(x_t), "x_t");
    return answer(tangent, levels, exact_details::EstimateSlope{});
  }

  /// The trace of d E[x_0 | x_t] / d x_t: of all samples together or, for a batch of levels, of each.
  template <SamplesLike<M> X, Levels L>
  auto divergence(const X& x_t, const L& levels) const {
    const auto prepare = [&](const auto& level) {
      W sum(0);
      each_variance<X>([&](const W& variance, std::size_t count) {
        sum = sum + W(static_cast<double>(count)) * exact_details::posterior(level, variance).slope;
      });
      return sum;
    };
    return Samples{function, x_t, mean_, levels}.summed(prepare, [](const W& sum, const auto&) { return sum; });
  }

  /// log p(x_t) in nats: of all samples together or, for a batch of levels, of each.
  template <SamplesLike<M> X, Levels L>
  auto log_density(const X& x_t, const L& levels) const {
    using A = samples_details::Arithmetic<X>;
    struct AtLevel {
      A signal;
      W logarithms;
      std::vector<A> precisions;
    };
    const auto m = samples_details::elements<X>(mean_);
    const auto prepare = [&]<class At>(const At& level) {
      AtLevel at{numerics::round_to<A>(W(sqrt(W(level.working_signal_squared())))), W(0), {}};
      each_variance<X>([&](const W& variance, std::size_t count) {
        const W total = exact_details::posterior(level, variance).total;
        at.logarithms = at.logarithms + W(static_cast<double>(count)) * exact_details::log_two_pi(total);
        at.precisions.push_back(numerics::round_to<A>(W(W(1) / total)));
      });
      return at;
    };
    const auto density = [&](const AtLevel& at, const std::vector<A>& sample) {
      const A quadratic = state_details::pairwise_sum<A>(0, sample.size(), [&](std::size_t i) {
        const A difference = sample[i] - at.signal * A(m.data()[i]);
        return A(difference * difference * at.precisions[diagonal ? i : 0]);
      });
      return W((at.logarithms + W(quadratic)) / W(-2));
    };
    return Samples{function, x_t, mean_, levels}.summed(prepare, density);
  }

  /// The distribution of x_t.
  template <Level L>
    requires(!diagonal)
  Gaussian<M> marginal(const L& level) const {
    NewState out;
    return {apply_row(function, std::array{level.signal()}, out, Named{"mean", mean_}),
            numerics::round_to<S>(exact_details::posterior(level, W(variance_)).total)};
  }

  /// E[x_0 | x_t] = slope x_t + offset: an AffineInX, so that joint.hpp has its closed forms.
  template <Level L>
    requires(!diagonal)
  AffineEstimate<M> coefficients(const L& level) const {
    const auto p = exact_details::posterior(level, W(variance_));
    NewState out;
    return {numerics::round_to<S>(p.slope),
            apply_row(function, std::array{numerics::round_to<S>(p.offset)}, out, Named{"mean", mean_})};
  }

 private:
  /// act(variance, number of elements that have it), in the order of the elements of X.
  template <class X, class Act>
  void each_variance(const Act& act) const {
    if constexpr (diagonal) {
      const auto view = samples_details::elements<X>(variance_);
      for (std::size_t i = 0; i < view.size(); ++i) act(W(view.data()[i]), 1);
    } else {
      act(W(variance_), dimension(mean_));
    }
  }

  template <class X, class L, class Question>
  value_t<X> answer(const X& x_t, const L& levels, const Question& question) const {
    using A = samples_details::Arithmetic<X>;
    using Rows = std::vector<exact_details::Row<A>>;
    const auto m = samples_details::elements<X>(mean_);
    const auto prepare = [&](const auto& level) {
      Rows rows;
      each_variance<X>([&](const W& variance, std::size_t) {
        rows.push_back(exact_details::rounded<A>(question(level, exact_details::posterior(level, variance))));
      });
      return rows;
    };
    const auto apply = [&](const Rows& rows, const std::vector<A>& sample, std::vector<A>& result) {
      for (std::size_t i = 0; i < sample.size(); ++i) {
        const auto& row = rows[diagonal ? i : 0];
        result[i] = row.x * sample[i] + row.mean * A(m.data()[i]);
      }
    };
    return Samples{function, x_t, mean_, levels}.mapped(prepare, apply);
  }

  M mean_;
  V variance_;
};

template <class M, class V>
GaussianDenoiser(const M&, const V&) -> GaussianDenoiser<exact_details::MeanOf<M>, exact_details::VarianceOf<M, V>>;

}  // namespace diffusion
