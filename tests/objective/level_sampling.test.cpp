// SPDX-License-Identifier: MIT
#include <diffusion/objective/level_sampling.hpp>

#include <cmath>
#include <diffusion/objective/weights.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

const double infinity = std::numeric_limits<double>::infinity();

/// The distance of Kolmogorov and Smirnov between a sample and U(0, 1), times the root of the size of the sample. Above
/// 1.95 once in 1000 samples; the seeds are fixed.
double kolmogorov_smirnov(std::vector<double> u) {
  std::sort(u.begin(), u.end());
  const double n = double(u.size());
  double distance = 0;
  for (std::size_t k = 0; k < u.size(); ++k)
    distance = std::max({distance, u[k] - double(k) / n, double(k + 1) / n - u[k]});
  return distance * std::sqrt(n);
}
constexpr double ks_limit = 1.95;

double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

/// Requires that the mean of the values is `expected` within 3.3 standard errors: false alarm 1 in 1000.
void require_mean(const std::vector<double>& values, double expected) {
  const double n = double(values.size());
  double mean = 0, square = 0;
  for (const double x : values) {
    mean += x / n;
    square += x * x / n;
  }
  CAPTURE(mean, expected);
  REQUIRE(square > mean * mean);
  REQUIRE(std::abs(mean - expected) < 3.3 * std::sqrt((square - mean * mean) / n));
}

NoiseLevel<> straight_line(double t) { return signal_noise_level(1 - t, t, t); }

/// Moments of T = 4 with the histories {1, 1}, {3, 4}, {0, 0}, {2, -2}.
LossSecondMoment filled_moments(double share) {
  const auto schedule = linear_schedule(4);
  LossSecondMoment moments(4, 2, share);
  const std::vector<NoiseLevel<>> levels{schedule(1), schedule(2), schedule(3), schedule(4)};
  moments.record(levels, std::vector<double>{1, 3, 0, 2});
  REQUIRE(!moments.filled());
  moments.record(levels, std::vector<float>{1, 4, 0, -2});
  REQUIRE(moments.filled());
  return moments;
}

}  // namespace

TEST_CASE("a stratum has an equal part of the range of 64 bits", "[level_sampling]") {
  for (int i = 0; i < 1000; ++i) {
    const auto n = 1 + (random_arguments::engine() >> (32 + i % 32)), k = random_arguments::engine() % n,
               bits = random_arguments::engine();
    const Real exactly = (Real(k) + ldexp(Real(bits), -64)) / Real(n);
    CAPTURE(k, bits, n);
    REQUIRE(Real(sampling_details::position(k, bits, n)) == floor(ldexp(exactly, 64)));
  }
}

TEST_CASE("low-discrepancy steps are as even as can be, and each is uniform",
          "[level_sampling][kingma2021.low_discrepancy]") {
  const NormalNoise noise{.seed = 11};
  for (const int steps : {1, 7, 10, 64})
    for (const std::size_t samples :
         {std::size_t(1), std::size_t(3), std::size_t(10), std::size_t(64), std::size_t(70)})
      for (int step = 0; step < 20; ++step) {
        std::vector<int> counts(std::size_t(steps) + 1);
        const auto sampled = low_discrepancy_levels(linear_schedule(steps), samples, noise, step);
        for (const auto& level : sampled.levels) ++counts[std::size_t(level.time())];
        REQUIRE(sampled.weights == std::vector<double>(samples, 1));
        REQUIRE(counts[0] == 0);
        for (int t = 1; t <= steps; ++t) REQUIRE(std::abs(counts[std::size_t(t)] - double(samples) / steps) < 1);
      }
  std::vector<double> fifth;
  for (int step = 0; step < 2000; ++step) {
    const auto levels = low_discrepancy_levels(LinearLogSnrSchedule<>(), 6, noise, step).levels;
    fifth.push_back(levels[5].time());
    for (std::size_t k = 1; k < 6; ++k) {
      const double ahead = levels[k].time() - levels[0].time() - double(k) / 6;
      REQUIRE(std::abs(ahead - std::round(ahead)) < 1e-6);
    }
  }
  REQUIRE(kolmogorov_smirnov(fifth) < ks_limit);
}

