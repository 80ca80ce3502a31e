// SPDX-License-Identifier: MIT
// Which types are states, and of which kind. The laws of states are in state.test.cpp.
#include <diffusion/state/state.hpp>

#include <complex>
#include <diffusion/ddpm.hpp>
#include <valarray>

#include "../support/catch.hpp"
#include "../support/dual.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

struct Point {  // a closed state: the least that a formula needs
  double x = 0, y = 0;
  friend Point operator*(double a, const Point& p) { return {a * p.x, a * p.y}; }
  friend Point operator+(const Point& p, const Point& q) { return {p.x + q.x, p.y + q.y}; }
};

struct ForeignArray {  // like an array of a library whose header was not included
  double* data() const { return nullptr; }
  std::size_t size() const { return 0; }
  [[maybe_unused]] friend ForeignArray operator*(double, const ForeignArray& a) { return a; }
  [[maybe_unused]] friend ForeignArray operator+(const ForeignArray& a, const ForeignArray&) { return a; }
};

}  // namespace

static_assert(ScalarState<float> && ScalarState<long double> && ScalarState<Dual>);
static_assert(StoredState<std::vector<float>> && StoredState<std::array<double, 3>> &&
              StoredState<std::span<const float>>);
static_assert(ClosedState<Point> && ClosedState<std::valarray<double>>);
static_assert(!State<int> && !State<std::vector<int>> && !State<std::string> && !State<ForeignArray>);
static_assert(NormedState<double> && NormedState<std::vector<float>> && NormedState<Dual>);
static_assert(!NormedState<Point> && !NormedState<std::complex<double>> &&
              !NormedState<std::vector<std::complex<double>>>);
static_assert(CompatibleState<int, double> && !CompatibleState<float, double> && !CompatibleState<double, float>);
static_assert(!CompatibleState<std::vector<float>, std::vector<double>>);
static_assert(CompatibleState<std::span<const float>, std::vector<float>>);
static_assert(std::same_as<value_t<std::span<const float>>, std::vector<float>>);
static_assert(Destination<NewState> && Destination<Into<double&>> && !Destination<double>);

TEST_CASE("a closed state goes through every step and a whole chain", "[state]") {
  const auto schedule = linear_schedule(100);
  const auto s = schedule(40), t = schedule(50);
  const Point a{1, -2}, b{0.5, 3};
  const Point x = q_sample(t, a, b);
  REQUIRE((x.x == q_sample(t, 1.0, 0.5) && x.y == q_sample(t, -2.0, 3.0)));
  const auto posterior = q_posterior(s, t, a, b);
  REQUIRE(posterior.mean.y == q_posterior(s, t, -2.0, 3.0).mean);
  Point out;
  ancestral_step(s, t, a, b, a, into(out));
  REQUIRE(out.x == ancestral_step(s, t, 1.0, 0.5, 1.0));
  const Point end = sample(
      AncestralSampler{}, [&](const Point&, const auto&) { return b; }, level_grid(schedule), a,
      [&](int, const Point&) { return a; });
  REQUIRE((end.x == b.x && end.y == b.y));
}

TEST_CASE("a closed state with a size is checked for it", "[state][errors]") {
  const std::valarray<double> three(1.0, 3), two(1.0, 2);
  REQUIRE(q_sample(vp_level(0.0), three, three).size() == 3);
  REQUIRE(message([&] { return q_sample(vp_level(0.0), three, two); }) ==
          "diffusion::q_sample: eps has 2 elements, expected 3, as x_0");
}
