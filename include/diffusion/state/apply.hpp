// SPDX-License-Identifier: MIT
// The one operation that every step and conversion is made of: a row of coefficients applied to states.
//
// Use it to write a step of your own: exact scalars in, one pass over the arrays, any kind of state, one row or a row
// for each sample of a batch, a new state or one of the caller's. All sizes are checked before anything is written.
//
// Accuracy: elements are combined from left to right in their own type, to which the coefficients are rounded first.
#pragma once

#include "../numerics/require.hpp"
#include "state.hpp"

namespace diffusion {

/// A state with the name that an error message calls it by.
template <class X>
struct Named {
  const char* name;
  const X& state;
};
template <class X>
Named(const char*, const X&) -> Named<X>;

namespace state_details {

template <class T>
void combine(T* out, std::size_t n, std::size_t stride, const std::array<T, 1>& c, const T* x) {
  const T c0 = c[0];
  for (std::size_t i = 0; i < n * stride; i += stride) out[i] = c0 * x[i];
}
template <class T>
void combine(T* out, std::size_t n, std::size_t stride, const std::array<T, 2>& c, const T* x, const T* y) {
  const T c0 = c[0], c1 = c[1];
  for (std::size_t i = 0; i < n * stride; i += stride) out[i] = c0 * x[i] + c1 * y[i];
}
template <class T>
void combine(T* out, std::size_t n, std::size_t stride, const std::array<T, 3>& c, const T* x, const T* y, const T* z) {
  const T c0 = c[0], c1 = c[1], c2 = c[2];
  for (std::size_t i = 0; i < n * stride; i += stride) out[i] = c0 * x[i] + c1 * y[i] + c2 * z[i];
}

template <class X, class T>
X combined(const std::array<T, 1>& c, const X& x) {
  return static_cast<X>(c[0] * x);
}
template <class X, class T>
X combined(const std::array<T, 2>& c, const X& x, const X& y) {
  return static_cast<X>(c[0] * x + c[1] * y);
}
template <class X, class T>
X combined(const std::array<T, 3>& c, const X& x, const X& y, const X& z) {
  return static_cast<X>(c[0] * x + c[1] * y + c[2] * z);
}

template <class T, class Real, std::size_t terms>
std::array<T, terms> row_as(const std::array<Real, terms>& row) {
  std::array<T, terms> converted{};
  for (std::size_t i = 0; i < terms; ++i) converted[i] = static_cast<T>(row[i]);
  return converted;
}

template <class V, class X, class Y>
void require_like(const char* function, const Named<X>& first, std::size_t size, const Named<Y>& other,
                  std::size_t other_size) {
  if (other_size != size) numerics::fail_size(function, other.name, other_size, size, first.name);
  if constexpr (requires { state_traits<V>::same_shape(first.state, other.state); })
    if (!state_traits<V>::same_shape(first.state, other.state))
      numerics::fail_shape(function, other.name, first.name, "another shape");
}

/// Calls body(out, size, pointers to the elements of each state...) once all sizes are checked; returns what Out asks
/// for.
template <class Out, class Body, class X, class... Rest>
auto with_elements(const char* function, Out& out, Body body, const Named<X>& first, const Named<Rest>&... rest) {
  using V = value_t<X>;
  const auto checked = [&](const auto& view, const auto&... views) {
    const std::size_t size = view.size();
    (require_like<V>(function, first, size, rest, views.size()), ...);
    if constexpr (std::same_as<Out, NewState>) {
      V result = state_traits<X>::like(first.state);
      body(state_traits<V>::elements(result).data(), size, view.data(), views.data()...);
      return result;
    } else {
      using Target = std::remove_reference_t<decltype(out.target)>;
      static_assert(
          requires { state_traits<Target>::elements(out.target); },
          "into(out) needs a state that can be written to in contiguous memory");
      static_assert(std::same_as<scalar_t<Target>, scalar_t<X>>, "into(out) needs the element type of the arguments");
      const auto target = state_traits<Target>::elements(out.target);
      require_like<V>(function, first, size, Named{"out", out.target}, target.size());
      if (state_traits<V>::view(out.target).data() != target.data())
        numerics::fail_shape(function, "out", first.name, "another storage order");
      body(target.data(), size, view.data(), views.data()...);
    }
  };
  return checked(state_traits<V>::view(first.state), state_traits<V>::view(rest.state)...);
}

template <class X>
BatchLayout batch_layout(const char* function, const Named<X>& first, std::size_t size, std::size_t samples) {
  if constexpr (requires { state_traits<X>::batch_layout(first.state, samples); }) {
    const BatchLayout layout = state_traits<X>::batch_layout(first.state, samples);
    if (layout.samples != samples) numerics::fail_samples(function, first.name, layout.samples, samples);
    return layout;
  } else {
    if (samples == 0 || size % samples != 0) numerics::fail_parts(function, first.name, size, samples);
    return {samples, size / samples, false};
  }
}

}  // namespace state_details

/// row[0] first + row[1] rest + ...; errors name `function` and the states.
template <class Real, std::size_t terms, class Out, class X, class... Rest>
auto apply_row(const char* function, const std::array<Real, terms>& row, Out& out, const Named<X>& first,
               const Named<Rest>&... rest) {
  static_assert(terms == 1 + sizeof...(Rest));
  using state_details::combined, state_details::row_as;
  if constexpr (StoredState<X>) {
    using T = scalar_t<X>;
    const auto body = [&row](T* target, std::size_t size, const auto*... elements) {
      state_details::combine(target, size, 1, row_as<T>(row), elements...);
    };
    return state_details::with_elements(function, out, body, first, rest...);
  } else {
    using T = std::conditional_t<ScalarState<X>, X, Real>;
    if constexpr (requires { first.state.size(); })  // such as std::valarray, which would not check
      (state_details::require_like<X>(function, first, first.state.size(), rest, rest.state.size()), ...);
    if constexpr (std::same_as<Out, NewState>)
      return combined<X>(row_as<T>(row), first.state, static_cast<const X&>(rest.state)...);
    else
      out.target = combined<X>(row_as<T>(row), first.state, static_cast<const X&>(rest.state)...);
  }
}

/// The same for a batch, sample k with the row that row_of(k) returns, k = 0..samples-1.
template <class RowOf, class Out, class X, class... Rest>
auto apply_rows(const char* function, std::size_t samples, RowOf row_of, Out& out, const Named<X>& first,
                const Named<Rest>&... rest) {
  static_assert(StoredState<X>, "a batch of levels needs a state of several elements");
  using T = scalar_t<X>;
  const auto body = [&](T* target, std::size_t size, const auto*... elements) {
    const BatchLayout layout = state_details::batch_layout(function, first, size, samples);
    const std::size_t step = layout.interleaved ? 1 : layout.length, stride = layout.interleaved ? samples : 1;
    for (std::size_t k = 0; k < samples; ++k)
      state_details::combine(target + k * step, layout.length, stride, state_details::row_as<T>(row_of(k)),
                             (elements + k * step)...);
  };
  return state_details::with_elements(function, out, body, first, rest...);
}

}  // namespace diffusion