TEST_CASE("stratified steps are uniform in their strata", "[level_sampling]") {
  const NormalNoise noise{.seed = 12};
  for (const int steps : {1, 7, 10, 64})
    for (int step = 0; step < 20; ++step) {
      const auto sampled = stratified_levels(linear_schedule(steps), std::size_t(steps), noise, step);
      REQUIRE(sampled.weights == std::vector<double>(std::size_t(steps), 1));
      for (int k = 0; k < steps; ++k) REQUIRE(sampled.levels[std::size_t(k)].time() == k + 1);
    }
  std::vector<double> places, singles;
  for (int step = 0; step < 1000; ++step) {
    const auto levels = stratified_levels(LinearLogSnrSchedule<>(), 3, noise, step).levels;
    for (std::size_t k = 0; k < 3; ++k) places.push_back(3 * levels[k].time() - double(k));
    singles.push_back(stratified_levels(LinearLogSnrSchedule<>(), 1, noise, step).levels[0].time());
  }
  for (const double place : places) REQUIRE((place > -1e-6 && place < 1 + 1e-6));
  REQUIRE(kolmogorov_smirnov(places) < ks_limit);
  REQUIRE(kolmogorov_smirnov(singles) < ks_limit);
  // strata that cut steps in two: the mean over a batch is unbiased
  std::vector<double> means;
  for (int step = 0; step < 20000; ++step) {
    double mean = 0;
    for (const auto& level : stratified_levels(linear_schedule(10), 3, noise, step).levels)
      mean += level.time() * level.time() / 3;
    means.push_back(mean);
  }
  require_mean(means, 38.5);
}

TEST_CASE("levels are made of the bits of uniform_levels, or of normals of their key", "[level_sampling]") {
  // the numbers are part of the contract, as those of the normals are
  const NormalNoise noise{.seed = 13, .stream = 3}, own{.seed = 13 ^ training_details::times_key, .stream = 3};
  const LinearLogSnrSchedule<> schedule;
  const std::size_t n = 6;
  for (int step = 0; step < 5; ++step) {
    const auto uniform = uniform_levels(schedule, n, noise, step);
    REQUIRE(low_discrepancy_levels(schedule, n, noise, step).levels[0].time() == uniform[0].time());
    const auto stratified = stratified_levels(schedule, n, noise, step).levels;
    const auto normal = log_normal_levels(n, noise, step, 0.5, 2).levels;
    const auto z = own(step, std::vector<double>(n));
    for (std::size_t k = 0; k < n; ++k) {
      REQUIRE(std::abs(double(n) * stratified[k].time() - double(k) - uniform[k].time()) < 1e-6);
      REQUIRE(std::abs(std::log(normal[k].sigma()) - (0.5 + 2 * z[k])) < 1e-14);
    }
  }
}

