// SPDX-License-Identifier: MIT
#include <diffusion/numerics/symmetric_eigen.hpp>

#include <cmath>

#include "../support/exact.hpp"

using namespace diffusion::numerics;
using random_arguments::uniform;
using truth::Real;

namespace {

/// Requires A v = value v for orthonormal v and falling values, to `tolerance` times the largest element of A.
template <class S>
void require_eigen(const std::vector<S>& a, std::size_t n, double tolerance) {
  const SymmetricEigen<S> eigen = symmetric_eigen(a, n);
  REQUIRE((eigen.values.size() == n && eigen.vectors.size() == n * n));
  Real largest = 0;
  for (const S& e : a) largest = std::max(largest, Real(abs(Real(e))));
  for (std::size_t k = 0; k < n; ++k) {
    const S* v = &eigen.vectors[k * n];
    if (k > 0) REQUIRE(eigen.values[k] <= eigen.values[k - 1]);
    Real wrong = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Real product = -Real(eigen.values[k]) * Real(v[i]);
      for (std::size_t j = 0; j < n; ++j) product += Real(a[i * n + j]) * Real(v[j]);
      wrong = std::max(wrong, Real(abs(product)));
    }
    CAPTURE(n, k, wrong, largest);
    REQUIRE(wrong <= tolerance * largest);
    for (std::size_t l = 0; l <= k; ++l) {
      Real product = l == k ? -1 : 0;
      for (std::size_t i = 0; i < n; ++i) product += Real(v[i]) * Real(eigen.vectors[l * n + i]);
      REQUIRE(abs(product) <= tolerance);
    }
  }
}

template <class S>
std::vector<S> random_symmetric(std::size_t n) {
  std::vector<S> a(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) a[i * n + j] = a[j * n + i] = S(uniform(-1, 1));
  return a;
}

}  // namespace

TEST_CASE("eigenvectors are orthonormal, and the matrix stretches them by the eigenvalues",
          "[symmetric_eigen][golub2013.jacobi]") {
  for (std::size_t n = 1; n <= 12; ++n) {
    require_eigen(random_symmetric<double>(n), n, 3e-15 * double(n + 1));
    require_eigen(random_symmetric<long double>(n), n, 2e-18 * double(n + 1));
  }
  for (std::size_t n = 1; n <= 5; ++n) require_eigen(random_symmetric<Real>(n), n, 1e-120);
  require_eigen(random_symmetric<double>(60), 60, 1e-13);
}

TEST_CASE("matrices that leave nothing to rotate, or little", "[symmetric_eigen]") {
  for (const std::vector<double>& a : {std::vector<double>{0, 0, 0, 0},
                                       {1, 0, 0, 1},
                                       {0, 1, 1, 0},
                                       {2, 1e-300, 1e-300, 1},
                                       {1, 1, 1, 1},
                                       {-3, 4, 4, 3},
                                       {1e-200, 1e-201, 1e-201, 1e-200},
                                       {3e200, 1e200, 1e200, 1e199}})
    require_eigen(a, 2, 1e-15);
  require_eigen<double>({1, 1, 1, 1, 1, 1, 1, 1, 1}, 3, 3e-15);
  REQUIRE(symmetric_eigen<double>({2, 0, 0, 0, 5, 0, 0, 0, 3}, 3).values == std::vector<double>{5, 3, 2});
}

TEST_CASE("small eigenvalues of a badly scaled positive definite matrix keep their digits", "[symmetric_eigen]") {
  // D B D with B well conditioned and D from 1 to 1e-12
  for (int i = 0; i < 20; ++i) {
    constexpr std::size_t n = 4;
    std::vector<double> a(n * n);
    for (std::size_t r = 0; r < n; ++r)
      for (std::size_t c = 0; c <= r; ++c)
        a[r * n + c] = a[c * n + r] =
            (r == c ? 1 : uniform(-0.2, 0.2)) * std::pow(10.0, -2.0 * double(r)) * std::pow(10.0, -2.0 * double(c));
    const auto values = symmetric_eigen(a, n).values;
    const auto exactly = symmetric_eigen(std::vector<Real>(a.begin(), a.end()), n).values;
    for (std::size_t k = 0; k < n; ++k) REQUIRE(abs(values[k] / exactly[k] - 1) < 1e-14);
  }
}
