// SPDX-License-Identifier: MIT
#include <diffusion/state/runge_kutta.hpp>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

using Rational = boost::multiprecision::cpp_rational;
using Vector = std::vector<double>;

Rational exactly(const Fraction& f) { return Rational(f.numerator, f.denominator); }

/// A rooted tree: the trees that hang on its root. Hairer, Norsett & Wanner, section II.2.
struct Tree {
  std::vector<Tree> branches;
  int order() const {
    int n = 1;
    for (const Tree& branch : branches) n += branch.order();
    return n;
  }
  /// The product of the orders of all subtrees.
  int density() const {
    int product = order();
    for (const Tree& branch : branches) product *= branch.density();
    return product;
  }
};

/// All trees of this order, with the branches in an order of their own: every tree once.
std::vector<Tree> trees(int order);
void hang(std::vector<Tree>& result, const Tree& partial, int rest, int largest, std::size_t last) {
  if (rest == 0) {
    result.push_back(partial);
    return;
  }
  for (int size = std::min(rest, largest); size >= 1; --size) {
    const std::vector<Tree> choices = trees(size);
    for (std::size_t k = size == largest ? last : 0; k < choices.size(); ++k) {
      Tree more = partial;
      more.branches.push_back(choices[k]);
      hang(result, more, rest - size, size, k);
    }
  }
}
std::vector<Tree> trees(int order) {
  std::vector<Tree> result;
  hang(result, Tree{}, order - 1, order - 1, 0);
  return result;
}

/// The product over the branches of a tree of what they are at stage i: sum_j a_ij phi_j(branch).
template <std::size_t n>
Rational at_stage(const RungeKuttaPair<n>& pair, const Tree& tree, std::size_t i) {
  Rational product = 1;
  for (const Tree& branch : tree.branches) {
    Rational sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += exactly(pair.a[i][j]) * at_stage(pair, branch, j);
    product *= sum;
  }
  return product;
}

/// How far the condition of a tree is from holding: sum b_i phi_i - 1 / density.
template <std::size_t n>
Rational defect(const RungeKuttaPair<n>& pair, const std::array<Fraction, n>& weights, const Tree& tree) {
  Rational sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += exactly(weights[i]) * at_stage(pair, tree, i);
  return sum - Rational(1, tree.density());
}

template <std::size_t n>
void require_order(const RungeKuttaPair<n>& pair, const std::array<Fraction, n>& weights, int order) {
  for (int k = 1; k <= order; ++k)
    for (const Tree& tree : trees(k)) REQUIRE(defect(pair, weights, tree) == 0);
  bool more = true;
  for (const Tree& tree : trees(order + 1)) more = more && defect(pair, weights, tree) == 0;
  REQUIRE(!more);
}

template <std::size_t n>
void require_pair(const RungeKuttaPair<n>& pair) {
  for (std::size_t i = 0; i < n; ++i) {
    Rational sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      sum += exactly(pair.a[i][j]);
      if (j >= i) REQUIRE(pair.a[i][j].numerator == 0);
    }
    REQUIRE(sum == exactly(pair.c[i]));
  }
  for (std::size_t j = 0; j < n; ++j) REQUIRE(exactly(pair.a[n - 1][j]) == exactly(pair.b[j]));
  REQUIRE(exactly(pair.c[n - 1]) == 1);
  require_order(pair, pair.b, pair.order);
  require_order(pair, pair.embedded, pair.embedded_order);
}

/// A system that depends on u, is not linear, and has integrands.
struct System {
  template <class S>
  Slope<std::vector<S>> operator()(const S& u, const std::vector<S>& y) const {
    return {{u * y[1] - y[0] * y[0] / S(2), S(1) / (S(1) + u * u) - y[0] * y[1]}, {y[0] * y[1] + u, y[1] * y[1]}};
  }
};

struct Fixed {
  std::vector<Real> y, integrals;
};