TEST_CASE("log sigma is normal, and weights make the mean an integral over log-SNR",
          "[level_sampling][karras2022.log_normal][kingmagao2023.weighted]") {
  const std::size_t n = 20000;
  const NormalNoise noise{.seed = 13};
  const auto sampled = log_normal_levels(n, noise, 5);
  std::vector<double> u, estimates;
  for (std::size_t k = 0; k < n; ++k) {
    const auto& level = sampled.levels[k];
    u.push_back(normal_cdf((std::log(level.sigma()) + 1.2) / 1.2));
    REQUIRE(level.signal() == 1);
    REQUIRE(std::abs(level.time() - std::log(level.sigma()) / 4) < 1e-15);
    const double x = level.log_snr() - 3;  // the integral of N(3, 1) over all log-SNRs is one
    estimates.push_back(sampled.weights[k] * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)));
  }
  REQUIRE(kolmogorov_smirnov(u) < ks_limit);
  require_mean(estimates, 1);

  const auto exactly = log_normal_levels<Real>(50, noise, 5, 0.5, 2);
  for (std::size_t k = 0; k < 50; ++k) {
    const Real z = (exactly.levels[k].log_snr() + 1) / 4;  // log-SNR ~ N(-1, 4^2)
    exact::require_equal(exactly.weights[k] * exp(-z * z / 2) / (4 * sqrt(2 * numerics::pi<Real>())), 1);
    const auto rounded = log_normal_levels<float>(50, noise, 5, 0.5, 2);
    REQUIRE(rounded.levels[k].sigma() == truth::rounded<float>(exactly.levels[k].sigma()));
    REQUIRE(rounded.weights[k] == truth::rounded<float>(exactly.weights[k]));
  }
  REQUIRE(sampled.levels[3].sigma() == log_normal_levels(4, noise, 5).levels[3].sigma());
  REQUIRE(sampled.levels[3].sigma() != log_normal_levels(4, noise, 6).levels[3].sigma());
  REQUIRE(log_normal_levels(1, noise, 0, 0, 1).levels[0].sigma() != std::exp(noise(0, 0.0)));  // not the data's noise
  REQUIRE(message([&] { return log_normal_levels(1, noise, 0, infinity); }) ==
          "diffusion::log_normal_levels: mean = inf, expected a finite number");
  REQUIRE(message([&] { return log_normal_levels(1, noise, 0, 0, 0); }) ==
          "diffusion::log_normal_levels: deviation = 0, expected a finite number > 0");
  REQUIRE(message([&] { return log_normal_levels(1, noise, 0, 0, infinity); }) ==
          "diffusion::log_normal_levels: deviation = inf, expected a finite number > 0");
}

TEST_CASE("times are logit-normal, and weights make the mean uniform in time",
          "[level_sampling][esser2024.logit_normal]") {
  const std::size_t n = 20000;
  const NormalNoise noise{.seed = 14};
  const auto sampled = logit_normal_levels(straight_line, n, noise, 5, 0.25, 1.5);
  const auto as_edm = log_normal_levels(n, noise, 5, 0.25, 1.5);
  std::vector<double> u, estimates;
  for (std::size_t k = 0; k < n; ++k) {
    const double t = sampled.levels[k].time();
    u.push_back(normal_cdf((std::log(t / (1 - t)) - 0.25) / 1.5));
    REQUIRE(std::abs(sampled.levels[k].log_snr() - as_edm.levels[k].log_snr()) < 1e-12);
    estimates.push_back(sampled.weights[k] * 6 * t * (1 - t));
  }
  REQUIRE(kolmogorov_smirnov(u) < ks_limit);
  require_mean(estimates, 1);
  const auto line = [](const auto& t) { return signal_noise_level<Real>(1 - Real(t), Real(t), Real(t)); };
  const auto exactly = logit_normal_levels(line, 50, noise, 0);
  for (std::size_t k = 0; k < 50; ++k) {
    const Real t = exactly.levels[k].time(), logit = log(t / (1 - t));
    exact::require_equal(exactly.weights[k] * exp(-logit * logit / 2) / (sqrt(2 * numerics::pi<Real>()) * t * (1 - t)),
                         1);
  }
  REQUIRE(message([&] { return logit_normal_levels(straight_line, 1, noise, 0, 0, -1); }) ==
          "diffusion::logit_normal_levels: deviation = -1, expected a finite number > 0");
}

