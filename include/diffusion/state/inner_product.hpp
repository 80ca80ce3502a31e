// SPDX-License-Identifier: MIT
// The inner product of two states: what a projection, a directional derivative or an estimator of a trace asks of them.
//
// Accuracy: exact for a scalar. For stored states the products are summed pairwise, in double for float and otherwise
// in the element type, as the squares of norm.hpp.
#pragma once

#include "norm.hpp"

namespace diffusion {

/// sum x_i y_i in the working precision of sums over x; errors name `function`.
template <NormedState X, CompatibleState<X> Y>
numerics::Working<sum_t<X>> inner_product(const char* function, const Named<X>& x, const Named<Y>& y) {
  using S = sum_t<X>;
  using W = numerics::Working<S>;
  if constexpr (StoredState<X>) {
    using V = value_t<X>;
    const auto x_view = state_traits<V>::view(x.state);
    const auto y_view = state_traits<V>::view(y.state);
    state_details::require_like<V>(function, x, x_view.size(), y, y_view.size());
    const auto *x_elements = x_view.data(), *y_elements = y_view.data();
    return W(state_details::pairwise_sum<S>(0, x_view.size(),
                                            [=](std::size_t i) { return S(S(x_elements[i]) * S(y_elements[i])); }));
  } else {
    return W(x.state) * W(static_cast<const X&>(y.state));
  }
}

}  // namespace diffusion
