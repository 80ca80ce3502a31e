// SPDX-License-Identifier: MIT
// DiagonalGaussian<X>: a Gaussian with a variance for each element, its samples, log-density, entropy and KL
// divergence.
//
// Use it where a network gives the variance, as p(x_s | x_t) of learned variances does. Gaussian<X> is simpler and
// faster where all elements have one variance. The variance is kept as its logarithm: that is what networks give, and
// what neither overflows nor becomes zero.
//
// Accuracy: for scalars correctly rounded. For arrays of float and double, relative error below 1e-14, Gaussians that
// almost agree and means far apart included, without -ffast-math; 1e-12 for what is below 1e-8 in magnitude. Source:
// Kingma & Welling 2013, appendix B.
#pragma once

#include "../numerics/likelihood_kernels.hpp"
#include "gaussian.hpp"

namespace diffusion {

/// N(mean, diag(exp(log_variance))).
template <class X>
struct DiagonalGaussian {
  X mean, log_variance;
};
template <class X>
DiagonalGaussian(X, X) -> DiagonalGaussian<X>;

namespace gaussian_details {

/// exp(x) - 1 - x >= 0, ~ x^2 / 2.
template <class W>
W exp_minus_tangent(const W& x) {
  if (!(numerics::absolute(x) < W(1))) {
    if constexpr (std::same_as<W, double>)
      return numerics::libm::exp(x) - 1 - x;
    else
      return exp(x) - W(1) - x;
  }
  W term = x * x / W(2), sum = term;
  for (int k = 3;; ++k) {
    term = term * x / W(k);
    const W next = sum + term;
    if (next == sum) return next;
    sum = next;
  }
}

/// The divergence of two normals: of means with this difference, and of these log-variances.
template <class W>
W divergence(const W& difference, const W& log_p, const W& log_q) {
  return (exp_minus_tangent(W(log_p - log_q)) + difference * difference * exp(W(-log_q))) / W(2);
}

/// A number as the sum of two, so that a logarithm of the working precision keeps its digits in a difference.
template <class S>
struct Split {
  S leading, rest;