TEST_CASE("steps are drawn by the second moments of their losses", "[level_sampling][nichol2021.18]") {
  // roots of the sums of squares: sqrt 2, 5, 0, sqrt 8
  const double share = 0.01;
  const auto moments = filled_moments(share);
  const double roots[] = {std::sqrt(2.0), 5, 0, std::sqrt(8.0)}, total = roots[0] + roots[1] + roots[3];
  const auto schedule = linear_schedule(4);
  const NormalNoise noise{.seed = 15};
  const std::size_t n = 100000;
  const auto sampled = moments.levels(schedule, n, noise, 0);
  std::vector<double> counts(4), weights(4);
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t i = std::size_t(sampled.levels[k].time()) - 1;
    counts[i] += 1;
    weights[i] = sampled.weights[k];
  }
  double sum = 0, mean_of_weights = 0, estimate = 0, chi_squared = 0;
  const double f[] = {3, -7, 11, 0.5};
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = moments.probability(int(i) + 1);
    REQUIRE(std::abs(p - ((1 - share) * roots[i] / total + share / 4)) < 1e-15);
    REQUIRE(weights[i] == 1 / (4 * p));
    sum += p;
    mean_of_weights += p * weights[i];
    estimate += p * weights[i] * f[i];
    chi_squared += (counts[i] - double(n) * p) * (counts[i] - double(n) * p) / (double(n) * p);
  }
  REQUIRE(std::abs(sum - 1) < 1e-15);
  REQUIRE(std::abs(mean_of_weights - 1) < 1e-15);
  REQUIRE(std::abs(estimate - 7.5 / 4) < 1e-14);
  REQUIRE(chi_squared < 16.3);  // three degrees of freedom, false alarm 1 in 1000; the seed is fixed
  for (int t = 1; t <= 4; ++t) REQUIRE(filled_moments(1).probability(t) == 0.25);
}

TEST_CASE("losses that are their step's own are estimated without variance", "[level_sampling][nichol2021.18]") {
  const int steps = 50;
  const auto schedule = cosine_schedule(steps);
  LossSecondMoment moments(steps, 10, 1e-6);
  const auto loss = [](const auto& level) { return level.snr() + 0.01; };
  for (int repeat = 0; repeat < 13; ++repeat)
    for (int t = 1; t <= steps; ++t)
      moments.record(std::vector{schedule(t)}, std::vector{repeat < 3 ? 1e6 : loss(schedule(t))});  // forgotten
  double mean = 0;
  for (int t = 1; t <= steps; ++t) mean += loss(schedule(t)) / steps;
  const auto sampled = moments.levels(schedule, 1000, NormalNoise{}, 0);
  for (std::size_t k = 0; k < 1000; ++k)
    REQUIRE(std::abs(sampled.weights[k] * loss(sampled.levels[k]) / mean - 1) < 0.01);
}

TEST_CASE("steps are drawn uniformly until each has its history", "[level_sampling][nichol2021.18]") {
  const auto schedule = linear_schedule(4);
  LossSecondMoment moments(4);
  REQUIRE(moments.steps() == 4);
  const NormalNoise noise{.seed = 16};
  const auto require_uniform = [&] {
    const auto sampled = moments.levels(schedule, 20, noise, 3);
    const auto uniform = uniform_levels(schedule, 20, noise, 3);
    for (std::size_t k = 0; k < 20; ++k) REQUIRE(sampled.levels[k].time() == uniform[k].time());
    REQUIRE(sampled.weights == std::vector<double>(20, 1));
    for (int t = 1; t <= 4; ++t) REQUIRE(moments.probability(t) == 0.25);
  };
  require_uniform();
  for (int k = 0; k < 10; ++k)
    for (int t = 1; t <= 4; ++t) {
      REQUIRE(!moments.filled());
      moments.record(std::vector{schedule(t)}, std::vector{0.0});
    }
  REQUIRE(moments.filled());
  require_uniform();  // of losses that are all zero
  moments.record(std::vector{schedule(2)}, std::vector{1.0});
  REQUIRE(std::abs(moments.probability(2) - (0.999 + 0.001 / 4)) < 1e-15);
  REQUIRE(std::abs(moments.probability(3) - 0.001 / 4) < 1e-15);

  LossSecondMoment single(1, 1);
  const auto one = linear_schedule(1);
  single.record(std::vector{one(1)}, std::vector{2.0});
  REQUIRE(single.probability(1) == 1);
  REQUIRE(single.levels(one, 1, noise, 0).weights[0] == 1);
}

