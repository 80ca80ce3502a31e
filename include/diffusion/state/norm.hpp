// SPDX-License-Identifier: MIT
// Squared norm, squared distance and number of elements of a state: all that a Gaussian density asks of an array.
//
// Accuracy: exact for a scalar. For stored states the squares are summed pairwise, in double for float and otherwise in
// the element type: n elements err by about (8 + log2 n) units of rounding at most.
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
    using S = sum_t<X>;
    const auto view = state_traits<value_t<X>>::view(x);
    const auto* elements = view.data();
    return W(state_details::pairwise_sum<S>(0, view.size(), [=](std::size_t i) {
      const S e(elements[i]);
      return S(e * e);
    }));
  } else {
    return W(x) * W(x);
  }
}

/// ||x - y||^2, as squared_norm; errors name `function`.
template <NormedState X, CompatibleState<X> Y>
numerics::Working<sum_t<X>> squared_distance(const char* function, const Named<X>& x, const Named<Y>& y) {
  using W = numerics::Working<sum_t<X>>;
  if constexpr (StoredState<X>) {
    using S = sum_t<X>;
    using V = value_t<X>;
    const auto x_view = state_traits<V>::view(x.state);
    const auto y_view = state_traits<V>::view(y.state);
    state_details::require_like<V>(function, x, x_view.size(), y, y_view.size());
    const auto *x_elements = x_view.data(), *y_elements = y_view.data();
    return W(state_details::pairwise_sum<S>(0, x_view.size(), [=](std::size_t i) {
      const S difference = S(x_elements[i]) - S(y_elements[i]);
      return S(difference * difference);
    }));
  } else {
    const W difference = W(x.state) - W(static_cast<const X&>(y.state));
    return difference * difference;
  }
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