template <std::size_t n>
Fixed fixed_steps(const RungeKuttaPair<n>& pair, int steps) {
  const System f;
  Fixed result{{Real(1), Real(-0.5)}, {Real(0), Real(0)}};
  Slope<std::vector<Real>> slope = f(Real(0), result.y);
  for (int k = 0; k < steps; ++k) {
    const auto step =
        runge_kutta_step("test", pair, f, Real(Real(k) / steps), Real(Real(k + 1) / steps), result.y, slope);
    result.y = step.y;
    slope = step.slope;
    for (std::size_t m = 0; m < 2; ++m) result.integrals[m] += step.gains[m];
  }
  return result;
}

Real distance(const std::vector<Real>& a, const std::vector<Real>& b) {
  Real sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += abs(a[i] - b[i]);
  return sum;
}

template <std::size_t n>
void require_observed_order(const RungeKuttaPair<n>& pair) {
  // halving the steps divides the error by 2^order; the reference has 16 times as many steps
  const Fixed coarse = fixed_steps(pair, 160), fine = fixed_steps(pair, 320), reference = fixed_steps(pair, 5120);
  const auto order = [](const Real& a, const Real& b) { return double(log(a / b) / log(Real(2))); };
  const double of_y = order(distance(coarse.y, reference.y), distance(fine.y, reference.y));
  const double of_integrals =
      order(distance(coarse.integrals, reference.integrals), distance(fine.integrals, reference.integrals));
  CAPTURE(of_y, of_integrals);
  REQUIRE(std::abs(of_y - pair.order) < 0.2);
  REQUIRE(std::abs(of_integrals - pair.order) < 0.2);
  // the difference of the two solutions of one step shrinks by the lower order plus one
  const System f;
  const std::vector<Real> y{Real(1), Real(-0.5)};
  std::vector<double> sizes, integral_sizes;
  for (const int steps : {40, 80}) {
    const auto step =
        runge_kutta_step("test", pair, f, Real(0.3), Real(Real(0.3) + Real(1) / steps), y, f(Real(0.3), y));
    sizes.push_back(double(log(distance(step.y_error, {0, 0}))));
    integral_sizes.push_back(double(log(distance(step.gain_errors, {0, 0}))));
  }
  REQUIRE(std::abs((sizes[0] - sizes[1]) / std::log(2) - (pair.embedded_order + 1)) < 0.2);
  REQUIRE(std::abs((integral_sizes[0] - integral_sizes[1]) / std::log(2) - (pair.embedded_order + 1)) < 0.2);
}

Vector rotation(double, const Vector& y) { return {-y[1], y[0]}; }
const auto turning = [](double u, const Vector& y) { return Slope<Vector>{rotation(u, y), {y[0] * y[0], u}}; };

}  // namespace

TEST_CASE("there are as many rooted trees as there should be", "[runge_kutta]") {
  const std::size_t counts[] = {1, 1, 2, 4, 9, 20};
  for (int order = 1; order <= 6; ++order) REQUIRE(trees(order).size() == counts[order - 1]);
}

TEST_CASE("the pairs satisfy the conditions of their orders exactly, and no more",
          "[runge_kutta][dormand1980.5_4][bogacki1989.3_2]") {
  require_pair(dormand_prince);
  require_pair(bogacki_shampine);
  REQUIRE((dormand_prince.order == 5 && dormand_prince.embedded_order == 4));
  REQUIRE((bogacki_shampine.order == 3 && bogacki_shampine.embedded_order == 2));
}

TEST_CASE("halving the steps divides the error by two to the order", "[runge_kutta][hairer1993.runge_kutta]") {
  require_observed_order(dormand_prince);
  require_observed_order(bogacki_shampine);
}

