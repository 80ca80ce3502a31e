// SPDX-License-Identifier: MIT
#include <diffusion/objective/softmax_decoder.hpp>

#include <limits>
#include <vector>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

/// The definition, from densities, where log_snr is that of a variance preserving level.
Real log_probability(double log_snr, double x, double noisy, const GreyLevels& grey) {
  const Real signal = sqrt(1 / (1 + exp(-Real(log_snr)))), noise_squared = 1 / (1 + exp(Real(log_snr)));
  const Real step = (Real(grey.high) - Real(grey.low)) / (grey.levels - 1);
  const int index = int(std::lround((x - grey.low) / double(step)));
  const auto exponent = [&](int j) -> Real {
    const Real difference = noisy - signal * (x + (j - index) * step);
    return -difference * difference / (2 * noise_squared);
  };
  Real others = 0;
  for (int j = 0; j < grey.levels; ++j)
    if (j != index) others += exp(exponent(j) - exponent(index));
  return -log1p(others);
}

struct Case {
  GreyLevels grey;
  double x, noisy, log_snr;
};
Case random_case(int i) {
  Case c;
  if (i % 2 == 1) c.grey = {2 + int(uniform(0, 60)), uniform(-3, 0), uniform(1, 3)};
  const int k = int(uniform(0, c.grey.levels));
  c.x = k == c.grey.levels - 1 ? c.grey.high : c.grey.low + k * ((c.grey.high - c.grey.low) / (c.grey.levels - 1));
  c.log_snr = uniform(-8, 16);
  const auto level = vp_level(c.log_snr);
  c.noisy = level.signal() * c.x + level.noise() * uniform(-4, 4) * (i % 5 == 0 ? 10 : 1);
  return c;
}

}  // namespace

TEST_CASE("each grey level has its share of the density", "[decoder][kingma2021.decoder]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 600; ++i) {
    const auto [grey, x, noisy, log_snr] = random_case(i);
    const Real exact = log_probability(log_snr, x, noisy, grey);
    wrong.compare("log P", i, softmax_log_likelihood(vp_level(log_snr), x, noisy, grey), exact);
  }
  wrong.require_none();
}

TEST_CASE("sums over arrays keep 14 digits, or 12 of tiny values", "[decoder][kingma2021.decoder]") {
  for (int i = 0; i < 1500; ++i) {
    const auto [grey, x, noisy, log_snr] = random_case(i);
    const Real exact = log_probability(log_snr, x, noisy, grey);
    const double one = softmax_log_likelihood(vp_level(log_snr), std::vector{x}, std::vector{noisy}, grey);
    CAPTURE(i, grey.levels, grey.low, grey.high, x, noisy, log_snr, exact, one);
    REQUIRE(abs(one - exact) <= (abs(exact) < 1e-8 ? 1e-12 : 1e-14) * abs(exact) + 1e-300);
  }
}

TEST_CASE("the probabilities of all grey levels sum to one, near data and far", "[decoder]") {
  for (const double log_snr : {-20.0, 0.0, 7.0, 13.3, 40.0})
    for (const double noisy : {0.1, -1.7, 300.0}) {
      double sum = 0;
      for (int k = 0; k < 256; ++k) sum += std::exp(softmax_log_likelihood(vp_level(log_snr), k / 127.5 - 1, noisy));
      REQUIRE_THAT(sum, Catch::Matchers::WithinRel(1, 1e-12));
    }
}

TEST_CASE("an array is the sum of its elements", "[decoder]") {
  const std::vector<double> x{-1, 1, 1 - 20.0 / 255}, noisy{-0.98, 1.02, 0.9};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) sum += softmax_log_likelihood(vp_level(9), x[i], noisy[i]);
  REQUIRE_THAT(softmax_log_likelihood(vp_level(9), x, noisy), Catch::Matchers::WithinRel(sum, 1e-14));
  const std::vector<float> x_float{-1, 1}, noisy_float{-0.98f, 1.02f};
  REQUIRE_THAT(softmax_log_likelihood(vp_level(9), x_float, noisy_float),
               Catch::Matchers::WithinRel(softmax_log_likelihood(vp_level(9), -1.0, double(-0.98f)) +
                                              softmax_log_likelihood(vp_level(9), 1.0, double(1.02f)),
                                          1e-14));
}

TEST_CASE("NaN propagates, and ends and other data are errors", "[decoder][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value :
       {softmax_log_likelihood(vp_level(5), nan, 0.0), softmax_log_likelihood(vp_level(5), 0.0, nan),
        softmax_log_likelihood(vp_level(5), std::vector{0.0}, std::vector{nan})})
    REQUIRE(value != value);
  const auto error = [](const auto& level, double x) {
    return message([&] { return softmax_log_likelihood(level, x, 0.0); });
  };
  const std::string start = "diffusion::softmax_log_likelihood: ";
  REQUIRE(error(vp_level(5), 1.5) == start + "x_0 = 1.5, expected a grey level, in [grey.low, grey.high]");
  REQUIRE(error(ve_level(0), 0.5) == start + "level.noise() = 0, expected a level with signal and noise");
  REQUIRE(error(alpha_bar_level(0), 0.5) == start + "level.noise() = 1, expected a level with signal and noise");
}
