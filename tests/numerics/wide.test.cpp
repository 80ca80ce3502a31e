// SPDX-License-Identifier: MIT
#include <diffusion/numerics/wide.hpp>

#include <cmath>
#include <random>
#include <vector>

#include "../support/catch.hpp"
#include "../support/truth.hpp"

using diffusion::numerics::Wide;

namespace {

std::mt19937_64 engine(20240607);

// Numbers with many or few bits set, near to powers of two, and of far or near exponents.
Wide random_wide(int exponent_range) {
  const auto limb = [] {
    const auto pattern = engine() % 6;
    const std::uint64_t bits = engine();
    return pattern == 0   ? std::uint64_t(0)
           : pattern == 1 ? ~std::uint64_t(0)
           : pattern == 2 ? bits & engine() & engine() & engine()
           : pattern == 3 ? bits >> (engine() % 64)
           : pattern == 4 ? bits << (engine() % 64)
                          : bits;
  };
  const auto exponent = int(engine() % std::uint64_t(2 * exponent_range + 1)) - exponent_range;
  return Wide::from_limbs((engine() & 1) != 0, exponent, limb(), limb(), limb() | (std::uint64_t(1) << 63));
}

// r is x rounded to odd: exact, or between the two neighbours of x with the last bit set.
bool is_odd_rounding(const Wide& r, const truth::Real& x) {
  const truth::Real error = x - truth::exact(r);
  if (error == 0) return true;
  const truth::Real ulp = ldexp(truth::Real(1), r.exponent() - 191);
  return abs(error) < ulp && fmod(abs(truth::exact(r)) / ulp, truth::Real(2)) == 1;
}

}  // namespace

TEST_CASE("limb primitives without a 128-bit integer agree with those that use it", "[wide]") {
  using namespace diffusion::numerics;
  for (int i = 0; i < 200000; ++i) {
    const Limb a = engine() << (engine() % 64), b = engine() >> (engine() % 64);
    const LimbPair p = multiply_limbs(a, b), q = multiply_limbs_by_halves(a, b);
    REQUIRE((p.low == q.low && p.high == q.high));
    const Limb d = (engine() | (Limb(1) << 63)) & ~(engine() % 3 == 0 ? Limb(0xffffffff) : Limb(0));
    const Limb high = engine() % 3 == 0 ? d - 1 : engine() % d;
    const LimbPair r = divide_limbs(high, a, d), s = divide_limbs_by_halves(high, a, d);
    REQUIRE((r.low == s.low && r.high == s.high));
  }
}

TEST_CASE("every operation of Wide is the exact result rounded to odd", "[wide]") {
  const int range = GENERATE(0, 1, 70, 200, 300);
  for (int i = 0; i < 20000; ++i) {
    const Wide a = random_wide(range), b = random_wide(range);
    const truth::Real x = truth::exact(a), y = truth::exact(b);
    // 420 bits hold a sum exactly only for near exponents; beyond, the truth itself is rounded, which the test must
    // allow
    if (range <= 200) {
      REQUIRE(is_odd_rounding(a + b, x + y));
      REQUIRE(is_odd_rounding(a - b, x - y));
    }
    REQUIRE(is_odd_rounding(a * b, x * y));
    REQUIRE(is_odd_rounding(a / b, x / y));
    REQUIRE(is_odd_rounding(a * b / b, truth::exact(a * b) / y));
    const Wide square = sqrt(a.is_negative() ? -a : a);
    REQUIRE(is_odd_rounding(square, sqrt(abs(x))));
    REQUIRE((a < b) == (x < y));
    REQUIRE((a == b) == (x == y));
    REQUIRE((a <= b) == (x <= y));
  }
}

TEST_CASE("a square root of an exact square is exact", "[wide]") {
  for (int i = 0; i < 20000; ++i) {
    const Wide root = Wide(engine() >> (engine() % 64)) * Wide(engine() >> 40);
    REQUIRE(sqrt(root * root) == root);
  }
}

TEMPLATE_TEST_CASE("round_to is the correctly rounded value", "[wide]", float, double, long double) {
  using F = TestType;
  const int exponent_range = std::is_same_v<F, float> ? 160 : 1090;
  for (int i = 0; i < 100000; ++i) {
    const Wide a = random_wide(exponent_range);
    REQUIRE(truth::same(a.round_to<F>(), truth::rounded<F>(truth::exact(a))));
  }
  for (int i = 0; i < 100000; ++i) {  // ties and their neighbours, also of subnormal numbers and at overflow
    int exponent = int(engine() % std::uint64_t(exponent_range)) - (exponent_range / 2);
    if (i % 3 == 0) exponent = std::numeric_limits<F>::min_exponent - int(engine() % 70);
    if (i % 3 == 1) exponent = std::numeric_limits<F>::max_exponent - int(engine() % 70);
    const Wide tie = scaled(Wide(engine() >> (engine() % 64)), exponent);
    for (const Wide& x : {tie, tie + scaled(tie, -150), tie - scaled(tie, -150), -tie})
      REQUIRE(truth::same(x.round_to<F>(), truth::rounded<F>(truth::exact(x))));
  }
}

TEMPLATE_TEST_CASE("a built-in number goes to Wide and back unchanged", "[wide]", float, double, long double) {
  using F = TestType;
  using Limits = std::numeric_limits<F>;
  for (const F x : {F(0), F(1), F(-1.5), Limits::min(), Limits::denorm_min(), Limits::max(), Limits::lowest(),
                    Limits::epsilon(), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(), F(1) / F(3)}) {
    REQUIRE(truth::same(Wide(x).round_to<F>(), x));
    REQUIRE(std::signbit(Wide(x).round_to<F>()) == std::signbit(x));
  }
  for (int i = 0; i < 100000; ++i) {
    const F x = std::ldexp(F(std::int64_t(engine())), int(engine() % 250) - 180);
    REQUIRE(Wide(x).round_to<F>() == x);
  }
  for (const std::int64_t n : {std::int64_t(0), std::int64_t(-7), std::numeric_limits<std::int64_t>::min()})
    REQUIRE(Wide(n).round_to<F>() == F(n));
}

TEST_CASE("zero, infinity and NaN follow IEEE 754", "[wide]") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> values{0.0, 1.0, -2.5, inf, -inf, nan};
  for (const double x : values) {
    for (const double y : values) {
      REQUIRE(truth::same((Wide(x) + Wide(y)).round_to<double>(), x + y));
      REQUIRE(truth::same((Wide(x) - Wide(y)).round_to<double>(), x - y));
      REQUIRE(truth::same((Wide(x) * Wide(y)).round_to<double>(), x * y));
      REQUIRE(truth::same((Wide(x) / Wide(y)).round_to<double>(), x / y));
      REQUIRE((Wide(x) < Wide(y)) == (x < y));
      REQUIRE((Wide(x) == Wide(y)) == (x == y));
      REQUIRE((Wide(x) >= Wide(y)) == (x >= y));
    }
    REQUIRE(truth::same(sqrt(Wide(x)).round_to<double>(), std::sqrt(x)));
  }
}
