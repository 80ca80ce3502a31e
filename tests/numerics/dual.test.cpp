// SPDX-License-Identifier: MIT
#include <diffusion/numerics/dual.hpp>

#include <diffusion/model/conversions.hpp>
#include <diffusion/process/forward.hpp>

#include "../support/exact.hpp"

using namespace diffusion;
using truth::Real;

namespace {

static_assert(ScalarState<Dual<>> && ScalarState<Dual<Real>> && StoredState<std::vector<Dual<float>>>);
static_assert(std::same_as<decltype(Dual(1.0)), Dual<double>> && std::same_as<decltype(Dual(1.0f, 2.0f)), Dual<float>>);

/// The derivative of f at x, by Dual<Real> and by differences in 126 digits.
template <class F>
void require_derivative(F f, const Real& x) {
  const Dual<Real> result = f(Dual<Real>(x, Real(3)));
  exact::require_equal(result.value, f(x));
  exact::require_equal(result.slope, 3 * exact::slope(f, x), exact::slope_tolerance);
  // and in doubles and floats, to their rounding errors
  const Dual<> in_double = f(Dual<>(double(x), 1));
  const Real here = Real(double(x)), scale = 1 + abs(f(here)) + abs(exact::slope(f, here));
  REQUIRE(abs(in_double.value - f(here)) < 1e-14 * scale);
  REQUIRE(abs(in_double.slope - exact::slope(f, here)) < 1e-14 * scale);
  const Dual<float> in_float = f(Dual<float>(float(x), 1));
  REQUIRE(abs(in_float.slope - exact::slope(f, Real(float(x)))) < 1e-5 * scale);
}

}  // namespace

TEST_CASE("every operation has its derivative", "[dual][baydin2018.dual]") {
  for (int i = 0; i < 20; ++i) {
    const Real x = exact::number(0.3, 3), c = exact::number(0.3, 3);
    const auto number = [c]<class T>(const T&) { return T(double(c)); };
    require_derivative([&](const auto& y) { return y * y + number(y) * y; }, x);
    require_derivative([&](const auto& y) { return number(y) - y * y; }, x);
    require_derivative([&](const auto& y) { return y / (number(y) + y); }, x);
    require_derivative([&](const auto& y) { return number(y) / (y * y); }, x);
    require_derivative([&](const auto& y) { return -y; }, x);
    require_derivative([&](const auto& y) { return sqrt(y); }, x);
    require_derivative([&](const auto& y) { return exp(y); }, x);
    require_derivative([&](const auto& y) { return log(y); }, x);
    require_derivative([&](const auto& y) { return sin(y); }, x);
    require_derivative([&](const auto& y) { return cos(y); }, x);
    require_derivative([&](const auto& y) { return tanh(y); }, x);
    require_derivative([&](const auto& y) { return atan(y); }, x);
    require_derivative([&](const auto& y) { return exp(tanh(y * y) / y); }, x);
    require_derivative(
        [&](auto y) {
          y += y * y;
          y -= number(y);
          y *= y;
          y /= number(y) + y;
          return y;
        },
        x);
  }
}

TEST_CASE("constants have no slope, and comparisons are of values", "[dual]") {
  const Dual<> x(2, 5), y(2, -1), z(3, 5);
  REQUIRE((Dual<>(4).slope == 0 && Dual<>().value == 0 && Dual<float>(2.5).value == 2.5f));
  REQUIRE((x + 1).slope == 5);
  REQUIRE((2 * x).slope == 10);
  REQUIRE((1 - x).slope == -5);
  REQUIRE(double(x) == 2);
  REQUIRE((x == y && x <= y && x >= y && !(x < y) && !(x > y)));
  REQUIRE((x < z && x <= z && !(x >= z) && !(x > z) && z > x && z >= x && !(x == z)));
}

TEST_CASE("levels and formulas of the library differentiate", "[dual][baydin2018.dual]") {
  for (int i = 0; i < 20; ++i) {
    const Real at = exact::number(-6, 6), x_t = exact::number(), eps = exact::number();
    const auto estimate = [&](const auto& log_snr) {
      using T = std::remove_cvref_t<decltype(log_snr)>;
      return x0_from_noise(vp_level<T>(log_snr), T(x_t), T(eps));
    };
    const Dual<Real> result = estimate(Dual<Real>(at, Real(1)));
    exact::require_equal(result.value, estimate(at));
    exact::require_equal(result.slope, exact::slope(estimate, at), exact::slope_tolerance);
  }
}
