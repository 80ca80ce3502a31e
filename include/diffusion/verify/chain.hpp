// SPDX-License-Identifier: MIT
// verify_chain(schedule): the Markov chain of a schedule simulated, and its law compared with the closed form.
//
// Use it to see that x_t of the single steps has the marginal q(x_t | x_0), and that steps of the posterior lead from
// x_T back through the same marginals. It would show a wrong constant that is wrong in a formula and in its test. Not
// for errors below one part in a hundred: verify(schedule) sees those.
//
// Accuracy: the chance that anything fails although all is right is below `false_alarm`, by inequalities that hold for
// any number of particles: Chernoff for the mean, Laurent & Massart 2000 for the variance, Dvoretzky, Kiefer &
// Wolfowitz with the constant of Massart 1990 for the distribution, and the sum over all tests. Source: Ho et al. 2020,
// eq. 2, 4 and 6.
#pragma once

#include <algorithm>

#include "../process/discrete_schedule.hpp"
#include "../process/forward.hpp"
#include "../random/noise.hpp"
#include "report.hpp"

namespace diffusion {

struct ChainOptions {
  double x_0 = 0.7;  // where every particle starts
  std::size_t particles = 20000;
  double false_alarm = 1e-6;  // of the whole report, in (0, 1)
  std::uint64_t seed = 0;
};

namespace verify_details {

/// Tests of particles against N(mean, variance); `log_odds` is the log of 1 / (chance of a false alarm of one test).
struct LawTests {
  Identity<double> mean, variance, distribution;
  double log_odds;

  LawTests(const char* equation, const char* of_mean, const char* of_variance, const char* of_law, double odds)
      : mean(of_mean, equation, "sd"),
        variance(of_variance, equation, "sd"),
        distribution(of_law, equation, "sd"),
        log_odds(odds) {}

  /// Particles at drift + x: they differ by x alone, whose digits are not lost beside those of the drift. The drift
  /// comes of so many steps, each with a few roundings.
  void at(int t, int steps, double drift, std::vector<double> x, const NoiseLevel<double>& level, double x_0) {
    const double n = static_cast<double>(x.size()), centre = level.signal() * x_0, sd = level.noise(), time = t;
    using numerics::libm::sqrt;
    double offset = drift - centre;
    if (absolute(offset) <= (steps + 2) * 0x1p-50 * absolute(x_0)) offset = 0;
    if (!(sd > 0)) {
      const bool on_point = offset == 0 && std::all_of(x.begin(), x.end(), [](double e) { return e == 0; });
      mean.add(on_point ? 0 : 1.0 / 0.0, 0, time);
      return;
    }
    double sum = 0, squares = 0;
    for (double& e : x) {
      e = (e + offset) / sd;
      sum += e;
      squares += e * e;
    }
    mean.add(absolute(sum) / sqrt(n), sqrt(2 * (log_odds + two)), time);
    const double x_ = log_odds + two, deviation = (squares - n) / sqrt(2 * n);
    variance.add(absolute(deviation), (2 * sqrt(n * x_) + (deviation > 0 ? 2 * x_ : 0)) / sqrt(2 * n), time);
    std::sort(x.begin(), x.end());
    double largest = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double cdf = numerics::libm::erfc(-x[k] * 0.70710678118654752) / 2, step = static_cast<double>(k);
      largest = std::max({largest, cdf - step / n, (step + 1) / n - cdf});
    }
    distribution.add(largest * sqrt(n), sqrt((log_odds + two) / 2), time);
  }

  static constexpr double two = 0.69314718055994531;  // log 2: a test has two sides
  static double absolute(double e) { return e < 0 ? -e : e; }
};

}  // namespace verify_details

