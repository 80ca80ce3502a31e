// SPDX-License-Identifier: MIT
#include <diffusion/numerics/special.hpp>

#include "../support/catch.hpp"
#include "../support/random.hpp"
#include "../support/truth.hpp"

using namespace diffusion::numerics;
using random_arguments::log_uniform;
using random_arguments::uniform;

namespace {

void require_close(const Wide& result, const truth::Real& expected, int bits = 170) {
  INFO("result " << truth::exact(result) << " expected " << expected);
  REQUIRE(abs(truth::exact(result) - expected) <= abs(expected) * ldexp(truth::Real(1), -bits));
}

}  // namespace

TEST_CASE("special functions keep their digits where the textbook cancels", "[special]") {
  for (int i = 0; i < 3000; ++i) {
    const double sign = i % 2 == 0 ? 1 : -1, tiny = sign * log_uniform(1e-300, 0.9), x = uniform(-40, 40);
    const truth::Real u = tiny, y = x;
    truth::Real expected = u - log1p(u);
    if (abs(u) < 1e-40) expected = u * u / 2 - u * u * u / 3;
    require_close(minus_log1p(Wide(tiny)), expected, 155);
    require_close(expm1_of(Wide(tiny)), expm1(u));
    require_close(log1p_of(Wide(tiny)), log1p(u));
    const auto pair = logistic(Wide(x));
    require_close(pair.at, 1 / (1 + exp(-y)));
    require_close(pair.complement, 1 / (1 + exp(y)));
    const auto curve = hyperbolic(Wide(tiny * 30));
    require_close(curve.cosh, cosh(truth::Real(tiny * 30)));
    require_close(curve.sinh, sinh(truth::Real(tiny * 30)));
  }
  REQUIRE(minus_log1p(Wide(0)).is_zero());
  REQUIRE(minus_log1p(Wide(-1)) == Wide::infinite());
  REQUIRE(logistic(Wide::infinite()).at == Wide(1));
  REQUIRE(logistic(-Wide::infinite()).at.is_zero());
}

TEST_CASE("the same functions for a scalar without expm1 and log1p of its own", "[special]") {
  using truth::Real;
  const auto near = [](const Real& a, const Real& b) { return abs(a - b) <= abs(b) * Real(1e-110); };
  for (const double x : {-3.0, -0.01, 0.01, 0.5, 2.0}) {
    REQUIRE(near(hyperbolic(Real(x)).cosh, cosh(Real(x))));
    REQUIRE(near(hyperbolic(Real(x)).sinh, sinh(Real(x))));
    REQUIRE(near(logistic(Real(x)).at, 1 / (1 + exp(-Real(x)))));
    if (x > -1) REQUIRE(near(minus_log1p(Real(x)), Real(x) - log(1 + Real(x))));
  }
  REQUIRE(near(pi<Real>(), 4 * atan(Real(1))));
  REQUIRE(near(cos_half_pi(Real(0.25)), cos(pi<Real>() / 8)));
  REQUIRE(near(sin_half_pi(Real(0.75)), sin(pi<Real>() * 3 / 8)));
  REQUIRE(near(atan_half_pi(Real(3)), atan(Real(3)) * 2 / pi<Real>()));
}