  explicit Split(const S& x) : leading(x), rest(0) {}
  static Split of(const numerics::Working<S>& x) {
    Split split(numerics::round_to<S>(x));
    // infinity has no rest
    if (split.leading - split.leading == S(0))
      split.rest = numerics::round_to<S>(numerics::Working<S>(x - numerics::Working<S>(split.leading)));
    return split;
  }
  numerics::Working<S> whole() const { return numerics::Working<S>(leading) + numerics::Working<S>(rest); }
};

/// What depends on the log-variances alone in a divergence: tangent = exp(x) - 1 - x at x = log_p - log_q, and the
/// inverse variance exp(-log_q).
struct FastParts {
  double x, tangent, inverse;
};
inline FastParts fast_parts(const Split<double>& log_p, const Split<double>& log_q) {
  const double a = log_p.leading, b = log_q.leading, d = a - b, b_part = a - d;
  const double inverse = numerics::libm::exp(-b) * (1 - log_q.rest);
  if (!(d - d == 0)) return {d, exp_minus_tangent(d), inverse};
  // The rounding error of the difference, by Knuth: exp would multiply it by the size of the difference.
  const double error = (a - (d + b_part)) + (b_part - b) + (log_p.rest - log_q.rest);
  const double x = d + error, rest = d - x + error, tangent = exp_minus_tangent(x);
  return {x, tangent + rest * (tangent + x), inverse};
}

/// divergence of one element of an array.
template <class S>
S element_divergence(const S& difference, const Split<S>& log_p, const Split<S>& log_q) {
  using W = numerics::Working<S>;
  if constexpr (std::same_as<S, double>) {
    const FastParts parts = fast_parts(log_p, log_q);
    const double fast = (parts.tangent + difference * (difference * parts.inverse)) / 2;
    // exp(-log_q) is a normal number, and nothing overflows
    if (log_q.leading > -700 && log_q.leading < 700 && fast < 1e300) return fast;
  }
  return numerics::round_to<S>(W(divergence(W(difference), log_p.whole(), log_q.whole())));
}

/// sum of term(elements of first, rest...) in S; errors name `function`.
template <class S, class Term, NormedState X, class... Rest>
S sum_of(const char* function, const Term& term, const Named<X>& first, const Named<Rest>&... rest) {
  using V = value_t<X>;
  const auto sum = [&](const auto& view, const auto&... views) {
    (state_details::require_like<V>(function, first, view.size(), rest, views.size()), ...);
    return state_details::pairwise_sum<S>(0, view.size(),
                                          [&](std::size_t i) { return S(term(view.data()[i], views.data()[i]...)); });
  };
  return sum(state_traits<V>::view(first.state), state_traits<V>::view(rest.state)...);
}

/// The sum of element_divergence over the elements, the difference of the means times `factor`; a log-variance is that
/// of all elements, a Split, or has a name. Arrays of float and double go through kernels in F.
template <class F, class X, class Y, class P, class Q>
sum_t<X> sum_of_divergences(const char* function, const sum_t<X>& factor, const Named<X>& mean_p,
                            const Named<Y>& mean_q, const P& log_p, const Q& log_q) {
  using S = sum_t<X>;
  using V = value_t<X>;
  const auto m_p = state_traits<V>::view(mean_p.state);
  const std::size_t n = m_p.size();
  const auto view_of = [&]<class E>(const E& e) {
    if constexpr (std::same_as<E, Split<S>>) {
      return e;
    } else {
      auto view = state_traits<V>::view(e.state);
      state_details::require_like<V>(function, mean_p, n, e, view.size());
      return view;
    }
  };
  const auto m_q = view_of(mean_q);
  const auto l_p = view_of(log_p);
  const auto l_q = view_of(log_q);
  const auto split = []<class E>(const E& e, std::size_t i) {
    if constexpr (std::same_as<E, Split<S>>)
      return e;
    else
      return Split<S>(S(e.data()[i]));
  };
  const auto element = [&](std::size_t i) {
    return element_divergence(S(factor * (S(m_p.data()[i]) - S(m_q.data()[i]))), split(l_p, i), split(l_q, i));
  };
  if constexpr (std::same_as<S, double>) {
    numerics::likelihood_kernels::Divergence<F, scalar_t<X>> of{m_p.data(), m_q.data()};
    of.factor = static_cast<F>(factor);
    const auto set = []<class E>(const E& e, auto& elements, F& one, F& rest) {
      if constexpr (std::same_as<E, Split<S>>) {
        one = static_cast<F>(e.leading);
        rest = static_cast<F>(e.leading - static_cast<S>(one) + e.rest);
      } else {
        elements = e.data();
      }
    };
    set(l_p, of.log_p, of.one_log_p, of.log_p_rest);
    set(l_q, of.log_q, of.one_log_q, of.log_q_rest);
    return numerics::likelihood_kernels::total(of, n, element);
  } else {
    return state_details::pairwise_sum<S>(0, n, element);
  }
}

}  // namespace gaussian_details

/// mean + exp(log_variance / 2) eps for eps ~ N(0, I). [kingma2013.reparameterization]
template <NormedState X, CompatibleState<X> E, Destination Out = NewState>
auto sample(const DiagonalGaussian<X>& gaussian, const E& eps, Out out = {}) {
  using S = sum_t<X>;
  const Named mean{"mean", gaussian.mean};
  const Named noise{"eps", eps};
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    const auto body = [](T* target, std::size_t size, const T* m, const T* log_variance, const T* e) {
      for (std::size_t i = 0; i < size; ++i)
        target[i] = static_cast<T>(S(m[i]) + numerics::exp_of(S(S(log_variance[i]) / S(2))) * S(e[i]));
    };
    return state_details::with_elements("sample", out, body, mean, Named{"log_variance", gaussian.log_variance}, noise);
  } else {
    using W = numerics::Working<S>;
    const S deviation = numerics::round_to<S>(W(exp(W(W(gaussian.log_variance) / W(2)))));
    return apply_row("sample", std::array<S, 2>{S(1), deviation}, out, mean, noise);
  }
}

