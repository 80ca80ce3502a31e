// SPDX-License-Identifier: MIT
// Embedded Runge-Kutta pairs over any state, and integration with adaptive steps: y' = f(u, y) together with integrals
// of scalars along the way.
//
// Use integrate() for an ordinary differential equation whose state is an array, to a stated tolerance, in either
// direction; runge_kutta_step() for one step, or for fixed steps. Dormand-Prince 5(4) is the pair for smooth right
// sides, Bogacki-Shampine 3(2) for loose tolerances. A pair is a table of exact fractions, so that of your own enters
// the same way; the solution has the higher order, and the difference of the two is the error that steps are chosen
// by. Not for stiff equations, where it takes many steps, and says so.
//
// Accuracy: that of the tolerance, for each step. Coefficients are fractions, rounded once to the type of sums over
// the state; slopes are combined in the element type.
// Source: Hairer, Norsett & Wanner 1993, sections II.1, II.4 and II.5; Dormand & Prince 1980; Bogacki & Shampine 1989.
#pragma once

#include <cstdint>
#include <vector>

#include "../numerics/special.hpp"
#include "norm.hpp"

namespace diffusion {

/// numerator / denominator.
struct Fraction {
  std::int64_t numerator = 0, denominator = 1;
  constexpr Fraction() = default;
  constexpr Fraction(std::int64_t n, std::int64_t d = 1) : numerator(n), denominator(d) {}

