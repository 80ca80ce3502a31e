// SPDX-License-Identifier: MIT
// The decoder of grey levels: a Gaussian integrated over the bin of each level, so that the likelihood of integer data
// is a probability and an ELBO comes in bits per dimension.
//
// Use it for data that are integers scaled to a range, by default bytes scaled to [-1, 1]. The first and the last bin
// are open to infinity. Not for continuous data: take log_density of a Gaussian there. Data are taken as they are, not
// moved to the nearest grey level: the bin is centred on x.
//
// Accuracy: for scalars correctly rounded, in every tail: nothing is floored and the normal CDF is not approximated.
// For arrays of float and double, relative error below 1e-14, or below 1e-12 where the value itself is below 1e-8 in
// magnitude. Source: Ho et al. 2020, eq. 13.
#pragma once

#include "../numerics/likelihood_kernels.hpp"
#include "../numerics/normal.hpp"
#include "../process/gaussian.hpp"

namespace diffusion {

/// Evenly spaced values from low to high, both included: what integer data 0..levels-1 are scaled to.
struct GreyLevels {
  int levels = 256;
  double low = -1, high = 1;
};

/// The last step, p(x_0 | x_1), as a density: for data that are not integers.
struct GaussianDecoder {};

/// How the last step is scored: by its density, or by the probability of a grey level (a GreyLevels).
template <class D>
concept LastStep = std::same_as<D, GaussianDecoder> || std::same_as<D, GreyLevels>;

namespace decoder_details {

enum class Bin { closed, lowest, highest };

/// The bins of grey levels, for data, means and sums of the type S.
template <class S>
class Bins {
  using W = numerics::Working<S>;

 public:
  Bins(const char* function, const GreyLevels& grey) : levels_(grey.levels), low_(grey.low), high_(grey.high) {
    numerics::require(grey.levels >= 2, function, "grey.levels", grey.levels, "at least 2");
    numerics::require(low_ < high_ && high_ - low_ < std::numeric_limits<double>::infinity(), function, "grey.low",
                      low_, "a finite number below grey.high");
    half_ = (W(high_) - W(low_)) / W(2 * (std::int64_t(grey.levels) - 1));
    slack_ = (high_ - low_) / 8 / (grey.levels - 1);
  }

  /// Whether x is a datum: NaN, or beyond the range by at most an eighth of a bin, as rounded data may be.
  bool contain(const S& x) const {
    const double value = numerics::shown(x);
    return !(value < low_ - slack_ || value > high_ + slack_);
  }

  /// The distance between grey levels.
  W width() const { return W(2) * half_; }
  /// The number of the grey level x, 0..levels-1.
  int index(const S& x) const {
    const double k = numerics::libm::floor((numerics::shown(x) - low_ + 4 * slack_) / (8 * slack_));
    return k >= 1 ? k < levels_ ? static_cast<int>(k) : levels_ - 1 : 0;
  }
  int levels() const { return levels_; }

  /// Where the grey level x lies.
  Bin bin(const S& x) const {
    const double value = numerics::shown(x);
    return value < low_ + slack_ ? Bin::lowest : value > high_ - slack_ ? Bin::highest : Bin::closed;
  }

  /// log P(bin of x) under N(mean, exp(2 log_scale)).
  S log_probability(const S& x, const S& mean, const S& log_scale) const {
    const W inverse_scale = exp(W(-W(log_scale)));
    const W distance = bin(x) == Bin::lowest ? W(W(mean) - W(x)) : W(W(x) - W(mean));
    const W lower = (distance - half_) * inverse_scale, upper = (distance + half_) * inverse_scale;
    return numerics::round_to<S>(bin(x) == Bin::closed ? numerics::log_normal_interval(lower, upper)
                                                       : numerics::log_normal_tail(lower));
  }

  /// The same for the kernels of arrays, in F.
  template <class F>
  numerics::likelihood_kernels::BinEdges<F> edges() const {
    const double size = numerics::round_to<double>(half_);
    const F half = static_cast<F>(size);
    return {static_cast<F>(low_ - slack_),
            static_cast<F>(low_ + slack_),
            static_cast<F>(high_ - slack_),
            static_cast<F>(high_ + slack_),
            half,
            static_cast<F>(numerics::round_to<double>(W(half_ - W(static_cast<double>(half)))))};
  }