TEST_CASE("a step is the two sums of its stages", "[runge_kutta][hairer1993.runge_kutta]") {
  // y' = y: the higher solution is the polynomial of its stages, here by the definition
  const auto f = [](const Real&, const Real& y) { return Slope<Real>{y, {2 * y}}; };
  const Real y = 3, h = Real(1) / 7;
  const auto by_definition = [&](const auto& pair) {
    constexpr std::size_t n = std::remove_cvref_t<decltype(pair)>::stages;
    std::array<Real, n> k;
    Real higher = y, lower = y;
    for (std::size_t i = 0; i < n; ++i) {
      Real stage = y;
      for (std::size_t j = 0; j < i; ++j) stage += h * pair.a[i][j].template as<Real>() * k[j];
      k[i] = stage;
      higher += h * pair.b[i].template as<Real>() * k[i];
      lower += h * pair.embedded[i].template as<Real>() * k[i];
    }
    const auto step = runge_kutta_step("test", pair, f, Real(1), Real(1 + h), y, f(Real(1), y));
    exact::require_equal(step.y, higher);
    exact::require_equal(step.slope.y, step.y);
    exact::require_equal(step.y_error, higher - lower);
    exact::require_equal(step.gains[0], 2 * (higher - y));
    exact::require_equal(step.gain_errors[0], 2 * (higher - lower));
  };
  by_definition(dormand_prince);
  by_definition(bogacki_shampine);
}

TEST_CASE("adaptive steps keep the tolerance, forwards and backwards", "[runge_kutta][hairer1993.step_size]") {
  for (const double tolerance : {1e-3, 1e-6, 1e-9, 1e-12})
    for (const double to : {3.0, -3.0, 0.5}) {
      const auto require_close = [&](const auto& pair) {
        const auto r = integrate("test", pair, turning, 0, to, Vector{1, 0}, {.tolerance = tolerance});
        CAPTURE(tolerance, to, pair.order, r.evaluations);
        const double bound = 20 * tolerance + 1e-14;
        REQUIRE(std::abs(r.y[0] - std::cos(to)) < bound);
        REQUIRE(std::abs(r.y[1] - std::sin(to)) < bound);
        REQUIRE(std::abs(r.integrals[0] - (to / 2 + std::sin(2 * to) / 4)) < bound);
        REQUIRE(std::abs(r.integrals[1] - to * to / 2) < bound);
      };
      require_close(dormand_prince);
      if (tolerance > 1e-10) require_close(bogacki_shampine);
    }
}

TEST_CASE("a tighter tolerance costs what the order promises", "[runge_kutta][hairer1993.step_size]") {
  // steps are as long as tolerance^(1 / (embedded order + 1)): from 1e-6 to 1e-11 ten times as many for order 4
  const auto evaluations = [](double tolerance) {
    return double(
        integrate("test", dormand_prince, turning, 0, 10, Vector{1, 0}, {.tolerance = tolerance}).evaluations);
  };
  const double ratio = evaluations(1e-11) / evaluations(1e-6);
  REQUIRE((ratio > 7 && ratio < 13));
}

TEST_CASE("a narrow bump is found, and steps are rejected there", "[runge_kutta][hairer1993.step_size]") {
  std::vector<double> places;
  const auto bump = [&](double u, double) {
    places.push_back(u);
    return Slope<double>{std::exp(-2000 * (u - 0.5) * (u - 0.5)), {}};
  };
  const double expected = std::sqrt(std::acos(-1.0) / 2000);
  const auto r = integrate("test", dormand_prince, bump, 0, 1, 0.0, {.tolerance = 1e-10});
  REQUIRE(std::abs(r.y - expected) < 1e-9);
  REQUIRE(r.error > std::abs(r.y - expected));
  REQUIRE(std::size_t(r.evaluations) == places.size());
  REQUIRE(places.front() == 0);
  REQUIRE(places.back() == 1);
  for (const double u : places) REQUIRE((u >= 0 && u <= 1));
  // one step over all of it sees nothing: a longest step is what protects from that
  const auto blind = integrate("test", bogacki_shampine, bump, 0, 0.9, 0.0, {.tolerance = 1e-6, .longest = 1});
  REQUIRE(std::abs(blind.y) < expected / 100);
}