  template <class S>
  S as() const {
    return S(static_cast<double>(numerator)) / S(static_cast<double>(denominator));
  }
};

/// An explicit method of n stages, the last of which is at its solution ("first same as last": a[n - 1] is b), and the
/// weights of a second solution of lower order.
template <std::size_t n>
struct RungeKuttaPair {
  static constexpr std::size_t stages = n;
  int order, embedded_order;
  std::array<Fraction, n> c;                 // nodes
  std::array<std::array<Fraction, n>, n> a;  // row i: stages j < i
  std::array<Fraction, n> b, embedded;       // weights
};

/// Order 5 with an error estimate of order 4. [dormand1980.5_4]
inline constexpr RungeKuttaPair<7> dormand_prince{
    5,
    4,
    {{0, {1, 5}, {3, 10}, {4, 5}, {8, 9}, 1, 1}},
    {{{},
      {{{1, 5}}},
      {{{3, 40}, {9, 40}}},
      {{{44, 45}, {-56, 15}, {32, 9}}},
      {{{19372, 6561}, {-25360, 2187}, {64448, 6561}, {-212, 729}}},
      {{{9017, 3168}, {-355, 33}, {46732, 5247}, {49, 176}, {-5103, 18656}}},
      {{{35, 384}, 0, {500, 1113}, {125, 192}, {-2187, 6784}, {11, 84}}}}},
    {{{35, 384}, 0, {500, 1113}, {125, 192}, {-2187, 6784}, {11, 84}, 0}},
    {{{5179, 57600}, 0, {7571, 16695}, {393, 640}, {-92097, 339200}, {187, 2100}, {1, 40}}}};

/// Order 3 with an error estimate of order 2. [bogacki1989.3_2]
inline constexpr RungeKuttaPair<4> bogacki_shampine{3,
                                                    2,
                                                    {{0, {1, 2}, {3, 4}, 1}},
                                                    {{{}, {{{1, 2}}}, {{0, {3, 4}}}, {{{2, 9}, {1, 3}, {4, 9}}}}},
                                                    {{{2, 9}, {1, 3}, {4, 9}, 0}},
                                                    {{{7, 24}, {1, 4}, {1, 3}, {1, 8}}}};

/// The right side at a point: y', and the integrands of the scalars.
template <class X>
struct Slope {
  X y;
  std::vector<sum_t<X>> integrands;
};

/// A right side: f(u, y) -> Slope.
template <class F, class X>
concept SlopeOf = requires(F& f, const sum_t<X>& u, const X& y) {
  { f(u, y) } -> std::convertible_to<Slope<X>>;
};

/// One step: where it leads, the slope there, what the integrals gain, and the differences of the two solutions.
template <class X>
struct RungeKuttaStep {
  sum_t<X> u;
  X y;
  Slope<X> slope;
  std::vector<sum_t<X>> gains;
  X y_error;
  std::vector<sum_t<X>> gain_errors;
};

namespace runge_kutta_details {

/// base + sum weights[j] slopes[j], or the sum alone.
template <class X, class S>
X combined(const char* function, const X* base, std::span<const S> weights, const std::vector<Slope<X>>& slopes) {
  NewState fresh;
  X sum = apply_row(function, std::array{base != nullptr ? S(1) : S(0)}, fresh,
                    Named{"y", base != nullptr ? *base : slopes[0].y});
  Into<X&> out{sum};
  const Named to{"y", static_cast<const X&>(sum)};
  const auto next = [&](std::size_t j) {
    while (j < weights.size() && weights[j] == S(0)) ++j;
    return j;
  };
  for (std::size_t i = next(0); i < weights.size();) {
    const std::size_t j = next(i + 1);
    if (j < weights.size())
      apply_row(function, std::array{S(1), weights[i], weights[j]}, out, to, Named{"f(u, y)", slopes[i].y},
                Named{"f(u, y)", slopes[j].y});
    else
      apply_row(function, std::array{S(1), weights[i]}, out, to, Named{"f(u, y)", slopes[i].y});
    i = next(j + 1);
  }
  return sum;
}

template <class X>
std::vector<sum_t<X>> gains(std::span<const sum_t<X>> weights, const std::vector<Slope<X>>& slopes) {
  std::vector<sum_t<X>> sums(slopes[0].integrands.size(), sum_t<X>(0));
  for (std::size_t j = 0; j < weights.size(); ++j)
    for (std::size_t m = 0; m < sums.size(); ++m) sums[m] = sums[m] + weights[j] * slopes[j].integrands[m];
  return sums;
}

}  // namespace runge_kutta_details

/// The step from (u, y), where the slope is `first`, to u_next. Calls f once for each stage but the first.
/// [hairer1993.runge_kutta]
template <std::size_t n, NormedState X, SlopeOf<X> F>
RungeKuttaStep<X> runge_kutta_step(const char* function, const RungeKuttaPair<n>& pair, F& f, const sum_t<X>& u,
                                   const sum_t<X>& u_next, const X& y, const Slope<X>& first) {
  using S = sum_t<X>;
  const S h = u_next - u;
  std::vector<Slope<X>> slopes{first};
  slopes.reserve(n);
  std::array<S, n> row{};
  const std::span<const S> weights(row);
  const auto weigh = [&](const std::array<Fraction, n>& fractions, std::size_t count) {
    for (std::size_t j = 0; j < count; ++j) row[j] = h * fractions[j].template as<S>();
  };
  X at = y;
  for (std::size_t i = 1; i < n; ++i) {
    weigh(pair.a[i], i);
    at = runge_kutta_details::combined(function, &y, weights.first(i), slopes);
    const bool end = pair.c[i].numerator == pair.c[i].denominator;
    slopes.push_back(f(end ? u_next : S(u + h * pair.c[i].template as<S>()), static_cast<const X&>(at)));
  }
  weigh(pair.b, n);
  std::vector<S> gains = runge_kutta_details::gains<X>(weights, slopes);
  for (std::size_t j = 0; j < n; ++j) row[j] = h * (pair.b[j].template as<S>() - pair.embedded[j].template as<S>());
  X y_error = runge_kutta_details::combined<X, S>(function, nullptr, weights, slopes);
  std::vector<S> gain_errors = runge_kutta_details::gains<X>(weights, slopes);
  return {u_next,           std::move(at),      std::move(slopes[n - 1]),
          std::move(gains), std::move(y_error), std::move(gain_errors)};
}

/// How closely to integrate: the error of a step, as it is measured, is at most the tolerance, > 0. f is called at most
/// max_evaluations times; to need more is an error.
struct StepControl {
  double tolerance = 1e-6;
  int max_evaluations = 100000;
  /// The longest step, as a share of the way, in (0, 1]: over a long one neither order may see what lies there. With an
  /// infinite tolerance all steps are that long.
  double longest = 0.1;
};

/// What a step got wrong: in the measure that is compared with the tolerance, and in the unit of the result.
template <class S>
struct StepError {
  double measure;
  S error;
};

/// The error of y, as a root mean square over its elements: relative where y is large, absolute where it is small.
struct StateError {
  template <class X>
  StepError<sum_t<X>> operator()(const RungeKuttaStep<X>& step) const {
    const auto size = rms(step.y), error = rms(step.y_error);
    return {numerics::shown(error) / (1 + numerics::shown(size)), error};
  }
  template <class X>
  static sum_t<X> rms(const X& x) {
    using W = numerics::Working<sum_t<X>>;
    return numerics::round_to<sum_t<X>>(W(sqrt(W(squared_norm(x) / W(static_cast<double>(dimension(x)))))));
  }
};

/// y at the end, the integrals, the sum of the errors of the steps, and how often f was called.
template <class X>
struct Integrated {
  X y;
  std::vector<sum_t<X>> integrals;
  sum_t<X> error;
  int evaluations;
};

/// Integrates y' = f(u, y) and the integrands of f from u = from to u = to. A step is taken if measure(step).measure is
/// at most the tolerance, and the next one is as long as the order promises that it may be. from and to are finite.
/// [hairer1993.step_size]
template <std::size_t n, NormedState X, SlopeOf<X> F, class Measure = StateError>
Integrated<X> integrate(const char* function, const RungeKuttaPair<n>& pair, F&& f, const sum_t<X>& from,
                        const sum_t<X>& to, const X& y, const StepControl& control = {}, Measure&& measure = {}) {
  using S = sum_t<X>;
  namespace libm = numerics::libm;
  const double tolerance = control.tolerance;
  numerics::require(tolerance > 0, function, "tolerance", tolerance, "a number > 0");
  numerics::require(control.max_evaluations >= 1, function, "max_evaluations", control.max_evaluations, "at least 1");
  numerics::require(control.longest > 0 && control.longest <= 1, function, "longest", control.longest,
                    "a share of the way in (0, 1]");
  const S span = to - from;
  numerics::require(span - span == S(0), function, "to - from", span, "a finite number");
  Slope<X> slope = f(from, y);
  Integrated<X> result{y, std::vector<S>(slope.integrands.size(), S(0)), S(0), 1};
  const S longest = span * S(control.longest);
  const auto limited = [&](const S& h) { return numerics::absolute(longest) < numerics::absolute(h) ? longest : h; };
  const auto reach = [&](double excess) { return libm::exp(libm::log(excess) / -(pair.embedded_order + 1)); };
  // at first as far as the error would be the tolerance if every derivative were a power of the speed
  const double speed = measure(RungeKuttaStep<X>{from, y, slope, slope.integrands, slope.y, slope.integrands}).measure;
  const double share = reach(1 / tolerance) / speed;
  S h = share < numerics::shown(numerics::absolute(longest)) ? S(span < S(0) ? -share : share) : longest;
  for (S u = from; !(u == to);) {
    // the last step takes with it what rounding errors would leave
    if (!(numerics::absolute(h) * S(1.000001) < numerics::absolute(S(to - u)))) h = to - u;
    const S next = h == to - u ? to : S(u + h);
    numerics::require(!(next == u), function, "a step", h,
                      "one that changes u: f is not finite here, or too stiff for the tolerance");
    numerics::require(result.evaluations + static_cast<int>(n) - 1 <= control.max_evaluations, function, "evaluations",
                      result.evaluations + static_cast<int>(n) - 1, "at most max_evaluations");
    auto step = runge_kutta_step(function, pair, f, u, next, result.y, slope);
    result.evaluations += static_cast<int>(n) - 1;
    const StepError<S> error = measure(step);
    // the error of a step grows as its length to the order of the embedded solution plus one; NaN is too large
    const double excess = error.measure / tolerance;
    double factor = 0.9 * reach(excess);
    if (!(factor > 0.2)) factor = 0.2;
    if (factor > 5) factor = 5;
    if (excess <= 1) {
      for (std::size_t m = 0; m < result.integrals.size(); ++m)
        result.integrals[m] = result.integrals[m] + step.gains[m];
      result.error = result.error + numerics::absolute(error.error);
      result.y = std::move(step.y);
      slope = std::move(step.slope);
      u = next;
    } else if (factor > 0.9) {
      factor = 0.9;
    }
    h = limited(S(h * S(factor)));
  }
  return result;
}

}  // namespace diffusion
