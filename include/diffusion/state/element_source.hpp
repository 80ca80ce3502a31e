// SPDX-License-Identifier: MIT
// States whose elements are made where a step uses them, such as noise: they are never in memory as a whole.
//
// Use it to write a source of noise of your own that steps take in pieces, as they do NormalNoise: apply.hpp then asks
// for a few kibibytes of elements at a time. Not for states that are there anyway.
#pragma once

#include "state.hpp"

namespace diffusion {

namespace state_details {

template <class T>
concept KernelScalar = std::same_as<T, float> || std::same_as<T, double>;

/// Whether the elements of X lie in another order than sample by sample.
template <class X>
inline constexpr bool reordered = false;
template <class X>
  requires requires { typename state_traits<X>::canonical; }
inline constexpr bool reordered<X> = !std::same_as<typename state_traits<X>::canonical, value_t<X>>;

}  // namespace state_details

/// Elements that are made where a step uses them, in pieces that stay in the first cache: elements(first, room) writes
/// elements first, first + 1, ... of a state like X to room, or returns where they are already. It may be called from
/// several threads. For floats and doubles; not for states whose elements do not lie sample by sample.
template <class Z, class X>
concept ElementSource = (StoredState<X> || std::same_as<X, scalar_t<X>>) && state_details::KernelScalar<scalar_t<X>> &&
                        !state_details::reordered<std::remove_cvref_t<X>> &&
                        requires(const Z& z, std::size_t first, std::span<scalar_t<X>> room) {
                          { z.elements(first, room) } -> std::same_as<const scalar_t<X>*>;
                        };

/// What may stand for the noise of a step: a state, or a source of its elements.
template <class Z, class X>
concept StepNoise = CompatibleState<Z, X> || ElementSource<Z, X>;

namespace state_details {

/// A scalar or closed state as X.
template <class X, class Y>
decltype(auto) closed(const Y& y) {
  if constexpr (ElementSource<Y, X>) {
    X room{};
    return X(*y.elements(0, std::span<X>(&room, 1)));
  } else {
    return static_cast<const X&>(y);
  }
}

/// Stands where a source of elements has no state, and where there is no source.
template <class T>
struct NoElements {
  std::size_t n = 0;
  std::size_t size() const { return n; }
  const T* data() const { return nullptr; }
};

template <class V, class Y>
auto view_of(const Y& y, std::size_t size) {
  if constexpr (ElementSource<Y, V>)
    return NoElements<scalar_t<V>>{size};
  else
    return state_traits<V>::view(y);
}

/// The last of some states, if it is a source of elements.
template <class X>
NoElements<scalar_t<X>> source_in() {
  return {};
}
template <class X, class Y, class... Rest>
decltype(auto) source_in(const Y& y, const Rest&... rest) {
  static_assert(sizeof...(Rest) == 0 || !ElementSource<Y, X>,
                "only the last state of a row may be a source of elements");
  if constexpr (ElementSource<Y, X>)
    return static_cast<const Y&>(y);
  else
    return source_in<X>(rest...);
}

}  // namespace state_details

}  // namespace diffusion
