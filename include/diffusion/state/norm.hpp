// SPDX-License-Identifier: MIT
// Squared norm, squared distance and number of elements of a state: all that a Gaussian density asks of an array.
//
// Accuracy: exact for a scalar. For stored states the squares are summed pairwise, in double for float and otherwise in
// the element type: n elements err by about (8 + log2 n) units of rounding at most, squares that leave the range of
// double included.
#pragma once

#include "../numerics/require.hpp"
#include "../numerics/working.hpp"
#include "apply.hpp"

namespace diffusion {

namespace state_details {

/// sum of square(i) over first <= i < last, halves first; blocks of 16 keep it as fast as a plain loop.
template <class S, class Square>
S pairwise_sum(std::size_t first, std::size_t last, const Square& square) {
  if (last - first <= 16) {
    S sum(0);
    for (std::size_t i = first; i < last; ++i) sum = sum + square(i);
    return sum;
  }
  const std::size_t middle = first + (last - first) / 2;
  return pairwise_sum<S>(first, middle, square) + pairwise_sum<S>(middle, last, square);
}

/// sum of element(i)^2 over i < size, summed in Sum, where element(i, Sum()) is a Sum.
template <class Sum, class Element>
Sum sum_of_squares_in(std::size_t size, const Element& element) {
  return pairwise_sum<Sum>(0, size, [&](std::size_t i) {
    const Sum e = element(i, Sum());
    return Sum(e * e);
  });
}

/// The same in S or, where squares of double leave its range, in working precision.
template <class S, class Element>
numerics::Working<S> sum_of_squares(std::size_t size, const Element& element) {
  using W = numerics::Working<S>;
  const S sum = sum_of_squares_in<S>(size, element);
  if constexpr (std::same_as<S, double>) {
    bool in_range = sum > 1e-280 && sum < 1e300;
    if (sum == 0) {
      std::size_t zeros = 0;
      while (zeros < size && element(zeros, S()) == 0) ++zeros;
      in_range = zeros == size;
    }
    if (!in_range) return sum_of_squares_in<W>(size, element);
  }
  return W(sum);
}

/// ||x - y||^2 in working precision, summed in Sum where that is not the sum_t of the elements.
template <class Sum, NormedState X, CompatibleState<X> Y>
numerics::Working<sum_t<X>> squared_distance(const char* function, const Named<X>& x, const Named<Y>& y) {
  using W = numerics::Working<sum_t<X>>;
  if constexpr (StoredState<X>) {
    using V = value_t<X>;
    const auto x_view = state_traits<V>::view(x.state);
    const auto y_view = state_traits<V>::view(y.state);
    require_like<V>(function, x, x_view.size(), y, y_view.size());
    const auto difference = [x_elements = x_view.data(), y_elements = y_view.data()]<class E>(std::size_t i, const E&) {
      return E(E(x_elements[i]) - E(y_elements[i]));
    };
    if constexpr (std::same_as<Sum, sum_t<X>>)
      return sum_of_squares<Sum>(x_view.size(), difference);
    else
      return W(sum_of_squares_in<Sum>(x_view.size(), difference));
  } else {
    const W difference = W(x.state) - W(static_cast<const X&>(y.state));
    return difference * difference;
  }
}

}  // namespace state_details

/// The number of elements of x.
template <NormedState X>
std::size_t dimension(const X& x) {
  if constexpr (StoredState<X>)
    return state_traits<value_t<X>>::view(x).size();
  else
    return 1;
}

/// ||x||^2 in the working precision of sums over x.
template <NormedState X>
numerics::Working<sum_t<X>> squared_norm(const X& x) {
  using W = numerics::Working<sum_t<X>>;
  if constexpr (StoredState<X>) {
    const auto view = state_traits<value_t<X>>::view(x);
    return state_details::sum_of_squares<sum_t<X>>(
        view.size(), [elements = view.data()]<class E>(std::size_t i, const E&) { return E(elements[i]); });
  } else {
    return W(x) * W(x);
  }
}

/// ||x - y||^2, as squared_norm; errors name `function`.
template <NormedState X, CompatibleState<X> Y>
numerics::Working<sum_t<X>> squared_distance(const char* function, const Named<X>& x, const Named<Y>& y) {
  return state_details::squared_distance<sum_t<X>>(function, x, y);
}

/// ||row[0] first + row[1] rest + ...||^2, in working precision for a scalar; for arrays the row is rounded to the type
/// of sums, in which the elements are combined and summed. Errors name `function`.
template <class W, std::size_t terms, NormedState X, CompatibleState<X>... Rest>
numerics::Working<sum_t<X>> combined_squared_norm(const char* function, const std::array<W, terms>& row,
                                                  const Named<X>& first, const Named<Rest>&... rest) {
  static_assert(terms == 1 + sizeof...(Rest));
  using S = sum_t<X>;
  using Result = numerics::Working<S>;
  const auto combined = []<class T>(const std::array<T, terms>& c, const std::array<T, terms>& x) {
    T sum = c[0] * x[0];
    for (std::size_t j = 1; j < terms; ++j) sum = sum + c[j] * x[j];
    return T(sum * sum);
  };
  if constexpr (StoredState<X>) {
    using V = value_t<X>;
    std::array<S, terms> c{};
    for (std::size_t j = 0; j < terms; ++j) c[j] = numerics::round_to<S>(row[j]);
    const auto sum = [&](const auto& view, const auto&... views) {
      (state_details::require_like<V>(function, first, view.size(), rest, views.size()), ...);
      return state_details::pairwise_sum<S>(0, view.size(), [&](std::size_t i) {
        return combined(c, std::array<S, terms>{S(view.data()[i]), S(views.data()[i])...});
      });
    };
    return Result(sum(state_traits<V>::view(first.state), state_traits<V>::view(rest.state)...));
  } else {
    return combined(std::array<Result, terms>(row),
                    std::array<Result, terms>{Result(first.state), Result(static_cast<const X&>(rest.state))...});
  }
}

}  // namespace diffusion