TEST_CASE("arguments of the samplers of levels are checked", "[level_sampling]") {
  const auto schedule = linear_schedule(4);
  LossSecondMoment moments(4, 1);
  const auto record = [&](const NoiseLevel<>& level, double loss) {
    return message([&] {
      moments.record(std::vector{schedule(1), level}, std::vector{1.0, loss});
      return 0;
    });
  };
  REQUIRE(record(schedule(0), 1) == "diffusion::LossSecondMoment::record: levels: time()[1] = 0, expected a step 1..T");
  REQUIRE(record(vp_level(0, 5), 1) ==
          "diffusion::LossSecondMoment::record: levels: time()[1] = 5, expected a step 1..T");
  REQUIRE(record(vp_level(0, 1.5), 1) ==
          "diffusion::LossSecondMoment::record: levels: time()[1] = 1.5, expected a step 1..T");
  REQUIRE(message([&] {
            moments.record(std::vector{schedule(0), schedule(1)}, std::vector<double>(2));
            return 0;
          }) == "diffusion::LossSecondMoment::record: levels: time()[0] = 0, expected a step 1..T");
  REQUIRE(record(schedule(2), infinity) ==
          "diffusion::LossSecondMoment::record: losses[1] = inf, expected a finite number");
  REQUIRE(message([&] {
            moments.record(std::vector{schedule(1)}, std::vector<double>(2));
            return 0;
          }) == "diffusion::LossSecondMoment::record: losses has 2 elements, expected 1, as levels");
  for (int t = 2; t <= 4; ++t) moments.record(std::vector{schedule(t)}, std::vector{1.0});
  REQUIRE(!moments.filled());  // nothing of a bad batch was recorded
  REQUIRE(message([&] { return moments.probability(0); }) ==
          "diffusion::LossSecondMoment::probability: t = 0, expected a step 1..T");
  REQUIRE(message([&] { return moments.levels(linear_schedule(5), 1, NormalNoise{}, 0); }) ==
          "diffusion::LossSecondMoment::levels: schedule.steps() = 5, expected as many steps as there are losses");
  REQUIRE(message([] { return LossSecondMoment(0); }) == "diffusion::LossSecondMoment: steps = 0, expected at least 1");
  REQUIRE(message([] { return LossSecondMoment(1, 0); }) ==
          "diffusion::LossSecondMoment: history = 0, expected at least 1");
  REQUIRE(message([] { return LossSecondMoment(1, 1, 0); }) ==
          "diffusion::LossSecondMoment: uniform_share = 0, expected a number in [1e-6, 1]");
  REQUIRE(message([] { return LossSecondMoment(1, 1, 1.5); }) ==
          "diffusion::LossSecondMoment: uniform_share = 1.5, expected a number in [1e-6, 1]");
  REQUIRE(low_discrepancy_levels(schedule, 0, NormalNoise{}, 0).levels.empty());
}

TEST_CASE("a weighted training step by importance estimates the bound", "[level_sampling][nichol2021.18]") {
  const auto schedule = linear_schedule(4);
  const auto moments = filled_moments(0.1);
  const VlbWeight bound{schedule, TransitionVariance{}};
  const NormalNoise noise{.seed = 17};
  const std::vector<double> x_0{1, 2, 3, 4};
  std::vector<double> losses;
  double expected = 0;  // E ||eps - 0||^2 = 1 for each element
  for (int t = 1; t <= 4; ++t) expected += loss_weight(bound, NoisePrediction{}, schedule(t)) / 4;
  for (int step = 0; step < 10000; ++step) {
    const auto sampled = moments.levels(schedule, 2, noise, step);
    const auto batch = training_batch(NoisePrediction{}, sampled.levels, x_0, noise(step, x_0));
    losses.push_back(weighted_loss(std::vector<double>(4), batch.target,
                                   loss_weight(bound, NoisePrediction{}, batch.levels), sampled.weights));
  }
  require_mean(losses, expected);
}
