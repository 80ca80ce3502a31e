// SPDX-License-Identifier: MIT
#include <diffusion/objective/training.hpp>

#include <cmath>
#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;

TEST_CASE("steps are drawn uniformly from 1..T, the same for every batch size", "[training]") {
  const auto schedule = linear_schedule(10);
  const NormalNoise noise{.seed = 9};
  std::vector<int> counts(11);
  const std::size_t n = 100000;
  for (const auto& level : uniform_levels(schedule, n, noise, 3)) ++counts[std::size_t(level.time())];
  REQUIRE(counts[0] == 0);
  double chi_squared = 0;
  for (int t = 1; t <= 10; ++t)
    chi_squared += (counts[std::size_t(t)] - n / 10.0) * (counts[std::size_t(t)] - n / 10.0) / (n / 10.0);
  REQUIRE(chi_squared < 27.9);  // nine degrees of freedom, false alarm 1 in 1000; the seed is fixed
  const auto few = uniform_levels(schedule, 5, noise, 3), more = uniform_levels(schedule, 50, noise, 3);
  for (std::size_t k = 0; k < 5; ++k) REQUIRE(few[k].time() == more[k].time());
  REQUIRE(uniform_levels(schedule, 0, noise, 0).empty());
}

TEST_CASE("a level is a function of its bits, which are of their address", "[training]") {
  using training_details::bits, training_details::level_at;
  const numerics::Limb last = ~numerics::Limb(0);
  const auto schedule = linear_schedule(10);
  REQUIRE((level_at(schedule, 0).time() == 1 && level_at(schedule, last).time() == 10));
  for (int t = 1; t < 10; ++t) {  // t begins at (t - 1) / 10 of 2^64
    const auto next = static_cast<numerics::Limb>(t) * (last / 10) + static_cast<numerics::Limb>(6 * t + 9) / 10;
    REQUIRE((level_at(schedule, next - 1).time() == t && level_at(schedule, next).time() == t + 1));
  }
  const LinearLogSnrSchedule<float> continuous;
  for (const int cell : {0, 1, 2, 1000, 1 << 21, (1 << 22) - 1})  // the middle of one of 2^22 cells
    for (const numerics::Limb rest : {numerics::Limb(0), last >> 22})
      REQUIRE(level_at(continuous, numerics::Limb(cell) << 42 | rest).time() == std::ldexp(float(2 * cell + 1), -23));
  // the numbers are part of the contract, as those of the normals are
  REQUIRE(bits({}, 0, 0) == 0x265752c1171f80d8u);
  REQUIRE(bits({.seed = 5, .stream = 2}, 3, 7) == 0xafafa2fa6b20fb1u);
  REQUIRE(bits({.seed = ~std::uint64_t(0), .stream = ~0u}, -1, std::size_t(1) << 40) == 0xb062613e532fa4bfu);
  const NormalNoise noise{.seed = 5, .stream = 2};
  for (std::size_t k = 0; k < 20; ++k) {
    REQUIRE(uniform_levels(schedule, 20, noise, 3)[k].time() == level_at(schedule, bits(noise, 3, k)).time());
    REQUIRE(uniform_levels(continuous, 20, noise, 3)[k].time() == level_at(continuous, bits(noise, 3, k)).time());
  }
}

TEST_CASE("a training batch is algorithm 1 of Ho et al.", "[training][ho2020.alg1]") {
  const auto schedule = linear_schedule(1000);
  const NormalNoise noise{.seed = 4, .stream = 2};
  const std::vector<float> x_0{1, 2, 3, 4, 5, 6};
  const auto batch = training_batch(VPrediction{}, schedule, 3, x_0, noise, 7);
  const auto eps = noise(7, x_0);
  REQUIRE(batch.levels.size() == 3);
  REQUIRE(batch.eps == eps);
  REQUIRE(batch.x_t == q_sample(batch.levels, x_0, eps));
  REQUIRE(batch.target == v_from(batch.levels, x_0, eps));
  for (std::size_t k = 0; k < 3; ++k)
    REQUIRE(batch.levels[k].time() == uniform_levels(schedule, 3, noise, 7)[k].time());
  REQUIRE(training_batch(NoisePrediction{}, schedule, 3, x_0, noise, 7).target == eps);
  REQUIRE(training_batch(X0Prediction{}, batch.levels, x_0, eps).target == x_0);
  REQUIRE(message([&] { return training_batch(X0Prediction{}, schedule, 4, x_0, noise, 7); }) ==
          "diffusion::training_batch: x_0 has 6 elements, which 4 levels do not divide");
}