/// Simulates x_0 -> x_1 ... -> x_T by single steps, with beta(t) where the schedule has it, and back by the posterior
/// given x_0; tests mean, variance and distribution at up to eight t on each way. The residuals are in standard
/// deviations, of the distribution function times the root of the number of particles. A schedule whose SNR does not
/// fall has no such chain: the report says so.
template <DiscreteTimeSchedule S>
Report verify_chain(const S& schedule, const ChainOptions& options = {}) {
  using numerics::libm::sqrt;
  const int steps = schedule.steps();
  numerics::require(steps >= 1, "verify_chain", "schedule.steps()", steps, "at least 1");
  numerics::require(options.particles >= 100, "verify_chain", "options.particles", options.particles, "at least 100");
  numerics::require(options.false_alarm > 0 && options.false_alarm < 1, "verify_chain", "options.false_alarm",
                    options.false_alarm, "a number in (0, 1)");
  numerics::require(options.x_0 - options.x_0 == 0, "verify_chain", "options.x_0", options.x_0, "a finite number");
  const int checkpoints = steps < 8 ? steps : 8;
  const auto is_checkpoint = [&](int t) {  // t = T and those an eighth of the chain apart
    return t == 0 || std::int64_t(t) * checkpoints / steps != (std::int64_t(t) - 1) * checkpoints / steps;
  };
  Report report;
  verify_details::Identity<double> falls("SNR falls from level to level", "kingma2021.2");
  for (int t = 1; t <= steps; ++t) falls.require(is_cleaner(schedule(t - 1), schedule(t)), t);
  falls.append_to(report);
  if (!report) return report;  // there is no chain to simulate
  const double tests = 6.0 * (checkpoints + 1);
  const double log_odds = numerics::libm::log(tests / options.false_alarm);
  verify_details::LawTests forward("ho2020.4", "forward chain: mean of q(x_t | x_0)", "forward chain: its variance",
                                   "forward chain: its distribution", log_odds);
  verify_details::LawTests backward("ho2020.6", "backward chain: mean of q(x_t | x_0)", "backward chain: its variance",
                                    "backward chain: its distribution", log_odds);
  // The chain is linear: a particle is where the drift is, the same for all, and its own sum of noises x.
  double drift = options.x_0;
  std::vector<double> x(options.particles, 0.0), z(options.particles);
  const auto move = [&](int step, std::uint32_t stream, double keep, double add, double deviation) {
    NormalNoise{.seed = options.seed, .stream = stream}.fill(step, std::span<double>(z));
    drift = keep * drift + add;
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = keep * x[k] + deviation * z[k];
  };
  // The levels of the user in double: a float schedule is simulated as the numbers that it returns.
  const auto level_at = [&](int t) {
    const auto level = schedule(t);
    return NoiseLevel<double>(numerics::Wide(level.alpha_bar()), numerics::Wide(level.noise_variance()), t);
  };
  for (int t = 1; t <= steps; ++t) {
    double keep = 0, variance = 0;
    if constexpr (requires { schedule.beta(t); }) {
      variance = static_cast<double>(schedule.beta(t));
      keep = sqrt(1 - variance);
    } else {
      const auto q = q_transition(schedule(t - 1), schedule(t));
      keep = static_cast<double>(q.scale);
      variance = static_cast<double>(q.variance);
    }
    move(t, 1, keep, 0, sqrt(variance));
    if (!is_checkpoint(t)) continue;
    forward.at(t, t, drift, x, level_at(t), options.x_0);
  }
  for (int t = steps; t >= 1; --t) {
    const auto p = q_posterior(schedule(t - 1), schedule(t));
    move(t, 2, static_cast<double>(p.xt), static_cast<double>(p.x0) * options.x_0,
         sqrt(static_cast<double>(p.variance)));
    if (!is_checkpoint(t - 1)) continue;
    backward.at(t - 1, 2 * steps - t, drift, x, level_at(t - 1), options.x_0);
  }
  for (const auto* law : {&forward, &backward}) {
    law->mean.append_to(report);
    law->variance.append_to(report);
    law->distribution.append_to(report);
  }
  return report;
}

}  // namespace diffusion
