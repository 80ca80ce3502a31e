// SPDX-License-Identifier: MIT
#include <diffusion/objective/tanh_decoder.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

TEST_CASE("the published numbers of bytes under N(0, 0.1^2)", "[decoder]") {
  const double log_scale = std::log(0.1);
  const double expected[][2] = {{0.2, -5.45616684713492}, {0.4, -11.8766042032078}, {0.6, -25.2824293866649}};
  for (const auto& [x, value] : expected)
    REQUIRE_THAT(tanh_discretized_gaussian_log_likelihood(x, 0.0, log_scale), Catch::Matchers::WithinRel(value, 1e-13));
  const double capped = std::log(1e-12);
  for (const double x : {-1.0, 1.0}) {
    REQUIRE_THAT(tanh_discretized_gaussian_log_likelihood(x, 0.0, log_scale),
                 Catch::Matchers::WithinRel(capped, 1e-15));
    REQUIRE_THAT(tanh_discretized_gaussian_log_likelihood(x, 0.0, log_scale, {}, 0),
                 Catch::Matchers::WithinAbs(-86.41, 0.01));
  }
}

TEST_CASE("the approximate formula is correctly rounded", "[decoder][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 500; ++i) {
    const GreyLevels grey{2 + int(uniform(0, 300)), -1, 1};
    const int k = i % 5 == 0 ? 0 : i % 5 == 1 ? grey.levels - 1 : int(uniform(0, grey.levels));
    const double x = k == grey.levels - 1 ? 1 : -1 + k * (2.0 / (grey.levels - 1));
    const double log_scale = uniform(-5, 2), mean = x + uniform(-4, 4) * std::exp(log_scale);
    const Real half = Real(1) / (grey.levels - 1), scale = exp(Real(log_scale));
    const auto cdf = [](const Real& z) -> Real {
      return 1 / (1 + exp(-2 * sqrt(1 / (2 * atan(Real(1)))) * (z + Real(0.044715) * z * z * z)));
    };
    const Real lower = (Real(x) - mean - half) / scale, upper = (Real(x) - mean + half) / scale;
    const Real below = x == -1 ? Real(0) : cdf(lower), above = x == 1 ? Real(0) : cdf(-upper);
    const Real p = x == -1 ? cdf(upper) : x == 1 ? cdf(-lower) : Real(cdf(upper) - cdf(lower));
    wrong.compare("log P", i, tanh_discretized_gaussian_log_likelihood(x, mean, log_scale, grey),
                  p > 0.5 ? log1p(-below - above) : log(p < 1e-12 ? Real(1e-12) : p));
  }
  wrong.require_none();
}

TEST_CASE("arrays are sums, NaN propagates, and bad arguments are named", "[decoder][errors]") {
  const std::vector<double> x{-1, 0.2, 1}, mean{-0.5, 0.1, 0.7};
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) sum += tanh_discretized_gaussian_log_likelihood(x[i], mean[i], -1.0);
  REQUIRE_THAT(tanh_discretized_gaussian_log_likelihood(x, mean, -1.0), Catch::Matchers::WithinRel(sum, 1e-15));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double of_nan = tanh_discretized_gaussian_log_likelihood(0.2, nan, 0.0);
  REQUIRE(of_nan != of_nan);
  REQUIRE(tanh_discretized_gaussian_log_likelihood(0.2, 0.0, 0.0, {}, 0.5) == std::log(0.5));
  REQUIRE(message([] { return tanh_discretized_gaussian_log_likelihood(0.2, 0.0, 0.0, {}, 1); }) ==
          "diffusion::tanh_discretized_gaussian_log_likelihood: floor = 1, expected a number in [0, 0.5]");
  REQUIRE(message([] { return tanh_discretized_gaussian_log_likelihood(0.2, 0.0, 0.0, {}, -1); }) ==
          "diffusion::tanh_discretized_gaussian_log_likelihood: floor = -1, expected a number in [0, 0.5]");
  REQUIRE(
      message([] { return tanh_discretized_gaussian_log_likelihood(2.0, 0.0, 0.0); }) ==
      "diffusion::tanh_discretized_gaussian_log_likelihood: x = 2, expected a grey level, in [grey.low, grey.high]");
}