 private:
  int levels_;
  double low_, high_, slack_;  // slack_ is an eighth of a bin
  W half_;                     // half a bin
};

/// An error where `grey` is none, or where an element of x is beyond its range.
template <class X>
void require_levels(const char* function, const GreyLevels& grey, const Named<X>& x) {
  using S = sum_t<X>;
  const Bins<S> bins(function, grey);
  const char* grey_level = "a grey level, in [grey.low, grey.high]";
  if constexpr (StoredState<X>) {
    const auto view = state_traits<value_t<X>>::view(x.state);
    for (std::size_t i = 0; i < view.size(); ++i)
      numerics::require_element(bins.contain(S(view.data()[i])), function, x.name, i, view.data()[i], grey_level);
  } else {
    numerics::require(bins.contain(S(x.state)), function, x.name, x.state, grey_level);
  }
}

/// A scale for all elements, or a state with one for each.
template <class L, class X>
concept LogScale = std::convertible_to<const L&, sum_t<X>> || (StoredState<X> && CompatibleState<L, X>);

/// The sum of term(bins, element of x, of mean, log_scale) over the elements of x, which must be grey levels.
template <class X, class Y, class L, class Term>
sum_t<X> sum_over_levels(const char* function, const GreyLevels& grey, const Named<X>& x, const Named<Y>& mean,
                         const Named<L>& log_scale, const Term& term) {
  using S = sum_t<X>;
  const Bins<S> bins(function, grey);
  if constexpr (StoredState<X>) {
    using V = value_t<X>;
    const auto x_view = state_traits<V>::view(x.state);
    const auto mean_view = state_traits<V>::view(mean.state);
    state_details::require_like<V>(function, x, x_view.size(), mean, mean_view.size());
    const auto sum = [&](auto log_scale_of) {
      require_levels(function, grey, x);
      return state_details::pairwise_sum<S>(0, x_view.size(), [&](std::size_t i) {
        return term(bins, S(x_view.data()[i]), S(mean_view.data()[i]), S(log_scale_of(i)));
      });
    };
    if constexpr (StoredState<L>) {
      const auto view = state_traits<V>::view(log_scale.state);
      state_details::require_like<V>(function, x, x_view.size(), log_scale, view.size());
      return sum([&](std::size_t i) { return view.data()[i]; });
    } else {
      return sum([&](std::size_t) { return log_scale.state; });
    }
  } else {
    require_levels(function, grey, x);
    return term(bins, S(x.state), S(static_cast<const X&>(mean.state)), static_cast<S>(log_scale.state));
  }
}

/// The log-probability of arrays of float or double by kernels in F, and by Bins where those leave an element out.
template <class F, class X, class Y, class L>
double bin_sum(const char* function, const GreyLevels& grey, const Named<X>& x, const Named<Y>& mean,
               const Named<L>& log_scale) {
  using V = value_t<X>;
  const Bins<double> bins(function, grey);
  const auto x_view = state_traits<V>::view(x.state);
  const auto mean_view = state_traits<V>::view(mean.state);
  const std::size_t n = x_view.size();
  state_details::require_like<V>(function, x, n, mean, mean_view.size());
  const auto sum = [&](const scalar_t<X>* each, double one, auto log_scale_of) {
    const F leading = static_cast<F>(one), rest = static_cast<F>(one - static_cast<double>(leading));
    const numerics::likelihood_kernels::BinProbability<F, scalar_t<X>> of{
        x_view.data(), mean_view.data(), each, leading, rest, bins.edges<F>()};
    return numerics::likelihood_kernels::total(of, n, [&](std::size_t i) {
      const double x_i(x_view.data()[i]);
      if (!bins.contain(x_i)) require_levels(function, grey, x);
      return bins.log_probability(x_i, mean_view.data()[i], log_scale_of(i));
    });
  };
  if constexpr (StoredState<L>) {
    const auto view = state_traits<V>::view(log_scale.state);
    state_details::require_like<V>(function, x, n, log_scale, view.size());
    return sum(view.data(), 0, [&](std::size_t i) { return view.data()[i]; });
  } else {
    const auto one = static_cast<double>(log_scale.state);
    return sum(nullptr, one, [=](std::size_t) { return one; });
  }
}

}  // namespace decoder_details

/// log P(x) = sum over the elements of log integral of N(mean, scale^2) over [x - h, x + h], in nats, where 2 h is the
/// distance between grey levels; the bins of the lowest and the highest level reach to infinity. [ho2020.13], with
/// 256 levels on [-1, 1]. log_scale is a number, or for arrays a state with one for each element.
/// x beyond the range of `grey` is an error; NaN propagates.
template <NormedState X, CompatibleState<X> Y, decoder_details::LogScale<X> L>
sum_t<X> discretized_gaussian_log_likelihood(const X& x, const Y& mean, const L& log_scale,
                                             const GreyLevels& grey = {}) {
  const char* function = "discretized_gaussian_log_likelihood";
  const Named data{"x", x};
  const Named means{"mean", mean};
  const Named scales{"log_scale", log_scale};
  if constexpr (StoredState<X> && std::same_as<sum_t<X>, double>)
    return decoder_details::bin_sum<double>(function, grey, data, means, scales);
  else
    return decoder_details::sum_over_levels(
        function, grey, data, means, scales,
        [](const auto& bins, const auto&... element) { return bins.log_probability(element...); });
}

}  // namespace diffusion