TEST_CASE("no step is longer than the longest; with an infinite tolerance all are that long", "[runge_kutta]") {
  for (const int steps : {1, 2, 3, 7, 10, 100}) {
    std::vector<double> ends{1};
    int calls = 0;
    const auto grow = [&](double u, double y) {
      if (++calls % 6 == 1 && calls > 1) ends.push_back(u);  // the last of six stages: no step is rejected
      return Slope<double>{y, {}};
    };
    const StepControl control{.tolerance = std::numeric_limits<double>::infinity(), .longest = 1.0 / steps};
    const auto r = integrate("test", dormand_prince, grow, 1, -2, 1.0, control);
    REQUIRE(r.evaluations == 1 + 6 * steps);
    REQUIRE(ends.size() == std::size_t(steps) + 1);
    for (std::size_t k = 0; k < ends.size(); ++k) REQUIRE(std::abs(ends[k] - (1 - 3.0 * double(k) / steps)) < 1e-14);
    if (steps == 100) REQUIRE(std::abs(r.y - std::exp(-3)) < 1e-9);
  }
}

TEST_CASE("states are numbers and arrays of any type; nothing happens over no distance", "[runge_kutta]") {
  const auto decay = []<class X>(const sum_t<X>&, const X& y) {
    NewState fresh;
    return Slope<X>{apply_row("decay", std::array{sum_t<X>(-1)}, fresh, Named{"y", y}), {}};
  };
  const auto f = [&](const auto& u, const auto& y) {
    return decay.template operator()<std::remove_cvref_t<decltype(y)>>(u, y);
  };
  REQUIRE(std::abs(integrate("test", dormand_prince, f, 0, 1, 1.0, {.tolerance = 1e-10}).y - std::exp(-1)) < 1e-9);
  const auto floats = integrate("test", dormand_prince, f, 0, 1, std::vector<float>{1, 2}, {.tolerance = 1e-5});
  REQUIRE(std::abs(double(floats.y[1]) - 2 * std::exp(-1)) < 1e-5);
  const auto fixed = integrate("test", dormand_prince, f, 0, 1, std::array<double, 2>{1, 2}, {.tolerance = 1e-10});
  REQUIRE(std::abs(fixed.y[1] - 2 * std::exp(-1)) < 1e-9);
  const auto precise = integrate("test", dormand_prince, f, Real(0), Real(1), Real(1), {.tolerance = 1e-18});
  REQUIRE(abs(precise.y - exp(Real(-1))) < 1e-17);
  const auto none = integrate("test", dormand_prince, turning, 2, 2, Vector{3, 4});
  REQUIRE((none.y == Vector{3, 4} && none.integrals == Vector{0, 0} && none.error == 0 && none.evaluations == 1));
}

TEST_CASE("what cannot be integrated is named", "[runge_kutta][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto error = [](auto f, double to, const StepControl& control) {
    return message([&] { return integrate("flow", dormand_prince, f, 0, to, 1.0, control); });
  };
  const auto grow = [](double, double y) { return Slope<double>{y, {}}; };
  const std::string start = "diffusion::flow: ";
  REQUIRE(error(grow, 1, {.tolerance = 0}) == start + "tolerance = 0, expected a number > 0");
  REQUIRE(error(grow, 1, {.tolerance = nan}).starts_with(start + "tolerance = "));
  REQUIRE(error(grow, 1, {.max_evaluations = 0}) == start + "max_evaluations = 0, expected at least 1");
  REQUIRE(error(grow, 1, {.longest = 0}) == start + "longest = 0, expected a share of the way in (0, 1]");
  REQUIRE(error(grow, 1, {.longest = 2}) == start + "longest = 2, expected a share of the way in (0, 1]");
  REQUIRE(error(grow, infinity, {}) == start + "to - from = inf, expected a finite number");
  const int needed = integrate("flow", dormand_prince, grow, 0, 1, 1.0).evaluations;
  REQUIRE(error(grow, 1, {.max_evaluations = needed}) == "nothing thrown");
  REQUIRE(error(grow, 1, {.max_evaluations = needed - 1}) ==
          start + "evaluations = " + std::to_string(needed) + ", expected at most max_evaluations");
  const auto breaks = [=](double u, double) { return Slope<double>{u > 0.5 ? nan : 1, {}}; };
  REQUIRE(error(breaks, 1, {}).starts_with(start + "a step = "));
  REQUIRE(error([=](double, double) { return Slope<double>{nan, {}}; }, 1, {}).starts_with(start + "a step = "));
}
