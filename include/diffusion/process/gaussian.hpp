// SPDX-License-Identifier: MIT
// Gaussian<X>: N(mean, variance I) over a state, its samples, log-density, entropy and KL divergence.
//
// Use it for what q_marginal, q_transition and q_posterior return, and for the terms of an ELBO. Not for variances that
// differ between elements.
//
// Accuracy: the scalar part is evaluated in working precision and rounded once, so a KL divergence keeps its digits
// when the two Gaussians almost agree; the squared distance is that of norm.hpp, exact for scalars. Source: Kingma &
// Welling 2013, appendix B; Ho et al. 2020, eq. 5.
#pragma once

#include "../numerics/special.hpp"
#include "../state/norm.hpp"

namespace diffusion {

template <class X>
struct Gaussian {
  X mean;
  sum_t<X> variance;  // of every element
};
template <class X, class Variance>
Gaussian(X, Variance) -> Gaussian<X>;

/// One Gaussian for each sample of a batch: sample k of the mean, and variance[k].
template <class X>
struct GaussianBatch {
  X mean;
  std::vector<sum_t<X>> variance;
};

namespace gaussian_details {

/// Errors where an argument of this name is no variance, or that of a point where a density is asked.
template <class S>
void require_variance(const char* function, const char* argument, const S& variance) {
  numerics::require(variance >= S(0), function, argument, variance, "a number >= 0");
}
template <class S>
void require_density(const char* function, const char* argument, const S& variance) {
  numerics::require(variance > S(0), function, argument, variance, "a number > 0");
}

template <class S>
S root(const S& variance) {
  using W = numerics::Working<S>;
  return numerics::round_to<S>(W(sqrt(W(variance))));
}

}  // namespace gaussian_details

/// mean + sqrt(variance) eps for eps ~ N(0, I), a draw of a Gaussian or of each in a GaussianBatch.
/// [kingma2013.reparameterization]
template <class G, State E, Destination Out = NewState>
  requires CompatibleState<E, decltype(G::mean)>
auto sample(const G& gaussian, const E& eps, Out out = {}) {
  using S = sum_t<decltype(G::mean)>;
  const Named mean{"mean", gaussian.mean};
  const Named noise{"eps", eps};
  if constexpr (std::same_as<decltype(G::variance), std::vector<S>>) {
    const auto row = [&](std::size_t k) {
      return std::array<S, 2>{S(1), gaussian_details::root(gaussian.variance[k])};
    };
    return apply_rows("sample", gaussian.variance.size(), row, out, mean, noise);
  } else {
    return apply_row("sample", std::array<S, 2>{S(1), gaussian_details::root(gaussian.variance)}, out, mean, noise);
  }
}

/// log N(x; mean, variance I) = -(d log(2 pi variance) + ||x - mean||^2 / variance) / 2, in nats; variance > 0.
template <NormedState X, CompatibleState<X> Y>
sum_t<X> log_density(const Gaussian<X>& gaussian, const Y& x) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  gaussian_details::require_density("log_density", "variance", gaussian.variance);
  const W d(static_cast<double>(dimension(gaussian.mean))), v(gaussian.variance);
  const W logarithms = d * log(W(2) * numerics::pi<W>() * v);
  const Named mean{"mean", gaussian.mean};
  const Named named{"x", x};
  W squares = squared_distance("log_density", mean, named) / v;
  // Where the two parts cancel, the squares need more digits.
  if (W(4) * numerics::absolute(W(logarithms + squares)) < squares)
    squares = state_details::squared_distance<W>("log_density", mean, named) / v;
  return numerics::round_to<S>(W((logarithms + squares) / W(-2)));
}

/// -E log N(x; mean, variance I) = d log(2 pi e variance) / 2 over its own x, in nats: negative where the Gaussian is
/// narrow, and minus infinity where it is a point.
template <NormedState X>
sum_t<X> entropy(const Gaussian<X>& gaussian) {
  using W = numerics::Working<sum_t<X>>;
  gaussian_details::require_variance("entropy", "variance", gaussian.variance);
  const W d(static_cast<double>(dimension(gaussian.mean))), v(gaussian.variance);
  return numerics::round_to<sum_t<X>>(W(d * (W(1) + log(W(2) * numerics::pi<W>() * v)) / W(2)));
}

/// KL(p || q) = (d (r - 1 - log r) + ||mean_p - mean_q||^2 / variance_q) / 2 with r = variance_p / variance_q, in nats;
/// never negative, and infinite where only p is a point; variance_q > 0. [kingma2013.kl]
template <NormedState X>
sum_t<X> kl_divergence(const Gaussian<X>& p, const Gaussian<X>& q) {
  using W = numerics::Working<sum_t<X>>;
  gaussian_details::require_variance("kl_divergence", "p.variance", p.variance);
  gaussian_details::require_density("kl_divergence", "q.variance", q.variance);
  const W d(static_cast<double>(dimension(p.mean))), v_p(p.variance), v_q(q.variance);
  const W distance = squared_distance("kl_divergence", Named{"p.mean", p.mean}, Named{"q.mean", q.mean});
  return numerics::round_to<sum_t<X>>(
      W((d * numerics::variance_divergence(v_p, v_q, W(v_p - v_q)) + distance / v_q) / W(2)));
}

}  // namespace diffusion
