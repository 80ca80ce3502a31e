// SPDX-License-Identifier: MIT
#include <diffusion/numerics/wide_functions.hpp>

#include <boost/math/constants/constants.hpp>
#include <random>

#include "../support/catch.hpp"
#include "../support/truth.hpp"

using diffusion::numerics::Wide;

namespace {

std::mt19937_64 engine(7);

double uniform(double low, double high) { return low + (high - low) * std::ldexp(double(engine() >> 11), -53); }

// A number of random sign and magnitude, with all its 192 bits in use.
Wide random_wide(double log2_low, double log2_high) {
  const double scale = uniform(log2_low, log2_high);
  const auto exponent = std::int64_t(std::floor(scale));
  return Wide::from_limbs((engine() & 1) != 0, exponent, engine(), engine(), engine() | (std::uint64_t(1) << 63));
}

void require_close(const Wide& result, const truth::Real& expected) {
  INFO("result " << truth::exact(result) << " expected " << expected);
  if (expected == 0) {
    REQUIRE(result.is_zero());
  } else {
    REQUIRE(abs(truth::exact(result) / expected - 1) < ldexp(truth::Real(1), -180));
  }
}

}  // namespace

TEST_CASE("exp and expm1 of Wide are within 2^-180", "[wide]") {
  for (int i = 0; i < 20000; ++i) {
    const Wide x = random_wide(-250, i % 2 == 0 ? 3 : 20);
    require_close(exp(x), exp(truth::exact(x)));
    require_close(expm1(x), expm1(truth::exact(x)));
  }
  for (const double x : {0.0, 1.0, -0.25, 0.25, 0.5, -700.0, 1e-300, -1e-30, 0.34657359027997264, 5e8, -5e8}) {
    require_close(exp(Wide(x)), exp(truth::Real(x)));
    require_close(expm1(Wide(x)), expm1(truth::Real(x)));
  }
}

TEST_CASE("log and log1p of Wide are within 2^-180", "[wide]") {
  for (int i = 0; i < 20000; ++i) {
    const Wide x = abs(random_wide(-40, 40));
    require_close(log(x), log(truth::exact(x)));
    const Wide u = random_wide(-250, -1);
    require_close(log1p(u), log1p(truth::exact(u)));
    const Wide near_one = Wide(1) + random_wide(-100, -3);
    require_close(log(near_one), log(truth::exact(near_one)));
  }
  for (const double x : {1.0, 2.0, 0.5, 1.5, 0.75, 1e-300, 1e300, 1.0000152587890625, 0.99999999999999989})
    require_close(log(Wide(x)), log(truth::Real(x)));
  const Wide far = scaled(Wide(3), -900000000);
  require_close(log(far), log(truth::Real(3)) - 900000000 * log(truth::Real(2)));
}

TEST_CASE("cos, sin and arctan of half turns are within 2^-180", "[wide]") {
  const truth::Real half_pi = boost::math::constants::half_pi<truth::Real>();
  for (int i = 0; i < 5000; ++i) {
    const Wide small = abs(random_wide(-200, -0.001));
    const Wide x = i % 2 == 0 ? small : Wide(1) - small;
    // the truth, too, must not lose the distance from 1
    const truth::Real other = i % 2 == 0 ? truth::exact(Wide(1) - x) : 1 - truth::exact(x);
    require_close(cos_half_pi(x), truth::exact(x) < 0.5 ? cos(half_pi * truth::exact(x)) : sin(half_pi * other));
    require_close(sin_half_pi(x), truth::exact(x) < 0.5 ? sin(half_pi * truth::exact(x)) : cos(half_pi * other));
    const Wide y = abs(random_wide(-200, 200));
    require_close(atan_half_pi(y), atan(truth::exact(y)) / half_pi);
  }
  REQUIRE(cos_half_pi(Wide(1)).is_zero());
  REQUIRE(cos_half_pi(Wide(0)) == Wide(1));
  REQUIRE(sin_half_pi(Wide(1)) == Wide(1));
  REQUIRE(atan_half_pi(Wide::infinite()) == Wide(1));
  REQUIRE(atan_half_pi(Wide(0)).is_zero());
}

TEST_CASE("functions of Wide at zero, infinity and NaN", "[wide]") {
  const Wide inf = Wide::infinite(), nan = Wide::nan();
  REQUIRE(exp(inf) == inf);
  REQUIRE(exp(-inf).is_zero());
  REQUIRE(expm1(-inf) == Wide(-1));
  REQUIRE(exp(Wide(1e10)) == inf);
  REQUIRE(exp(Wide(-1e10)).is_zero());
  REQUIRE(log(inf) == inf);
  REQUIRE(log(Wide(0)) == -inf);
  REQUIRE(log(Wide(1)).is_zero());
  REQUIRE(log(Wide(-1)).is_nan());
  REQUIRE(log1p(Wide(-1)) == -inf);
  REQUIRE((exp(nan).is_nan() && log(nan).is_nan() && log1p(nan).is_nan() && expm1(nan).is_nan()));
}
