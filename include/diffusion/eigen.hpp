// SPDX-License-Identifier: MIT
// Eigen arrays, matrices, vectors, maps and expressions of them as states.
//
// Include it beside any header of the library; the core never includes Eigen. Functions return plain arrays or
// matrices, never expressions. Arguments with contiguous elements (arrays, maps, columns) are used in place, others are
// evaluated once. Sample k of a batch is column k. into(x) writes to arrays, maps and columns of the caller's.
#pragma once

#include <Eigen/Core>

#include "numerics/require.hpp"
#include "state/state.hpp"

namespace diffusion {

namespace eigen_details {

template <class Derived>
bool is_contiguous(const Derived& x) {
  return x.innerStride() == 1 &&
         (Derived::IsVectorAtCompileTime || x.outerStride() == x.innerSize() || x.outerSize() <= 1);
}

/// The array or matrix that Derived is evaluated to, in the given storage order; a vector has only one.
template <class Derived, bool row_major>
struct Plain {
  static constexpr int order =
      (Derived::IsVectorAtCompileTime ? bool(Derived::IsRowMajor) : row_major) ? Eigen::RowMajor : Eigen::ColMajor;
  template <template <class, int, int, int, int, int> class Kind>
  using Of = Kind<typename Derived::Scalar, Derived::RowsAtCompileTime, Derived::ColsAtCompileTime, order,
                  Derived::MaxRowsAtCompileTime, Derived::MaxColsAtCompileTime>;
  using type =
      std::conditional_t<std::derived_from<Derived, Eigen::ArrayBase<Derived>>, Of<Eigen::Array>, Of<Eigen::Matrix>>;
};

/// The elements of an Eigen expression in the given storage order: where they are, or in a copy.
template <class Derived, bool row_major>
class View {
  using Scalar = typename Derived::Scalar;
  static constexpr bool direct = (int(Derived::Flags) & int(Eigen::DirectAccessBit)) != 0 &&
                                 (Derived::IsVectorAtCompileTime || bool(Derived::IsRowMajor) == row_major);

 public:
  explicit View(const Derived& x) : size_(static_cast<std::size_t>(x.size())) {
    if constexpr (direct) {
      if (is_contiguous(x)) {
        elements_ = x.data();
        return;
      }
    }
    copy_ = x;
  }
  const Scalar* data() const { return elements_ != nullptr ? elements_ : copy_.data(); }
  std::size_t size() const { return size_; }

 private:
  const Scalar* elements_ = nullptr;
  std::size_t size_;
  typename Plain<Derived, row_major>::type copy_;
};

template <class X>
concept Dense = std::derived_from<X, Eigen::DenseBase<X>>;

}  // namespace eigen_details

template <eigen_details::Dense X>
struct state_traits<X> {
  using scalar = typename X::Scalar;
  using value = typename X::PlainObject;
  /// The same in the order that noise counts elements in.
  using canonical = typename eigen_details::Plain<X, false>::type;

  template <eigen_details::Dense Y>
  static auto view(const Y& y) {
    return eigen_details::View<Y, bool(value::IsRowMajor)>(y);
  }
  static std::span<scalar> elements(X& x)
    requires(bool(int(X::Flags) & int(Eigen::DirectAccessBit)) && bool(int(X::Flags) & int(Eigen::LvalueBit)))
  {
    if (!eigen_details::is_contiguous(x))
      numerics::fail("diffusion::into: out is a block whose elements are not contiguous");
    return {x.data(), static_cast<std::size_t>(x.size())};
  }
  static value like(const X& x) {
    value result;
    result.resize(x.rows(), x.cols());
    return result;
  }
  template <eigen_details::Dense Y>
  static bool same_shape(const X& x, const Y& y) {
    return x.rows() == y.rows() && x.cols() == y.cols();
  }
  static BatchLayout batch_layout(const X& x, std::size_t) {
    return {static_cast<std::size_t>(x.cols()), static_cast<std::size_t>(x.rows()), bool(value::IsRowMajor)};
  }
};

}  // namespace diffusion