TEST_CASE("times are drawn uniformly in continuous time", "[training]") {
  const std::size_t n = 20000;
  double mean = 0, square = 0;
  for (const auto& level : uniform_levels(LinearLogSnrSchedule<>(), n, NormalNoise{.seed = 6}, 0)) {
    REQUIRE((level.time() > 0 && level.time() < 1));
    mean += level.time() / double(n);
    square += level.time() * level.time() / double(n);
  }
  REQUIRE(std::abs(mean - 1.0 / 2) < 3.3 * std::sqrt(1.0 / 12 / double(n)));
  REQUIRE(std::abs(square - 1.0 / 3) < 3.3 * std::sqrt(4.0 / 45 / double(n)));
  const auto batch =
      training_batch(VPrediction{}, CosineLogSnrSchedule<float>(), 2, std::vector<float>(4), NormalNoise{}, 1);
  REQUIRE(batch.levels[0].time() != batch.levels[1].time());
}

TEST_CASE("a part of a batch draws the levels and the noise of its own samples", "[training]") {
  const auto schedule = linear_schedule(1000);
  const std::vector<double> all(6 * 4), part(2 * 4);
  const auto whole = training_batch(NoisePrediction{}, schedule, 6, all, NormalNoise{.seed = 3}, 2);
  const auto third =
      training_batch(NoisePrediction{}, schedule, 2, part, NormalNoise{.seed = 3, .first_element = 4 * 4}, 2);
  for (std::size_t k = 0; k < 2; ++k) REQUIRE(third.levels[k].time() == whole.levels[4 + k].time());
  for (std::size_t i = 0; i < part.size(); ++i) REQUIRE(third.target[i] == whole.target[4 * 4 + i]);
  REQUIRE(message([&] {
            return training_batch(NoisePrediction{}, schedule, 2, part, NormalNoise{.first_element = 6}, 2);
          }) == "diffusion::training_batch: noise.first_element = 6, expected the first element of a sample");
}

TEST_CASE("the levels of a part are those of its samples, however few and short", "[training]") {
  const auto schedule = linear_schedule(1000);
  const auto whole = uniform_levels(schedule, 8, NormalNoise{.seed = 3}, 2);
  const auto part = [&](std::size_t samples, std::size_t length, std::uint64_t first_element) {
    return training_batch(NoisePrediction{}, schedule, samples, std::vector<double>(samples * length),
                          NormalNoise{.seed = 3, .first_element = first_element}, 2);
  };
  for (const std::size_t samples : {1u, 2u, 3u})
    for (const std::size_t length : {0u, 1u, 2u, 5u})
      for (const std::size_t first : {0u, 5u}) {
        if (length == 0 && first > 0) continue;
        const auto levels = part(samples, length, first * length).levels;
        REQUIRE(levels.size() == samples);
        for (std::size_t k = 0; k < samples; ++k) REQUIRE(levels[k].time() == whole[first + k].time());
      }
  REQUIRE(message([&] { return part(0, 5, 0); }) ==
          "diffusion::training_batch: x_0 has 0 elements, which 0 levels do not divide");
  for (const std::uint64_t first : {std::uint64_t(10), ~std::uint64_t(0)})
    REQUIRE(message([&] { return part(0, 5, first); }).ends_with("expected the first element of a sample"));
}

TEST_CASE("the simple loss of a batch is the mean of squared errors of the noise",
          "[training][ho2020.alg1][ho2020.14][nichol2021.14]") {
  using truth::Real;
  const exact::Chain chain(20);
  const std::vector<NoiseLevel<Real>> levels{chain.schedule(3), chain.schedule(20), chain.schedule(11)};
  const auto net = [](const Real& x, const Real& t) -> Real { return sin(x) + t / 10; };
  const std::vector<Real> x_0{exact::number(), exact::number(), exact::number()}, eps{exact::number(), 1, -2};
  const auto batch = training_batch(NoisePrediction{}, levels, x_0, eps);
  Real sum = 0;
  std::vector<Real> output;
  for (std::size_t k = 0; k < 3; ++k) {
    output.push_back(net(batch.x_t[k], batch.levels[k].time()));
    const Real alpha_bar = chain.alpha_bar[std::size_t(int(levels[k].time()))];
    const Real error = eps[k] - net(sqrt(alpha_bar) * x_0[k] + sqrt(1 - alpha_bar) * eps[k], levels[k].time());
    sum += error * error;
  }
  exact::require_equal(simple_loss(output, batch.target), sum / 3);
}

TEST_CASE("the simple loss is the mean of squared errors", "[training]") {
  REQUIRE(simple_loss(std::vector<double>{1, 2, 3, 4}, std::vector<double>{1, 0, 3, 5}) == 1.25);
  REQUIRE(simple_loss(std::vector<float>{0.5f}, std::vector<float>{0.25f}) == 0.0625);
  REQUIRE(simple_loss(3.0, 1.0) == 4);
  REQUIRE(message([] { return simple_loss(std::vector<double>(2), std::vector<double>(3)); }) ==
          "diffusion::simple_loss: target has 3 elements, expected 2, as output");
}
