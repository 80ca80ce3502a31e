// SPDX-License-Identifier: MIT
// FullGaussianDenoiser: the exact denoiser, score, log-density and divergence of Gaussian data with a full covariance,
// at any level.
//
// Use it where elements depend on each other: to test estimators that diagonal data would not stress, or as the
// Gaussian model of real data. It is made from a covariance, or from orthonormal axes with a variance along each and
// one variance for all that is orthogonal to them, as a principal component analysis finds them: then images are in
// reach. x_t is of the shape of the mean, or a batch of samples of that shape. Its likelihood, and the bound of a chain
// on it, have closed forms (objective/gaussian_bound.hpp).
//
// Accuracy: along each axis the coefficients are correctly rounded; elements are computed in double for float and
// otherwise in their own type, and axes are kept in the type of the elements. The axes of a covariance are those of
// numerics/symmetric_eigen.hpp; a variance below the rounding errors of the largest is taken as 0.
// Source: Bishop 2006, sections 2.3.3 and 12.2.
#pragma once

#include "../numerics/symmetric_eigen.hpp"
#include "../state/inner_product.hpp"
#include "gaussian_denoiser.hpp"

namespace diffusion {

/// x_0 ~ N(mean, covariance). A Denoiser. The mean is finite. [bishop2006.linear]
template <StoredState M>
class FullGaussianDenoiser {
  using S = sum_t<M>;
  using W = numerics::Working<S>;
  static constexpr const char* function = "FullGaussianDenoiser";

 public:
  /// covariance: a state of n^2 elements for a mean of n, which count in the order of the mean's memory; finite,
  /// symmetric and without negative eigenvalues, both up to 8 n rounding units of its largest element.
  template <class Mean, StoredState C>
  FullGaussianDenoiser(const Mean& mean, const C& covariance) : mean_(checked("mean", mean)) {
    const std::size_t n = dimension(mean_);
    const auto view = state_traits<value_t<C>>::view(covariance);
    if (view.size() != n * n) numerics::fail_size(function, "covariance", view.size(), n * n, "the square of the mean");
    std::vector<S> a(n * n);
    S largest(0);
    for (std::size_t i = 0; i < n * n; ++i) {
      a[i] = static_cast<S>(view.data()[i]);
      numerics::require_element(a[i] - a[i] == S(0), function, "covariance", i, a[i], "finite elements");
      if (largest < numerics::absolute(a[i])) largest = numerics::absolute(a[i]);
    }
    const S rounding = unit<scalar_t<C>>(n) * largest;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        S &lower = a[i * n + j], &upper = a[j * n + i];
        numerics::require_element(numerics::absolute(S(lower - upper)) <= rounding, function, "covariance", i * n + j,
                                  lower, "a symmetric matrix");
        lower = upper = (lower + upper) / S(2);
      }
    const auto eigen = numerics::symmetric_eigen(std::move(a), n);
    for (std::size_t k = 0; k < n; ++k) {
      const S& variance = eigen.values[k];
      numerics::require_element(variance >= -rounding, function, "eigenvalues of covariance", k, variance,
                                "a number >= 0");
      M axis = state_traits<M>::like(mean_);
      const auto elements = state_traits<M>::elements(axis);
      for (std::size_t i = 0; i < n; ++i) elements[i] = static_cast<scalar_t<M>>(eigen.vectors[k * n + i]);
      axes_.push_back(std::move(axis));
      variances_.push_back(variance > rounding ? variance : S(0));
    }
  }

  /// The covariance sum variances_k axis_k axis_k^T + rest (I - sum axis_k axis_k^T). axes: a contiguous range of
  /// states like the mean, orthonormal up to 8 n rounding units; variances: a state with one for each; all of them, and
  /// rest, finite and >= 0.
  template <class Mean, class Axes, StoredState V>
  FullGaussianDenoiser(const Mean& mean, const Axes& axes, const V& variances, const std::type_identity_t<S>& rest)
      : mean_(checked("mean", mean)), rest_(rest) {
    const std::span given(axes);
    const auto view = state_traits<value_t<V>>::view(variances);
    if (view.size() != given.size()) numerics::fail_size(function, "variances", view.size(), given.size(), "axes");
    numerics::require(exact_details::is_variance(rest), function, "rest", rest, exact_details::not_negative);
    for (std::size_t k = 0; k < given.size(); ++k) {
      variances_.push_back(static_cast<S>(view.data()[k]));
      numerics::require_element(exact_details::is_variance(variances_[k]), function, "variances", k, variances_[k],
                                exact_details::not_negative);
      axes_.push_back(checked("axes", given[k]));
      state_details::require_like<M>(function, Named{"mean", mean_}, dimension(mean_), Named{"one of axes", axes_[k]},
                                     dimension(axes_[k]));
      for (std::size_t j = 0; j <= k; ++j) {
        const S product =
            numerics::round_to<S>(inner_product(function, Named{"axes", axes_[j]}, Named{"axes", axes_[k]}));
        numerics::require_element(
            numerics::absolute(S(product - S(j == k ? 1 : 0))) <= unit<scalar_t<M>>(dimension(mean_)), function,
            "axes: an inner product of axis", k, product, "orthonormal axes");
      }
    }
  }

