// SPDX-License-Identifier: MIT
#include <diffusion/objective/time_rules.hpp>

#include <diffusion/objective/kl.hpp>
#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

const double infinity = std::numeric_limits<double>::infinity();

std::vector<double> times(const std::vector<NoiseLevel<>>& levels) {
  std::vector<double> result;
  for (const auto& level : levels) result.push_back(level.time());
  return result;
}

/// The term of a step for one element of Gaussian data of this variance, by the error of the best denoiser.
double gaussian_term(const NoiseLevel<>& s, const NoiseLevel<>& t, double variance) {
  return denoising_kl(s, t, std::sqrt(variance * t.noise_variance() / (variance * t.alpha_bar() + t.noise_variance())),
                      0.0);
}

}  // namespace

TEST_CASE("steps of a chain are numbered from its clean end", "[time_rules]") {
  const auto levels = level_grid(linear_schedule(10));
  const ChainSteps chain{levels, 9};  // from t = 10 down to 2
  REQUIRE(chain.steps() == 9);
  for (int t = 1; t <= 9; ++t) {
    REQUIRE(chain(t).time() == t);
    REQUIRE(levels[chain.index(chain(t))].time() == t + 1);
  }
}

TEST_CASE("rules draw as the samplers of levels do", "[time_rules][kingma2021.low_discrepancy]") {
  const auto schedule = linear_schedule(7);
  const LinearLogSnrSchedule<> continuous;
  const NormalNoise noise{.seed = 4, .stream = 2};
  const auto check = [&](const auto& s) {
    const auto uniform = UniformTimes{5}(s, noise, 3);
    REQUIRE(times(uniform.levels) == times(uniform_levels(s, 5, noise, 3)));
    REQUIRE(uniform.weights == std::vector<double>(5, 1));
    REQUIRE(times(StratifiedTimes{6}(s, noise, 3).levels) == times(stratified_levels(s, 6, noise, 3).levels));
    REQUIRE(times(LowDiscrepancyTimes{7}(s, noise, 3).levels) == times(low_discrepancy_levels(s, 7, noise, 3).levels));
  };
  check(schedule);
  check(continuous);
  const auto all = AllTimes{}(schedule, noise, 3);
  REQUIRE(times(all.levels) == std::vector<double>{1, 2, 3, 4, 5, 6, 7});
  REQUIRE(all.weights == std::vector<double>(7, 1));
}

TEST_CASE("steps drawn by their losses have the weights of the moments", "[time_rules][nichol2021.18]") {
  const auto schedule = linear_schedule(4);
  const auto moments = sampling_details::recorded("test", 2, [](int repeat) {
    return repeat == 0 ? std::vector<double>{1, 3, 0, 2} : std::vector<double>{1, 4, 0, -2};
  });
  REQUIRE(moments.filled());
  const double roots[] = {std::sqrt(2.0), 5, 0, std::sqrt(8.0)}, total = roots[0] + roots[1] + roots[3];
  for (int t = 1; t <= 4; ++t)
    REQUIRE_THAT(moments.probability(t), Catch::Matchers::WithinAbs(0.999 * roots[t - 1] / total + 0.001 / 4, 1e-15));
  const NormalNoise noise{.seed = 4};
  const auto drawn = ImportanceTimes{moments, 50}(schedule, noise, 3);
  const auto expected = moments.levels(schedule, 50, noise, 3);
  REQUIRE(times(drawn.levels) == times(expected.levels));
  REQUIRE(drawn.weights == expected.weights);
}

