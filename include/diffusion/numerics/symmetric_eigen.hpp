// SPDX-License-Identifier: MIT
// Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations.
//
// Use it for covariances of up to some hundreds of rows, of any scalar type: it needs nothing but plain memory. A large
// matrix of doubles is the business of an array library. Time is about 60 n^3 operations.
//
// Accuracy: eigenvectors are orthonormal, and eigenvalues right, to some n roundings of the largest; where the matrix
// is positive definite and its diagonal scaled badly, small eigenvalues keep their digits, too.
// Source: Golub & Van Loan 2013, section 8.5; Demmel & Veselic 1992.
#pragma once

#include <algorithm>
#include <vector>

#include "special.hpp"

namespace diffusion::numerics {

/// Eigenvalues, the largest first; eigenvector k is in the elements k n to k n + n - 1.
template <class S>
struct SymmetricEigen {
  std::vector<S> values, vectors;
};

namespace eigen_solver_details {

template <class S>
S root(const S& x) {
  if constexpr (std::same_as<S, double>)
    return libm::sqrt(x);
  else
    return round_to<S>(Working<S>(sqrt(Working<S>(x))));
}

/// (x, y) -> (c x - s y, s x + c y) for n elements of x and y.
template <class S>
void rotate(S* x, S* y, std::size_t n, std::size_t stride, const S& c, const S& s) {
  for (std::size_t i = 0; i < n * stride; i += stride) {
    const S x_i = x[i], y_i = y[i];
    x[i] = c * x_i - s * y_i;
    y[i] = s * x_i + c * y_i;
  }
}

}  // namespace eigen_solver_details

/// Of the n x n matrix a, row by row, whose two halves agree; elements are finite. [golub2013.jacobi]
template <class S>
SymmetricEigen<S> symmetric_eigen(std::vector<S> a, std::size_t n) {
  using eigen_solver_details::root, eigen_solver_details::rotate;
  const S epsilon = std::numeric_limits<S>::epsilon();
  std::vector<S> v(n * n, S(0));
  S norm(0);
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = S(1);
  for (const S& e : a) norm = norm + absolute(e);
  bool rotated = true;
  for (int sweep = 0; rotated && sweep < 100; ++sweep) {
    rotated = false;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const S off = a[p * n + q], diagonal = root(absolute(a[p * n + p])) * root(absolute(a[q * n + q]));
        if (!(absolute(off) > epsilon * diagonal && absolute(off) > epsilon * epsilon * norm)) continue;
        rotated = true;
        const S theta = (a[q * n + q] - a[p * n + p]) / (S(2) * off);
        const S size = absolute(theta) + root(S(S(1) + theta * theta));
        const S t = theta < S(0) ? S(S(-1) / size) : S(S(1) / size);
        const S c = S(1) / root(S(S(1) + t * t)), s = t * c;
        rotate(&a[p * n], &a[q * n], n, 1, c, s);
        rotate(&a[p], &a[q], n, n, c, s);
        a[p * n + q] = a[q * n + p] = S(0);
        rotate(&v[p * n], &v[q * n], n, 1, c, s);
      }
  }
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a[j * n + j] < a[i * n + i]; });
  SymmetricEigen<S> result{std::vector<S>(n), std::vector<S>(n * n)};
  for (std::size_t k = 0; k < n; ++k) {
    result.values[k] = a[order[k] * n + order[k]];
    for (std::size_t i = 0; i < n; ++i) result.vectors[k * n + i] = v[order[k] * n + i];
  }
  return result;
}

}  // namespace diffusion::numerics
