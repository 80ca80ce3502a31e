// SPDX-License-Identifier: MIT
#include <diffusion/process/discrete_schedule.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::log_uniform;
using random_arguments::uniform;

namespace {

template <class Real>
void require_rounding_of(const std::vector<Real>& betas) {
  rounding::require_correct_rounding(DiscreteSchedule(betas),
                                     [&](int t) { return truth::Real(betas[std::size_t(t - 1)]); });
}

}  // namespace

TEMPLATE_TEST_CASE("every scalar of random betas is correctly rounded", "[rounding][ho2020.alpha_bar]", double, float) {
  for (int repeat = 0; repeat < 40; ++repeat) {
    std::vector<TestType> even, small, mixed, rising;
    const int steps = 1 + int(random_arguments::engine() % 60);
    for (int t = 1; t <= steps; ++t) {
      even.push_back(static_cast<TestType>(uniform(1e-3, 1)));
      small.push_back(static_cast<TestType>(log_uniform(1e-20, 1e-2)));
      mixed.push_back(static_cast<TestType>(t % 2 == 0 ? log_uniform(1e-12, 1e-3) : uniform(0.1, 0.9)));
      rising.push_back(static_cast<TestType>(0.02 * t / steps));
    }
    require_rounding_of(even);
    require_rounding_of(small);
    require_rounding_of(mixed);
    require_rounding_of(rising);
    even.back() = 1;  // a chain that ends in pure noise
    require_rounding_of(even);
  }
}

TEST_CASE("betas of few bits give ties and exact results", "[rounding]") {
  for (const double beta :
       {0.5, 0.25, 0.75, 0x1p-53, 0x1p-54, 0x1.8p-54, 0x1p-52, 0x1.0000000000001p-54, 0x1p-60, 0x1p-100})
    for (const int steps : {1, 2, 7}) require_rounding_of(std::vector<double>(std::size_t(steps), beta));
  require_rounding_of(std::vector<double>{0x1p-53, 0.5, 0x1p-54, 0.75});
  require_rounding_of(std::vector<double>{1.0});
  for (int i = 0; i < 2000; ++i) {  // 1 - beta is a tie for every eighth of these
    const double beta = uniform(0.0625, 0.125);
    REQUIRE(DiscreteSchedule(std::vector<double>{beta}).alpha(1) == 1 - beta);
  }
}

TEST_CASE("beta of the user comes back unchanged", "[discrete_schedule]") {
  const std::vector<double> betas{1e-300, 5e-324, 0.1, 1e-17, 0.3};
  const DiscreteSchedule<double> schedule{std::span<const double>(betas)};
  REQUIRE(schedule.steps() == 5);
  for (int t = 1; t <= 5; ++t) REQUIRE(schedule.beta(t) == betas[std::size_t(t - 1)]);
  REQUIRE(schedule(1).noise_variance() == 1e-300);
  REQUIRE(schedule(0).time() == 0);
  REQUIRE(schedule(5).time() == 5);
}

TEST_CASE("a schedule of squares has them as they are up to the first beta that is cut", "[discrete_schedule]") {
  using Schedule = DiscreteSchedule<double>;
  using numerics::Wide;
  rounding::Misrounded wrong;
  for (int repeat = 0; repeat < 50; ++repeat) {
    const int steps = 1 + repeat % 9, cut = repeat % 2 == 0 ? steps + 1 : 1 + repeat % 7 % steps;
    std::vector<double> betas{0};
    std::vector<Schedule::Squares> squares{{Wide(1), Wide(0)}};
    for (int t = 1; t <= steps; ++t) {
      betas.push_back(t == cut ? 0.75 : t % 3 == 0 ? 0.5 : uniform(0.01, 0.4));  // beta_max itself is not cut
      const Wide& before = squares.back().signal;
      // that the noise is no longer 1 - signal^2 shows where it is taken as it is
      squares.push_back({before * (Wide(1) - Wide(betas.back())), Wide(uniform(1, 2))});
    }
    int asked = 0;
    const auto schedule = Schedule::from_squares(
        steps,
        [&](int t) {
          REQUIRE(t == asked++);
          return squares[std::size_t(t)];
        },
        Wide(0.5));
    REQUIRE((asked == steps + 1 && schedule.steps() == steps));
    truth::Real signal = 1, noise = 0;
    for (int t = 1; t <= steps; ++t) {
      const truth::Real beta = std::min(betas[std::size_t(t)], 0.5);
      noise = t < cut ? truth::exact(squares[std::size_t(t)].noise) : noise + signal * beta;
      signal *= 1 - beta;
      wrong.compare("beta", t, schedule.beta(t), beta);
      wrong.compare("signal^2", t, schedule(t).alpha_bar(), signal);
      wrong.compare("noise^2", t, schedule(t).noise_variance(), noise);
    }
  }
  wrong.require_none();
  const auto to_pure_noise = Schedule::from_squares(
      2, [](int t) { return Schedule::Squares{Wide(1 - t * 0.5), Wide(t * 0.5)}; });  // no beta is cut
  REQUIRE((to_pure_noise.beta(1) == 0.5 && to_pure_noise.beta(2) == 1 && to_pure_noise(2).signal() == 0));
}

TEST_CASE("betas in braces", "[discrete_schedule]") {
  const DiscreteSchedule<double> schedule{0.5, 0.25};
  REQUIRE((schedule.steps() == 2 && schedule.beta(1) == 0.5 && schedule.beta(2) == 0.25));
  const std::vector<double> betas{0.5, 0.25};
  const DiscreteSchedule of_vector{betas};
  static_assert(std::same_as<decltype(of_vector), const DiscreteSchedule<double>>);
  REQUIRE((of_vector.steps() == 2 && of_vector.beta(2) == 0.25));
}

TEST_CASE("bad betas and steps are named", "[discrete_schedule][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto of = [](std::vector<double> betas) { return message([&] { return DiscreteSchedule<double>(betas); }); };
  REQUIRE(of({}) == "diffusion::DiscreteSchedule: betas.size() = 0, expected at least one beta");
  REQUIRE(of({0.1, 1.5}) == "diffusion::DiscreteSchedule: betas[1] = 1.5, expected a number in (0, 1]");
  REQUIRE(of({0.1, 0.0}) == "diffusion::DiscreteSchedule: betas[1] = 0, expected a number in (0, 1]");
  REQUIRE(of({nan}) == "diffusion::DiscreteSchedule: betas[0] = nan, expected a number in (0, 1]");
  const DiscreteSchedule<double> schedule(std::vector<double>{0.1, 0.2});
  REQUIRE(message([&] { return schedule(3); }) == "diffusion::DiscreteSchedule: t = 3, expected a step in 0..T");
  REQUIRE(message([&] { return schedule(-1); }) == "diffusion::DiscreteSchedule: t = -1, expected a step in 0..T");
  REQUIRE(message([&] { return schedule.beta(0); }) ==
          "diffusion::DiscreteSchedule::beta: t = 0, expected a step in 1..T");
  REQUIRE(message([&] { return schedule.alpha(3); }) ==
          "diffusion::DiscreteSchedule::alpha: t = 3, expected a step in 1..T");
}

static_assert(DiscreteTimeSchedule<DiscreteSchedule<float>> && !DiscreteTimeSchedule<NoiseLevel<double>>);