/// log N(x; mean, diag(exp(log_variance))), in nats.
template <NormedState X, CompatibleState<X> Y>
sum_t<X> log_density(const DiagonalGaussian<X>& gaussian, const Y& x) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  const W log_two_pi = log(W(2) * numerics::pi<W>());
  const auto term = [](const auto& m, const auto& log_variance, const auto& y) {
    const W difference = W(y) - W(m);
    return W(difference * difference * exp(W(-W(log_variance))));
  };
  if constexpr (StoredState<X>) {
    const Named mean{"mean", gaussian.mean};
    const Named log_variance{"log_variance", gaussian.log_variance};
    const Named named{"x", x};
    const W logarithms = W(static_cast<double>(dimension(gaussian.mean))) * log_two_pi +
                         gaussian_details::sum_of<W>("log_density", [](const auto& e) { return W(e); }, log_variance);
    const auto squares = [&](auto sum_type, const auto& of) {
      return W(gaussian_details::sum_of<decltype(sum_type)>("log_density", of, mean, log_variance, named));
    };
    if constexpr (std::same_as<S, double>) {
      const W fast = squares(S(), [](const auto& m, const auto& l, const auto& y) {
        const S difference = S(y) - S(m), logarithm(l);
        const bool normal = logarithm > -700 && logarithm < 700;  // else exp is not a normal number
        return normal ? difference * (difference * numerics::exp_of(S(-logarithm)))
                      : std::numeric_limits<S>::infinity();
      });
      // Where the two parts cancel or a square leaves the range of double, the squares need more digits.
      if (fast < W(1e300) && !(W(4) * numerics::absolute(W(logarithms + fast)) < fast))
        return numerics::round_to<S>(W((logarithms + fast) / W(-2)));
    }
    return numerics::round_to<S>(W((logarithms + squares(W(), term)) / W(-2)));
  } else {
    const W quadratic = term(gaussian.mean, gaussian.log_variance, static_cast<const X&>(x));
    return numerics::round_to<S>(W((log_two_pi + W(gaussian.log_variance) + quadratic) / W(-2)));
  }
}

/// sum of (log(2 pi e) + log_variance) / 2, in nats.
template <NormedState X>
sum_t<X> entropy(const DiagonalGaussian<X>& gaussian) {
  using W = numerics::Working<sum_t<X>>;
  const W constant = W(1) + log(W(2) * numerics::pi<W>());
  W logarithms(0);
  if constexpr (StoredState<X>)
    logarithms = gaussian_details::sum_of<W>(
        "entropy", [](const auto& e) { return W(e); }, Named{"log_variance", gaussian.log_variance});
  else
    logarithms = W(gaussian.log_variance);
  const W d(static_cast<double>(dimension(gaussian.log_variance)));
  return numerics::round_to<sum_t<X>>(W((d * constant + logarithms) / W(2)));
}

/// KL(p || q) = sum of (exp(d) - 1 - d + (mean_p - mean_q)^2 / variance_q) / 2 with d = log variance_p -
/// log variance_q, in nats; never negative. One of the two may have one variance > 0 for all elements. [kingma2013.kl]
template <NormedState X>
sum_t<X> kl_divergence(const DiagonalGaussian<X>& p, const DiagonalGaussian<X>& q) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  if constexpr (StoredState<X>)
    return gaussian_details::sum_of_divergences<S>("kl_divergence", S(1), Named{"p.mean", p.mean},
                                                   Named{"q.mean", q.mean}, Named{"p.log_variance", p.log_variance},
                                                   Named{"q.log_variance", q.log_variance});
  else
    return numerics::round_to<S>(
        gaussian_details::divergence(W(W(p.mean) - W(q.mean)), W(p.log_variance), W(q.log_variance)));
}
template <NormedState X>
sum_t<X> kl_divergence(const DiagonalGaussian<X>& p, const Gaussian<X>& q) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  gaussian_details::require_density("kl_divergence", "q.variance", q.variance);
  const W log_q = log(W(q.variance));
  if constexpr (StoredState<X>)
    return gaussian_details::sum_of_divergences<S>("kl_divergence", S(1), Named{"p.mean", p.mean},
                                                   Named{"q.mean", q.mean}, Named{"p.log_variance", p.log_variance},
                                                   gaussian_details::Split<S>::of(log_q));
  else
    return numerics::round_to<S>(gaussian_details::divergence(W(W(p.mean) - W(q.mean)), W(p.log_variance), log_q));
}
template <NormedState X>
sum_t<X> kl_divergence(const Gaussian<X>& p, const DiagonalGaussian<X>& q) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  gaussian_details::require_variance("kl_divergence", "p.variance", p.variance);
  const W log_p = log(W(p.variance));
  if constexpr (StoredState<X>)
    return gaussian_details::sum_of_divergences<S>("kl_divergence", S(1), Named{"p.mean", p.mean},
                                                   Named{"q.mean", q.mean}, gaussian_details::Split<S>::of(log_p),
                                                   Named{"q.log_variance", q.log_variance});
  else
    return numerics::round_to<S>(gaussian_details::divergence(W(W(p.mean) - W(q.mean)), log_p, W(q.log_variance)));
}

}  // namespace diffusion