TEST_CASE("a chain is drawn by its terms for Gaussian data", "[time_rules]") {
  const NormalNoise noise{.seed = 5};
  for (const double variance : {1.0, 0.1})
    for (const auto& schedule :
         {linear_schedule(30), cosine_schedule(30), rescale_zero_terminal_snr(linear_schedule(30))}) {
      const auto levels = level_grid(schedule, 15);
      const ChainSteps chain{levels, 14};
      const ImportanceTimes rule = GaussianTimes{variance, 40, 3}.prepared(chain);
      REQUIRE(rule.replicates == 3);
      std::vector<double> terms;
      double total = 0;
      for (std::size_t k = 14; k-- > 0;) {
        terms.push_back(gaussian_term(levels[k + 1], levels[k], variance));
        total += terms.back();
      }
      for (int t = 1; t <= 14; ++t)
        REQUIRE_THAT(rule.moments.probability(t),
                     Catch::Matchers::WithinRel(0.999 * terms[std::size_t(t) - 1] / total + 0.001 / 14, 1e-12));
      REQUIRE(rule(chain, noise, 0).levels.size() == 40);
    }
}

TEST_CASE("continuous time is drawn by its part for Gaussian data, evenly", "[time_rules][kingma2021.weight]") {
  const auto check = [](const auto& schedule, double variance) {
    const auto area = [&](const NoiseLevel<>& level) { return std::log1p(variance * level.snr()); };
    const double whole = area(schedule(0)) - area(schedule(1));
    double mean_offset = 0;
    for (int step = 0; step < 200; ++step) {
      const auto drawn = GaussianTimes{variance, 9}(schedule, NormalNoise{.seed = 6}, step);
      std::vector<double> places;
      for (std::size_t k = 0; k < 9; ++k) {
        const auto& level = drawn.levels[k];
        REQUIRE((level.time() > 0 && level.time() < 1));
        REQUIRE(level.snr() == schedule(level.time()).snr());
        // -SNR' / (1 / v + SNR) / 2 times the weight is the same everywhere
        const double part = -schedule.log_snr_slope(level.time()) * level.snr() / (1 / variance + level.snr()) / 2;
        REQUIRE_THAT(drawn.weights[k] * part, Catch::Matchers::WithinRel(whole / 2, 1e-13));
        places.push_back((area(schedule(0)) - area(level)) / whole);
        const double ahead = 9 * (places[k] - places[0]);
        REQUIRE(std::abs(ahead - std::round(ahead)) < 1e-7);
      }
      std::sort(places.begin(), places.end());
      for (std::size_t k = 0; k < 9; ++k) REQUIRE(int(9 * places[k]) == int(k));
      mean_offset += 9 * places[0] / 200;
    }
    REQUIRE(std::abs(mean_offset - 0.5) < 3.3 / std::sqrt(12.0 * 200));  // false alarm 1 in 1000; the seed is fixed
  };
  check(LinearLogSnrSchedule<>(), 1);
  check(LinearLogSnrSchedule<>(8, -20), 0.2);
  check(CosineLogSnrSchedule<>(9, -7), 1);
  check(CosineLogSnrSchedule<>(30, -infinity), 2);
  check(VeGeometricSchedule<>(), 0.5);
}

TEST_CASE("arguments of rules are checked", "[time_rules][errors]") {
  const auto levels = level_grid(linear_schedule(3));
  const ChainSteps chain{levels, 2}, none{levels, 0};
  const NormalNoise noise;
  REQUIRE(message([&] { return GaussianTimes{0}.prepared(chain); }) ==
          "diffusion::GaussianTimes: variance = 0, expected a finite number > 0");
  REQUIRE(message([&] { return GaussianTimes{infinity}(LinearLogSnrSchedule<>(), noise, 0); }) ==
          "diffusion::GaussianTimes: variance = inf, expected a finite number > 0");
  REQUIRE(message([&] { return GaussianTimes{}(VpLinearSchedule<>(), noise, 0); }) ==
          "diffusion::GaussianTimes: schedule(0).noise() = 0, expected more than 0");
  REQUIRE(message([&] { return GaussianTimes{}.prepared(none); }) ==
          "diffusion::GaussianTimes: levels: denoising terms = 0, expected at least one");
  REQUIRE(message([&] { return sampling_details::recorded("test", 0, [](int) { return std::vector<double>{1}; }); }) ==
          "diffusion::test: history = 0, expected at least 1");
}
