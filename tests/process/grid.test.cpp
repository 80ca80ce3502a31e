// SPDX-License-Identifier: MIT
#include <diffusion/process/grid.hpp>

#include <diffusion/process/forward.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

bool strictly_decreasing_in(const std::vector<int>& steps, int last) {
  for (std::size_t k = 0; k < steps.size(); ++k)
    if (steps[k] < 1 || steps[k] > last || (k > 0 && steps[k] >= steps[k - 1])) return false;
  return true;
}

}  // namespace

TEST_CASE("every spacing has exactly the number of steps asked for", "[grid]") {
  for (const int steps : {1, 2, 3, 7, 10, 97, 100, 1000, 4096}) {
    for (int n = 1; n <= steps; ++n) {
      const auto trailing = trailing_steps(steps, n), leading = leading_steps(steps, n),
                 even = linspace_steps(steps, n);
      const auto quadratic = quadratic_steps(steps, n);
      const bool exact = int(trailing.size()) == n && int(leading.size()) == n && int(even.size()) == n &&
                         strictly_decreasing_in(trailing, steps) && strictly_decreasing_in(leading, steps) &&
                         strictly_decreasing_in(even, steps) && int(quadratic.size()) == n &&
                         strictly_decreasing_in(quadratic, steps) && quadratic.front() == steps &&
                         trailing.front() == steps && even.front() == steps && leading.back() == 1 &&
                         (n == 1 || even.back() == 1);
      if (!exact) FAIL("T = " << steps << ", n = " << n);
    }
    REQUIRE(trailing_steps(steps, steps) == linspace_steps(steps, steps));
    REQUIRE(trailing_steps(steps, steps) == leading_steps(steps, steps));
  }
}

TEST_CASE("the spacings of Lin et al. 2023, table 2", "[grid][lin2023.table2]") {
  REQUIRE(leading_steps(1000, 10) == std::vector<int>{901, 801, 701, 601, 501, 401, 301, 201, 101, 1});
  REQUIRE(linspace_steps(1000, 10) == std::vector<int>{1000, 889, 778, 667, 556, 445, 334, 223, 112, 1});
  REQUIRE(trailing_steps(1000, 10) == std::vector<int>{1000, 900, 800, 700, 600, 500, 400, 300, 200, 100});
  REQUIRE(trailing_steps(1000, 30).size() == 30);
  REQUIRE(trailing_steps(1000, 3) == std::vector<int>{1000, 667, 333});
  REQUIRE(trailing_steps(10, 4) == std::vector<int>{10, 8, 5, 2});  // 7.5 and 2.5 go to the even neighbour
}

TEST_CASE("quadratic steps follow the square", "[grid][ddim2020.quadratic]") {
  REQUIRE(quadratic_steps(1000, 10) == std::vector<int>{1000, 810, 640, 490, 360, 250, 160, 90, 40, 10});
  REQUIRE(quadratic_steps(10, 6) == std::vector<int>{10, 7, 4, 3, 2, 1});  // 4.44, 2.5, 1.11, 0.28: at least k
  const auto large = quadratic_steps(2000000000, 3);                       // no intermediate result overflows
  REQUIRE(large == std::vector<int>{2000000000, 888888889, 222222222});
}

TEST_CASE("a quotient is rounded to nearest, ties to even, for products of 128 bits", "[grid]") {
  using truth::Real;
  for (int i = 0; i < 3000; ++i) {
    const auto c = random_arguments::engine() >> (2 + i % 60), quotient = random_arguments::engine() >> (33 + i % 30);
    const auto b = 1 + (random_arguments::engine() >> (34 + i % 29));
    // a b / c near to `quotient`, or an exact tie where 2 a b = (2 quotient + 1) c
    const auto a = std::uint64_t(Real(floor(Real(quotient) * c / b)));
    if (c == 0 || Real(quotient) * c / b >= ldexp(Real(1), 64)) continue;
    const Real exact = Real(a) * b / c, down = floor(exact), half = exact - down;
    const bool up = half > 0.5 || (half == 0.5 && fmod(down, Real(2)) == 1);
    REQUIRE(grid_details::rounded_quotient(a, b, c) == int(Real(up ? down + 1 : down)));
  }
  for (std::uint64_t k = 0; k < 100; ++k) {  // k + 1/2
    const std::uint64_t c = std::uint64_t(1) << 61;
    REQUIRE(grid_details::rounded_quotient(2 * k + 1, c / 2, c) == int(k % 2 == 0 ? k : k + 1));
  }
}

