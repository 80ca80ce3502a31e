// SPDX-License-Identifier: MIT
#include <diffusion/state/inner_product.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using numerics::Wide;
using random_arguments::uniform;
using truth::Real;

namespace {

template <class X, class Y>
auto product(const X& x, const Y& y) {
  return inner_product("test", Named{"x", x}, Named{"y", y});
}

}  // namespace

TEST_CASE("an inner product is the sum of the products", "[inner_product]") {
  for (std::size_t n = 1; n < 70; ++n) {
    std::vector<double> x(n), y(n);
    std::vector<float> xf(n), yf(n);
    Real exactly = 0, of_floats = 0, sizes = 0;
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = uniform(-2, 2), y[i] = uniform(-2, 2), xf[i] = float(x[i]), yf[i] = float(y[i]);
      exactly += Real(x[i]) * Real(y[i]);
      of_floats += Real(xf[i]) * Real(yf[i]);
      sizes += abs(Real(x[i]) * Real(y[i]));
    }
    REQUIRE(abs(truth::exact(product(x, y)) - exactly) < 2e-15 * sizes);
    REQUIRE(abs(truth::exact(product(xf, yf)) - of_floats) < 2e-15 * sizes);  // summed in double
    REQUIRE(truth::exact(product(x, x)) == truth::exact(squared_norm(x)));
  }
}

TEST_CASE("of scalars it is exact, and types mix as in other sums", "[inner_product]") {
  const double x = uniform(-2, 2), y = uniform(-2, 2);
  REQUIRE(truth::exact(product(x, y)) == Real(x) * Real(y));
  exact::require_equal(product(Real(x), Real(y)), Real(x) * Real(y));
  const std::vector<double> v{1, 2, 3};
  REQUIRE(product(std::span<const double>(v), std::array{4.0, -5.0, 6.0}) == Wide(12));
}

TEST_CASE("sizes that differ are named", "[inner_product][errors]") {
  REQUIRE(message([] { return product(std::vector<double>{1, 2}, std::vector<double>{1}); }) ==
          "diffusion::test: y has 1 elements, expected 2, as x");
}
