// SPDX-License-Identifier: MIT
// The bound of a chain on data with a full covariance, the likelihood that it bounds, and the gap between them, in
// closed form.
//
// Use it to check an estimator of a bound or a likelihood against exact numbers where elements depend on each other;
// for data of one variance the functions of joint.hpp do. The chain has the best denoiser of the data, whose reverse
// steps act on each principal axis alone, so that all terms are sums over the axes. A step to clean data needs a
// variance > 0, such as DecoderVariance has.
//
// Accuracy: that of joint.hpp, on each axis, and one rounding of the sum. Source: Ho et al. 2020, eq. 3; Bishop 2006,
// section 2.3.
#pragma once

#include "../model/full_gaussian.hpp"
#include "../objective/joint.hpp"

namespace diffusion {

/// Means over the data, in nats, summed over the elements.
template <class S>
struct GaussianBound {
  S bound;                    // E of the negative bound of the chain
  S negative_log_likelihood;  // E[-log p(x_0)] of what the chain generates
  S entropy;                  // E[-log q(x_0)] of the data: the least that any model can have

  /// What the bound misses: E KL(q(x_1, ..., x_T | x_0) || p(x_1, ..., x_T | x_0)) >= 0.
  S gap() const { return bound - negative_log_likelihood; }
};

/// Of the chain on `levels`, noisiest first, from N(0, prior_variance I), with the steps of this variance at the best
/// estimate for the data. [ho2020.3]
template <LevelBatch L, class M, StepVariance<level_real_t<L>> V>
GaussianBound<sum_t<M>> gaussian_bound(const L& levels, const FullGaussianDenoiser<M>& data, const V& variance,
                                       double prior_variance = 1) {
  using S = sum_t<M>;
  using W = numerics::Working<S>;
  using Part = std::vector<S>;
  W bound(0), likelihood(0), own(0);
  const auto add = [&](const Part& mean, const S& part_variance) {
    const Gaussian<Part> part{mean, part_variance};
    const ReverseModel model{GaussianDenoiser(mean, part_variance), variance, prior_variance};
    const auto& clean = levels[std::size(levels) - 1];
    const auto q = GaussianDenoiser(mean, part_variance).marginal(clean);
    bound = bound + W(negative_vlb(levels, part, model));
    likelihood = likelihood + W(entropy(q)) + W(kl_divergence(q, reverse_marginal(levels, model)));
    own = own + W(entropy(q));
  };
  // what is orthogonal to the axes: the length of the mean there, and zeros
  M rest = data.mean();
  for (std::size_t k = 0; k < data.axes().size(); ++k) {
    const S along = numerics::round_to<S>(
        inner_product("gaussian_bound", Named{"mean", data.mean()}, Named{"axis", data.axes()[k]}));
    add(Part{along}, data.variances()[k]);
    Into<M&> out{rest};
    apply_row("gaussian_bound", std::array{S(1), S(-along)}, out, Named{"rest", static_cast<const M&>(rest)},
              Named{"axis", data.axes()[k]});
  }
  if (const std::size_t others = dimension(rest) - data.axes().size(); others > 0) {
    Part mean(others, S(0));
    mean[0] = numerics::round_to<S>(W(sqrt(squared_norm(rest))));
    add(mean, data.rest());
  }
  return {numerics::round_to<S>(bound), numerics::round_to<S>(likelihood), numerics::round_to<S>(own)};
}

}  // namespace diffusion