TEST_CASE("grids of a number of steps, and in continuous time", "[grid]") {
  const auto schedule = linear_schedule(1000);
  REQUIRE(level_grid(schedule, 20).size() == 21);
  REQUIRE(level_grid(schedule, 20)[1].time() == 950);
  REQUIRE(level_grid(schedule, {900, 500, 1})[1].time() == 500);
  REQUIRE(level_grid(schedule, {500}).size() == 2);
  const auto continuous = level_grid(VpLinearSchedule<>(), 4);
  REQUIRE(continuous.size() == 5);
  for (int k = 0; k <= 4; ++k) REQUIRE(continuous[std::size_t(k)].time() == 1 - k / 4.0);
  REQUIRE(continuous[4].noise() == 0);
  REQUIRE(level_grid(VpLinearSchedule<>(), 1).size() == 2);
}

TEST_CASE("a grid of levels ends at clean data", "[grid]") {
  const auto schedule = linear_schedule(10);
  const auto all = level_grid(schedule);
  REQUIRE(all.size() == 11);
  for (int k = 0; k <= 10; ++k) REQUIRE(all[std::size_t(k)].time() == 10 - k);
  const auto few = level_grid(schedule, trailing_steps(10, 3));
  REQUIRE(few.size() == 4);
  REQUIRE(few[1].time() == 7);
  REQUIRE(few[1].alpha_bar() == schedule(7).alpha_bar());
  REQUIRE(few[3].noise() == 0);
  REQUIRE(level_grid(schedule, std::vector<int>{4}).size() == 2);
}

TEST_CASE("between the levels of a grid lie the betas of the respaced chain", "[grid][nichol2021.respaced]") {
  using truth::Real;
  const exact::Chain chain(60);
  for (const auto& steps : {trailing_steps(60, 7), leading_steps(60, 9), std::vector<int>{60, 59, 13, 2}}) {
    const auto levels = level_grid(chain.schedule, steps);
    for (std::size_t k = 0; k < steps.size(); ++k) {
      const auto &s = levels[k + 1], &t = levels[k];
      const Real before = k + 1 < steps.size() ? chain.alpha_bar[std::size_t(steps[k + 1])] : Real(1);
      const Real now = chain.alpha_bar[std::size_t(steps[k])], beta = 1 - now / before;
      exact::require_equal(q_transition(s, t).variance, beta);
      exact::require_equal(q_posterior(s, t).variance, (1 - before) / (1 - now) * beta);
      REQUIRE(t.time() == steps[k]);
    }
  }
}

TEST_CASE("bad grids are named", "[grid][errors]") {
  const auto schedule = linear_schedule(10);
  const auto bad = [](auto spacing, const std::string& name) {
    REQUIRE(message([&] { return spacing(0, 1); }) == "diffusion::" + name + ": steps = 0, expected at least 1");
    for (const int n : {-1, 0, 11}) {
      REQUIRE(message([&] { return spacing(10, n); }) ==
              "diffusion::" + name + ": n = " + std::to_string(n) + ", expected a number of steps in 1..T");
    }
  };
  bad(trailing_steps, "trailing_steps");
  bad(leading_steps, "leading_steps");
  bad(linspace_steps, "linspace_steps");
  bad(quadratic_steps, "quadratic_steps");
  REQUIRE(message([&] { return level_grid(schedule, std::vector<int>{5, 5}); }) ==
          "diffusion::level_grid: steps[1] = 5, expected strictly decreasing steps in 1..T");
  REQUIRE(message([&] { return level_grid(schedule, std::vector<int>{11}); }) ==
          "diffusion::level_grid: steps[0] = 11, expected strictly decreasing steps in 1..T");
  REQUIRE(message([&] { return level_grid(schedule, std::vector<int>{1, 0}); }) ==
          "diffusion::level_grid: steps[1] = 0, expected strictly decreasing steps in 1..T");
  REQUIRE(message([&] { return level_grid(schedule, 11); }) ==
          "diffusion::trailing_steps: n = 11, expected a number of steps in 1..T");
  REQUIRE(message([] { return level_grid(VpLinearSchedule<>(), 0); }) ==
          "diffusion::level_grid: n = 0, expected at least 1");
  REQUIRE(message([&] { return level_grid(schedule, std::vector<int>{}); }) ==
          "diffusion::level_grid: steps.size() = 0, expected at least one step");
}
