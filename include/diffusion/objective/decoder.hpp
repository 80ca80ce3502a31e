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

#include "../numerics/normal.hpp"
#include "../process/gaussian.hpp"

namespace diffusion {

/// Evenly spaced values from low to high, both included: what integer data 0..levels-1 are scaled to.
struct GreyLevels {
  int levels = 256;
  double low = -1, high = 1;
};

namespace decoder_details {

inline constexpr const char* function = "discretized_gaussian_log_likelihood";
inline constexpr const char* grey_level = "a grey level, in [grey.low, grey.high]";

enum class Bin { closed, lowest, highest };

/// The bins of grey levels, for data, means and sums of the type S.
template <class S>
class Bins {
  using W = numerics::Working<S>;

 public:
  explicit Bins(const GreyLevels& grey) : low_(grey.low), high_(grey.high) {
    numerics::require(grey.levels >= 2, function, "grey.levels", grey.levels, "at least 2");
    numerics::require(low_ < high_ && high_ - low_ < std::numeric_limits<double>::infinity(), function, "grey.low",
                      low_, "a finite number below grey.high");
    half_ = (W(high_) - W(low_)) / W(2 * (std::int64_t(grey.levels) - 1));
    slack_ = (high_ - low_) / 8 / (grey.levels - 1);
    fast_half_ = 4 * slack_;
  }

  /// Whether x is a datum: NaN, or beyond the range by at most an eighth of a bin, as rounded data may be.
  bool contain(const S& x) const {
    const double value = numerics::shown(x);
    return !(value < low_ - slack_ || value > high_ + slack_);
  }

  /// log P(bin of x) under N(mean, exp(2 log_scale)).
  S log_probability(const S& x, const S& mean, const S& log_scale) const {
    const W inverse_scale = exp(W(-W(log_scale)));
    const W distance = bin(x) == Bin::lowest ? W(W(mean) - W(x)) : W(W(x) - W(mean));
    const W lower = (distance - half_) * inverse_scale, upper = (distance + half_) * inverse_scale;
    return numerics::round_to<S>(bin(x) == Bin::closed ? numerics::log_normal_interval(lower, upper)
                                                       : numerics::log_normal_tail(lower));
  }

  /// The same in doubles, but for bins so narrow, or with an edge so near to the mean, that their rounding counts.
  double fast_log_probability(double x, double mean, double log_scale) const {
    const double inverse_scale = numerics::libm::exp(-log_scale), difference = x - mean;
    const double size = difference < 0 ? -difference : difference;
    const double distance = bin(x) == Bin::closed ? size : bin(x) == Bin::lowest ? -difference : difference;
    const double edge = distance - fast_half_, sum = size + fast_half_;
    if (8 * (edge < 0 ? -edge : edge) < sum && 8 < sum * inverse_scale) return log_probability(x, mean, log_scale);
    if (log_scale < -300 || log_scale > 300) return log_probability(x, mean, log_scale);
    if (bin(x) != Bin::closed) return numerics::fast_log_normal_tail(edge * inverse_scale);
    return numerics::fast_log_normal_interval(edge * inverse_scale, sum * inverse_scale, fast_half_ * inverse_scale);
  }

 private:
  Bin bin(const S& x) const {
    const double value = numerics::shown(x);
    return value < low_ + slack_ ? Bin::lowest : value > high_ - slack_ ? Bin::highest : Bin::closed;
  }

  double low_, high_, slack_, fast_half_;  // slack_ is an eighth of a bin
  W half_;                                 // of the width of a bin
};

/// A scale for all elements, or a state with one for each.
template <class L, class X>
concept LogScale = std::convertible_to<const L&, sum_t<X>> || (StoredState<X> && CompatibleState<L, X>);

}  // namespace decoder_details

/// log P(x) = sum over the elements of log integral of N(mean, scale^2) over [x - h, x + h], in nats, where 2 h is the
/// distance between grey levels; the bins of the lowest and the highest level reach to infinity. [ho2020.13], with
/// 256 levels on [-1, 1]. log_scale is a number, or for arrays a state with one for each element.
/// x beyond the range of `grey` is an error; NaN propagates.
template <NormedState X, CompatibleState<X> Y, decoder_details::LogScale<X> L>
sum_t<X> discretized_gaussian_log_likelihood(const X& x, const Y& mean, const L& log_scale,
                                             const GreyLevels& grey = {}) {
  using S = sum_t<X>;
  using decoder_details::function, decoder_details::grey_level;
  const decoder_details::Bins<S> bins(grey);
  if constexpr (StoredState<X>) {
    using V = value_t<X>;
    const Named named{"x", x};
    const auto x_view = state_traits<V>::view(x);
    const auto mean_view = state_traits<V>::view(mean);
    state_details::require_like<V>(function, named, x_view.size(), Named{"mean", mean}, mean_view.size());
    const auto sum = [&](auto log_scale_of) {
      return state_details::pairwise_sum<S>(0, x_view.size(), [&](std::size_t i) {
        const S x_i(x_view.data()[i]), mean_i(mean_view.data()[i]), log_scale_i(log_scale_of(i));
        numerics::require_element(bins.contain(x_i), function, "x", i, x_i, grey_level);
        if constexpr (std::same_as<S, double>)
          return bins.fast_log_probability(x_i, mean_i, log_scale_i);
        else
          return bins.log_probability(x_i, mean_i, log_scale_i);
      });
    };
    if constexpr (StoredState<L>) {
      const auto view = state_traits<V>::view(log_scale);
      state_details::require_like<V>(function, named, x_view.size(), Named{"log_scale", log_scale}, view.size());
      return sum([&](std::size_t i) { return view.data()[i]; });
    } else {
      return sum([&](std::size_t) { return log_scale; });
    }
  } else {
    numerics::require(bins.contain(S(x)), function, "x", x, grey_level);
    return bins.log_probability(S(x), S(static_cast<const X&>(mean)), static_cast<S>(log_scale));
  }
}

}  // namespace diffusion
