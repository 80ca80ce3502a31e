// SPDX-License-Identifier: MIT
#include <diffusion/verify/chain.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

// A chain whose steps differ from its levels by these factors.
struct Wrong {
  DiscreteSchedule<double> exact = linear_schedule(100);
  double beta_factor = 1;
  int steps() const { return exact.steps(); }
  double beta(int t) const { return exact.beta(t) * beta_factor; }
  NoiseLevel<double> operator()(int t) const { return exact(t); }
};

// A schedule that has levels and no betas.
struct OnlyLevels {
  DiscreteSchedule<double> exact = cosine_schedule(40);
  int steps() const { return exact.steps(); }
  NoiseLevel<double> operator()(int t) const { return exact(t); }
};

}  // namespace

TEST_CASE("the simulated chains of all schedules have the law of the closed form", "[verify][ho2020.4][ho2020.6]") {
  for (const double x_0 : {0.0, -3.0, 0.7}) {
    const ChainOptions options{.x_0 = x_0, .seed = 11};
    for (const auto& schedule : {linear_schedule(1), linear_schedule(3, 0.1, 0.9), linear_schedule(200, 1e-3, 0.1),
                                 cosine_schedule(50), sigmoid_schedule(20), jensen_shannon_schedule(30)}) {
      const Report report = verify_chain(schedule, options);
      INFO(report.table());
      REQUIRE(report);
      REQUIRE(report.findings.size() == (schedule.steps() == 1 ? 5u : 7u));
    }
    REQUIRE(verify_chain(OnlyLevels{}, options));
    REQUIRE(verify_chain(linear_schedule<float>(50), options));
  }
}

TEST_CASE("a chain of the smallest steps has its law", "[verify]") {
  for (const double beta : {1e-10, 1e-20, 1e-30, 1e-300}) {
    const DiscreteSchedule<double> schedule(std::vector<double>(20, beta));
    for (const double x_0 : {0.7, 1e10}) {
      const Report report = verify_chain(schedule, {.x_0 = x_0});
      INFO(report.table());
      REQUIRE(report);
    }
  }
}

TEST_CASE("a schedule whose SNR rises is found out", "[verify]") {
  struct Rising {
    int steps() const { return 30; }
    NoiseLevel<double> operator()(int t) const { return linear_schedule(30)(t == 20 ? 10 : t); }
  };
  const Report report = verify_chain(Rising{});
  REQUIRE_FALSE(report);
  REQUIRE(report.findings.size() == 1);
  REQUIRE(report.findings[0].time == 20);
  REQUIRE(report.findings[0].cases == 30);
}

TEST_CASE("a chain that drifts elsewhere is found out", "[verify]") {
  struct Drifting {  // the signal of its levels is one part in a thousand too small
    DiscreteSchedule<double> exact = linear_schedule(10, 1e-9, 1e-9);
    int steps() const { return 10; }
    double beta(int t) const { return exact.beta(t); }
    NoiseLevel<double> operator()(int t) const {
      return t == 0 ? exact(0) : signal_noise_level(0.999 * exact(t).signal(), exact(t).noise(), double(t));
    }
  };
  const Report report = verify_chain(Drifting{});
  REQUIRE_FALSE(report);
  REQUIRE_FALSE(report.findings[1].holds());
}

TEST_CASE("a chain of other steps is found out", "[verify]") {
  Wrong wrong;
  REQUIRE(verify_chain(wrong));
  wrong.beta_factor = 1.2;
  const Report report = verify_chain(wrong);
  REQUIRE_FALSE(report);
  REQUIRE_FALSE(report.findings[2].holds());  // the variance sees it
  wrong.beta_factor = 0.8;
  REQUIRE_FALSE(verify_chain(wrong));
}

TEST_CASE("a true chain fails less often than the stated rate", "[verify]") {
  const auto schedule = linear_schedule(4, 0.1, 0.6);
  int alarms = 0;
  constexpr int runs = 400;
  double closest = 0;
  for (int seed = 0; seed < runs; ++seed) {
    const Report report =
        verify_chain(schedule, {.particles = 200, .false_alarm = 0.25, .seed = static_cast<std::uint64_t>(seed)});
    alarms += report ? 0 : 1;
    for (const Finding& f : report.findings)
      if (f.bound > 0) closest = std::max(closest, f.residual / f.bound);
  }
  REQUIRE(alarms < runs / 4);
  REQUIRE(closest > 0.8);  // and the bounds are not so wide that nothing could fail
}

TEST_CASE("bad options are named", "[verify][errors]") {
  const auto schedule = linear_schedule(4);
  REQUIRE(message([&] { return verify_chain(schedule, {.particles = 3}); }) ==
          "diffusion::verify_chain: options.particles = 3, expected at least 100");
  REQUIRE(message([&] { return verify_chain(schedule, {.false_alarm = 1}); }) ==
          "diffusion::verify_chain: options.false_alarm = 1, expected a number in (0, 1)");
  REQUIRE(message([&] { return verify_chain(schedule, {.x_0 = 1.0 / 0.0}); }) ==
          "diffusion::verify_chain: options.x_0 = inf, expected a finite number");
}
