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
  using W = numerics::Working<sum_t<X>>;
  const W d(static_cast<double>(dimension(gaussian.mean))), v(gaussian.variance);
  const W distance = squared_distance("log_density", Named{"mean", gaussian.mean}, Named{"x", x});
  return numerics::round_to<sum_t<X>>(W((d * log(W(2) * numerics::pi<W>() * v) + distance / v) / W(-2)));
}

/// -E log N(x; mean, variance I) = d log(2 pi e variance) / 2 over its own x, in nats; variance > 0, and negative where
/// the Gaussian is narrow.
template <NormedState X>
sum_t<X> entropy(const Gaussian<X>& gaussian) {
  using W = numerics::Working<sum_t<X>>;
  const W d(static_cast<double>(dimension(gaussian.mean))), v(gaussian.variance);
  return numerics::round_to<sum_t<X>>(W(d * (W(1) + log(W(2) * numerics::pi<W>() * v)) / W(2)));
}

/// KL(p || q) = (d (r - 1 - log r) + ||mean_p - mean_q||^2 / variance_q) / 2 with r = variance_p / variance_q, in nats;
/// never negative, variances > 0. [kingma2013.kl]
template <NormedState X>
sum_t<X> kl_divergence(const Gaussian<X>& p, const Gaussian<X>& q) {
  using W = numerics::Working<sum_t<X>>;
  const W d(static_cast<double>(dimension(p.mean))), v_p(p.variance), v_q(q.variance);
  const W distance = squared_distance("kl_divergence", Named{"p.mean", p.mean}, Named{"q.mean", q.mean});
  return numerics::round_to<sum_t<X>>(
      W((d * numerics::variance_divergence(v_p, v_q, W(v_p - v_q)) + distance / v_q) / W(2)));
}

}  // namespace diffusion