  const M& mean() const { return mean_; }
  /// The principal axes of a covariance, that of the largest variance first, or those that were given.
  const std::vector<M>& axes() const { return axes_; }
  const std::vector<S>& variances() const { return variances_; }
  /// The variance of all that is orthogonal to the axes.
  const S& rest() const { return rest_; }

  /// E[x_0 | x_t].
  template <SamplesLike<M> X, Levels L>
  value_t<X> operator()(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Estimate{}, From::mean);
  }

  /// The gradient of log p(x_t) in x_t. No variance of x_t may be 0.
  template <SamplesLike<M> X, Levels L>
  value_t<X> score(const X& x_t, const L& levels) const {
    return answer(x_t, levels, exact_details::Score{}, From::mean);
  }

  /// (d E[x_0 | x_t] / d x_t) tangent, the same at every x_t.
  template <SamplesLike<M> X, Levels L, CompatibleState<X> T>
    requires SamplesLike<T, M>
  value_t<T> jvp(const X& x_t, const L& levels, const T& tangent) const {
    if (dimension(tangent) != dimension(x_t))
      numerics::fail_size(function, "tangent", dimension(tangent), dimension(x_t), "x_t");
    return answer(tangent, levels, exact_details::Estimate{}, From::zero);
  }

  /// The trace of d E[x_0 | x_t] / d x_t: of all samples together or, for a batch of levels, of each.
  template <SamplesLike<M> X, Levels L>
  auto divergence(const X& x_t, const L& levels) const {
    const auto prepare = [&](const auto& level) {
      const auto slope = [&](const S& variance) { return exact_details::posterior(level, W(variance)).slope; };
      W sum = W(static_cast<double>(others())) * slope(rest_);
      for (const S& variance : variances_) sum = sum + slope(variance);
      return sum;
    };
    return Samples{function, x_t, mean_, levels}.summed(prepare, [](const W& sum, const auto&) { return sum; });
  }

  /// log p(x_t) in nats: of all samples together or, for a batch of levels, of each. No variance of x_t may be 0.
  template <SamplesLike<M> X, Levels L>
  auto log_density(const X& x_t, const L& levels) const {
    using A = samples_details::Arithmetic<X>;
    struct AtLevel {
      A signal;
      W logarithms;
      std::vector<A> precisions;
      A rest;
    };
    const auto m = samples_details::elements<X>(mean_);
    const auto q = views<X>();
    const auto prepare = [&](const auto& level) {
      AtLevel at{numerics::round_to<A>(W(sqrt(W(level.working_signal_squared())))), W(0), {}, A(0)};
      const auto precision = [&](const S& variance, std::size_t count) {
        const W total = exact_details::posterior(level, W(variance)).total;
        at.logarithms = at.logarithms + W(static_cast<double>(count)) * exact_details::log_two_pi(total);
        return numerics::round_to<A>(W(W(1) / total));
      };
      for (const S& variance : variances_) at.precisions.push_back(precision(variance, 1));
      if (others() > 0) at.rest = precision(rest_, others());
      return at;
    };
    std::vector<A> r;
    const auto density = [&](const AtLevel& at, const std::vector<A>& sample) {
      r = sample;
      for (std::size_t i = 0; i < r.size(); ++i) r[i] = r[i] - at.signal * A(m.data()[i]);
      A quadratic(0);
      for (std::size_t k = 0; k < q.size(); ++k) {
        const A z = along(q[k], r);
        quadratic = quadratic + z * z * at.precisions[k];
        if (others() > 0) add(r, -z, q[k]);
      }
      if (others() > 0)
        quadratic = quadratic + at.rest * state_details::pairwise_sum<A>(0, r.size(),
                                                                         [&](std::size_t i) { return A(r[i] * r[i]); });
      return W((at.logarithms + W(quadratic)) / W(-2));
    };
    return Samples{function, x_t, mean_, levels}.summed(prepare, density);
  }

 private:
  /// Whether an answer is an affine function of the sample, or its linear part alone.
  enum class From { mean, zero };

  /// 8 n rounding units of T.
  template <class T>
  static S unit(std::size_t n) {
    return S(std::numeric_limits<T>::epsilon()) * S(static_cast<double>(8 * n));
  }

  template <class X>
  static M checked(const char* argument, const X& x) {
    M value = exact_details::value<M>(x);
    numerics::require(dimension(value) >= 1, function, argument, dimension(value),
                      "at least one element; it has that many");
    const auto view = samples_details::elements<M>(value);
    if (const std::size_t i = exact_details::first_not_finite(value); i < view.size())
      numerics::require_element(false, function, argument, i, view.data()[i], "finite elements");
    return value;
  }

  /// How many directions are orthogonal to all axes.
  std::size_t others() const { return dimension(mean_) - axes_.size(); }

  template <class X>
  auto views() const {
    std::vector<decltype(samples_details::elements<X>(mean_))> result;
    result.reserve(axes_.size());
    for (const M& axis : axes_) result.push_back(samples_details::elements<X>(axis));
    return result;
  }

  template <class View, class A>
  static A along(const View& axis, const std::vector<A>& r) {
    return state_details::pairwise_sum<A>(0, r.size(), [&](std::size_t i) { return A(A(axis.data()[i]) * r[i]); });
  }
  template <class View, class A>
  static void add(std::vector<A>& r, const A& factor, const View& axis) {
    for (std::size_t i = 0; i < r.size(); ++i) r[i] = r[i] + factor * A(axis.data()[i]);
  }

  template <class X, class L, class Question>
  value_t<X> answer(const X& x, const L& levels, const Question& question, From from) const {
    using A = samples_details::Arithmetic<X>;
    struct AtLevel {
      A signal, of_mean, rest;
      std::vector<A> factors;
    };
    const auto m = samples_details::elements<X>(mean_);
    const auto q = views<X>();
    const auto prepare = [&](const auto& level) {
      const auto row = [&](const S& variance) { return question(level, exact_details::posterior(level, W(variance))); };
      const W signal = sqrt(W(level.working_signal_squared()));
      // row.x x + row.mean m = row.x (x - signal m) + (row.mean + row.x signal) m, and the last is the same on all axes
      const auto rest = others() > 0 ? row(rest_) : exact_details::Row<W>{W(0), W(0)};
      const auto any = others() > 0 ? rest : row(variances_[0]);
      AtLevel at{numerics::round_to<A>(signal),
                 numerics::round_to<A>(W(any.mean + any.x * signal)),
                 numerics::round_to<A>(rest.x),
                 {}};
      if (from == From::zero) at.signal = at.of_mean = A(0);
      for (const S& variance : variances_) at.factors.push_back(numerics::round_to<A>(W(row(variance).x - rest.x)));
      return at;
    };
    std::vector<A> r;
    const auto apply = [&](const AtLevel& at, const std::vector<A>& sample, std::vector<A>& result) {
      r = sample;
      for (std::size_t i = 0; i < r.size(); ++i) r[i] = r[i] - at.signal * A(m.data()[i]);
      for (std::size_t i = 0; i < r.size(); ++i) result[i] = at.rest * r[i] + at.of_mean * A(m.data()[i]);
      for (std::size_t k = 0; k < q.size(); ++k) add(result, A(at.factors[k] * along(q[k], r)), q[k]);
    };
    return Samples{function, x, mean_, levels}.mapped(prepare, apply);
  }

  M mean_;
  std::vector<M> axes_;
  std::vector<S> variances_;  // along the axes
  S rest_ = S(0);
};
template <class M, class C>
FullGaussianDenoiser(const M&, const C&) -> FullGaussianDenoiser<value_t<M>>;
template <class M, class Axes, class V, class R>
FullGaussianDenoiser(const M&, const Axes&, const V&, const R&) -> FullGaussianDenoiser<value_t<M>>;

}  // namespace diffusion
