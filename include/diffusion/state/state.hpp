// SPDX-License-Identifier: MIT
// What an array must be for this library: a State is anything whose elements can be combined as a x + b y.
//
// Three kinds are states. A scalar: float, double, a multiprecision or dual number. A stored state: a type whose
// elements lie in contiguous memory, known through one specialisation of state_traits (std::vector, std::array and
// std::span below; Eigen in eigen.hpp; xtensor in xtensor.hpp; your own type in three functions). A closed state: any
// other type with a x + b y. Public functions return values of the evaluated type, value_t<X>, never lazy expressions;
// into(out) makes them write into memory that the caller owns instead.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

namespace diffusion {

/// How the elements of X are reached. Specialise it for a type of your own with
///   using scalar;                                   the element type
///   using value;                                    the evaluated, owning type of X: X itself unless X is a view
///   static auto view(const X&);                     something with data() and size() over contiguous elements
///   static std::span<scalar> elements(X&);          the same, writable
///   static value like(const X&);                    a new value of the same shape
/// and, where there are shapes, static bool same_shape(const X&, const Y&); where samples of a batch are not contiguous
/// equal parts, static BatchLayout batch_layout(const X&, std::size_t samples); where storage orders differ, a type
/// `canonical` whose elements lie sample by sample.
template <class X>
struct state_traits {};

/// Sample k of a batch is its k-th contiguous part of `length` elements or, interleaved, every samples-th element from
/// k on.
struct BatchLayout {
  std::size_t samples, length;
  bool interleaved;
};

template <class X>
concept StoredState = requires {
  typename state_traits<std::remove_cvref_t<X>>::value;
  requires !std::integral<typename state_traits<std::remove_cvref_t<X>>::scalar>;
};

namespace state_details {

/// Integers, alone or in arrays, are no states: a coefficient would be cut to 0 or 1.
template <class X>
concept Integers = std::integral<X> || requires { requires std::integral<typename state_traits<X>::scalar>; };

template <class X>
concept LooksLikeArray = requires(const X& x) {
  x.rows();
  x.cols();
} || requires(const X& x) {
  x.shape();
  x.dimension();
} || requires(const X& x) {
  x.data();
  x.size();
};

/// Named for the diagnostic: an array must not slip through as a closed state, where nobody would check its shape.
template <class X>
concept IncludeEigenHppOrXtensorHppOrSpecialiseStateTraits = StoredState<X> || !LooksLikeArray<X>;

}  // namespace state_details

/// A number as a state of one element; closed-form checks in one dimension cost nothing.
template <class X>
concept ScalarState =
    !StoredState<X> && !state_details::Integers<X> && (std::floating_point<X> || requires(const X& x) {
      X(1.0);
      { x* x + x / x } -> std::convertible_to<X>;
      { x < x } -> std::convertible_to<bool>;
    });

/// Any other type with double * x and x + y, such as a struct of two coordinates. It has no norm and no noise of its
/// own.
template <class X>
concept ClosedState =
    !StoredState<X> && !ScalarState<X> && !state_details::Integers<X> && requires(const X& x, double a) {
      { a* x + a* x } -> std::convertible_to<X>;
    };

/// Anything that formulas of the library can be applied to.
template <class X>
concept State = state_details::IncludeEigenHppOrXtensorHppOrSpecialiseStateTraits<X> &&
                (StoredState<X> || ScalarState<std::remove_cvref_t<X>> || ClosedState<std::remove_cvref_t<X>>);

namespace state_details {

template <class X>
struct Types {
  using value = X;
  using scalar = double;
};
template <ScalarState X>
struct Types<X> {
  using value = X;
  using scalar = X;
};
template <StoredState X>
struct Types<X> {
  using value = typename state_traits<X>::value;
  using scalar = typename state_traits<X>::scalar;
};

}  // namespace state_details

/// The type that functions return for a state X: X itself, evaluated and owning.
template <class X>
using value_t = typename state_details::Types<std::remove_cvref_t<X>>::value;

/// The type of one element of X.
template <class X>
using scalar_t = typename state_details::Types<std::remove_cvref_t<X>>::scalar;

/// The type of sums over the elements of X: double for float.
template <class X>
using sum_t = std::conditional_t<std::same_as<scalar_t<X>, float>, double, scalar_t<X>>;

/// A state with a norm and a number of elements, as likelihoods need; not of complex numbers.
template <class X>
concept NormedState = (StoredState<X> || ScalarState<std::remove_cvref_t<X>>) && requires(const scalar_t<X>& a) {
  { a < a } -> std::convertible_to<bool>;
};

namespace state_details {

template <class Y, class X>
inline constexpr bool compatible = std::convertible_to<const Y&, X>;
template <class Y, ScalarState X>
inline constexpr bool compatible<Y, X> =
    std::same_as<Y, X> || std::integral<Y> || (!std::floating_point<X> && std::convertible_to<const Y&, X>);
template <class Y, StoredState X>
inline constexpr bool compatible<Y, X> = StoredState<Y> && std::same_as<scalar_t<Y>, scalar_t<X>> &&
                                         requires(const Y& y) { state_traits<value_t<X>>::view(y); };

}  // namespace state_details

/// A state that can stand beside X in a sum: of the same element type (float noise does not go with double data) and
/// library.
template <class Y, class X>
concept CompatibleState = State<X> && state_details::compatible<std::remove_cvref_t<Y>, std::remove_cvref_t<X>>;

/// Where a function puts its result: NewState, the default, returns it; Into writes it into a state of the caller.
struct NewState {};
template <class X>
struct Into {
  X target;
};

/// into(out): write the result into `out`, which must have the size of the first state argument. It may be one of the
/// arguments, but must not overlap one in part. Nothing is allocated and nothing returned. A view may be a temporary.
template <class X>
  requires(std::is_lvalue_reference_v<X> || !std::same_as<X, value_t<X>>)
Into<X> into(X&& out) {
  return Into<X>{static_cast<X&&>(out)};
}

template <class Out>
concept Destination = std::same_as<Out, NewState> || requires(Out out) { []<class X>(const Into<X>&) {}(out); };

// Plain memory: the value of a view is a vector.
namespace state_details {

template <class Range, class T, class Value>
struct MemoryTraits {
  using scalar = T;
  using value = Value;
  template <class Y>
  static auto view(const Y& y)
    requires requires { std::span<const T>(y); }
  {
    return std::span<const T>(y);
  }
  static std::span<T> elements(Range& x)
    requires std::constructible_from<std::span<T>, Range&>
  {
    return std::span<T>(x);
  }
  static value like(const Range& x) {
    if constexpr (requires { value(x.size()); })
      return value(x.size());
    else
      return value();
  }
};

}  // namespace state_details

template <class T, class Allocator>
struct state_traits<std::vector<T, Allocator>>
    : state_details::MemoryTraits<std::vector<T, Allocator>, T, std::vector<T, Allocator>> {};
template <class T, std::size_t n>
struct state_traits<std::array<T, n>> : state_details::MemoryTraits<std::array<T, n>, T, std::array<T, n>> {};
template <class T, std::size_t n>
struct state_traits<std::span<T, n>>
    : state_details::MemoryTraits<std::span<T, n>, std::remove_const_t<T>, std::vector<std::remove_const_t<T>>> {};

}  // namespace diffusion
