// SPDX-License-Identifier: MIT
// xtensor containers, adaptors, views and expressions as states.
//
// Include it beside any header of the library; the core never includes xtensor. Functions return xarray, xtensor or
// xtensor_fixed, never expressions. Arguments with contiguous elements are used in place, others are evaluated once.
// Sample k of a batch is index k of the first axis. into(x) writes to containers, adaptors and contiguous views.
// xtensor 0.24 to 0.25 and, with their moved headers, 0.26 and later.
#pragma once

#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xfixed.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xfixed.hpp>
#include <xtensor/xtensor.hpp>
#endif

#include <optional>

#include "numerics/require.hpp"
#include "state/state.hpp"

namespace diffusion {

namespace xtensor_details {

template <class X>
concept Expression = xt::is_xexpression<X>::value;

template <class X>
concept Strided = requires(const X& x) {
  x.data();
  x.data_offset();
  x.strides();
};

template <class T, class Shape, xt::layout_type layout>
struct Plain {
  using type = xt::xarray<T, layout>;
};
template <class T, class Index, std::size_t n, xt::layout_type layout>
struct Plain<T, std::array<Index, n>, layout> {
  using type = xt::xtensor<T, n, layout>;
};
template <class T, std::size_t... n, xt::layout_type layout>
struct Plain<T, xt::fixed_shape<n...>, layout> {
  using type = xt::xtensor_fixed<T, xt::xshape<n...>, layout>;
};

/// The container that an expression is evaluated to, in row-major order unless the expression is column-major.
template <class X, xt::layout_type layout = X::static_layout == xt::layout_type::column_major
                                                ? xt::layout_type::column_major
                                                : xt::layout_type::row_major>
using PlainOf = typename Plain<std::remove_cv_t<typename X::value_type>, typename X::shape_type, layout>::type;

/// Whether the elements of x are contiguous in the given order; axes of length one have no stride that matters.
template <Strided X>
bool is_contiguous(const X& x, xt::layout_type layout) {
  const std::size_t n = x.dimension();
  std::ptrdiff_t expected = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t axis = layout == xt::layout_type::row_major ? n - 1 - i : i;
    if (x.shape()[axis] != 1 && static_cast<std::ptrdiff_t>(x.strides()[axis]) != expected) return false;
    expected *= static_cast<std::ptrdiff_t>(x.shape()[axis]);
  }
  return true;
}

/// The elements of an expression in the given order: where they are, or in a copy.
template <class X, xt::layout_type layout>
class View {
 public:
  explicit View(const X& x) : size_(x.size()) {
    if constexpr (Strided<X>) {
      if (is_contiguous(x, layout)) {
        elements_ = x.data() + x.data_offset();
        return;
      }
    }
    copy_.emplace(x);
  }
  const auto* data() const { return elements_ != nullptr ? elements_ : copy_->data(); }
  std::size_t size() const { return size_; }

 private:
  const std::remove_cv_t<typename X::value_type>* elements_ = nullptr;
  std::size_t size_;
  std::optional<PlainOf<X, layout>> copy_;  // an xarray allocates, even where it is empty
};

}  // namespace xtensor_details

template <xtensor_details::Expression X>
struct state_traits<X> {
  using scalar = std::remove_cv_t<typename X::value_type>;
  using value = xtensor_details::PlainOf<X>;
  /// The same in the order that noise counts elements in.
  using canonical = xtensor_details::PlainOf<X, xt::layout_type::row_major>;

  template <xtensor_details::Expression Y>
  static auto view(const Y& y) {
    return xtensor_details::View<Y, value::static_layout>(y);
  }
  static std::span<scalar> elements(X& x)
    requires xtensor_details::Strided<X> && requires { static_cast<scalar*>(x.data()); }
  {
    if (!xtensor_details::is_contiguous(x, value::static_layout))
      numerics::fail("diffusion::into: out is a view whose elements are not contiguous");
    return {x.data() + x.data_offset(), x.size()};
  }
  static value like(const X& x) {
    if constexpr (requires {
                    typename value::shape_type::size_type;
                    value().resize(x.shape());
                  }) {
      value result;
      result.resize(x.shape());
      return result;
    } else {
      return value();
    }
  }
  template <xtensor_details::Expression Y>
  static bool same_shape(const X& x, const Y& y) {
    if (x.dimension() != y.dimension()) return false;
    for (std::size_t axis = 0; axis < x.dimension(); ++axis)
      if (x.shape()[axis] != y.shape()[axis]) return false;
    return true;
  }
  static BatchLayout batch_layout(const X& x, std::size_t) {
    const std::size_t samples = x.dimension() == 0 ? 1 : static_cast<std::size_t>(x.shape()[0]);
    return {samples, samples == 0 ? 0 : x.size() / samples, value::static_layout == xt::layout_type::column_major};
  }
};

}  // namespace diffusion
