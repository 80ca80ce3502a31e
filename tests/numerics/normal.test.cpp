// SPDX-License-Identifier: MIT
#include <diffusion/numerics/normal.hpp>

#include "../support/catch.hpp"
#include "../support/normal.hpp"
#include "../support/random.hpp"

using namespace diffusion::numerics;
using random_arguments::log_uniform;
using random_arguments::uniform;
using truth::Real;

namespace {


void require_close(const Wide& result, const Real& expected) {
  INFO("result " << truth::exact(result) << " expected " << expected);
  REQUIRE(abs(truth::exact(result) - expected) <= abs(expected) * ldexp(Real(1), -160));
}

struct Interval {
  double lower, upper;
};

/// On a grid that doubles hold exactly: of any width, near and far.
Interval random_interval(int i, double farthest) {
  const double grid = std::ldexp(1, -44);
  const double half = std::max(1.0, std::floor(log_uniform(1e-12, 60) / grid)) * grid;
  const double center = i % 3 == 0 ? uniform(-1, 1) : uniform(-farthest, farthest);
  const double middle = std::floor(center / grid / 4) * grid * 4;
  return {middle - half, middle + half};
}

/// Digits without an erfc: what a user's own scalar has.
struct Plain {
  Real value;
  Plain(double x) : value(x) {}
  Plain(const Real& x) : value(x) {}
};
Plain operator-(const Plain& a) { return Real(-a.value); }
Plain operator+(const Plain& a, const Plain& b) { return Real(a.value + b.value); }
Plain operator-(const Plain& a, const Plain& b) { return Real(a.value - b.value); }
Plain operator*(const Plain& a, const Plain& b) { return Real(a.value * b.value); }
Plain operator/(const Plain& a, const Plain& b) { return Real(a.value / b.value); }
bool operator<(const Plain& a, const Plain& b) { return a.value < b.value; }
bool operator>(const Plain& a, const Plain& b) { return a.value > b.value; }
bool operator==(const Plain& a, const Plain& b) { return a.value == b.value; }
Plain exp(const Plain& x) { return Real(exp(x.value)); }
Plain log(const Plain& x) { return Real(log(x.value)); }
Plain log1p(const Plain& x) { return Real(log1p(x.value)); }
Plain sqrt(const Plain& x) { return Real(sqrt(x.value)); }
Plain atan(const Plain& x) { return Real(atan(x.value)); }

}  // namespace

TEST_CASE("the two forms of the truth of Mills' ratio agree", "[normal]") {
  for (const double x : {5.0, 6.0, 9.0, 15.0, 25.0, 60.0}) {
    const truth::Long by_erfc = truth::mills_by_erfc(x);
    REQUIRE(abs(truth::mills_by_fraction(x) / by_erfc - 1) < 1e-150);
  }
}

TEST_CASE("log_normal_tail of Wide is within 2^-160 in both tails", "[normal]") {
  for (int i = 0; i < 1000; ++i) {
    const double size = i % 3 == 0 ? log_uniform(1e-20, 1) : i % 3 == 1 ? uniform(0, 12) : log_uniform(1, 1e6);
    for (const double x : {size, -size}) require_close(log_normal_tail(Wide(x)), Real(truth::log_normal_tail(x)));
    require_close(mills_ratio(Wide(size)), Real(truth::mills_ratio(size)));
  }
  require_close(log_normal_tail(Wide(0)), log(Real(0.5)));
  require_close(mills_ratio(Wide(5)), Real(truth::mills_ratio(5)));
  REQUIRE(log_normal_tail(Wide::infinite()) == -Wide::infinite());
  REQUIRE(log_normal_tail(-Wide::infinite()).is_zero());
  REQUIRE(mills_ratio(Wide::infinite()).is_zero());
  REQUIRE((log_normal_tail(Wide::nan()).is_nan() && mills_ratio(Wide::nan()).is_nan()));
}

TEST_CASE("log_normal_interval of Wide is within 2^-160 for any width and place", "[normal]") {
  for (int i = 0; i < 1000; ++i) {
    const auto [lower, upper] = random_interval(i, i % 2 == 0 ? 8 : 1000);
    require_close(log_normal_interval(Wide(lower), Wide(upper)), Real(truth::log_normal_interval(lower, upper)));
  }
  const Wide infinite = Wide::infinite();
  for (const Wide& x : {Wide(0.5), infinite, -infinite}) REQUIRE(log_normal_interval(x, x) == -infinite);
  REQUIRE(log_normal_interval(Wide(0.5), infinite) == log_normal_tail(Wide(0.5)));
  REQUIRE(log_normal_interval(-infinite, Wide(-3)) == log_normal_tail(Wide(3)));
  REQUIRE(log_normal_interval(-infinite, infinite).is_zero());
  REQUIRE(log_normal_interval(Wide::nan(), Wide(1)).is_nan());
  REQUIRE(log_normal_interval(Wide(0), Wide::nan()).is_nan());
}

TEST_CASE("probabilities of a scalar with and without an erfc of its own", "[normal]") {
  for (int i = 0; i < 300; ++i) {
    const auto [lower, upper] = random_interval(i, 12);
    const Real interval(truth::log_normal_interval(lower, upper)), tail(truth::log_normal_tail(lower));
    const Real of_interval = abs(interval) * Real(1e-105), of_tail = abs(tail) * Real(1e-105);
    REQUIRE(abs(log_normal_interval(Real(lower), Real(upper)) - interval) <= of_interval);
    REQUIRE(abs(log_normal_interval(Plain(lower), Plain(upper)).value - interval) <= of_interval);
    REQUIRE(abs(log_normal_tail(Real(lower)) - tail) <= of_tail);
    REQUIRE(abs(log_normal_tail(Plain(lower)).value - tail) <= of_tail);
  }
}
