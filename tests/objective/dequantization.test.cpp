// SPDX-License-Identifier: MIT
#include <diffusion/objective/dequantization.hpp>

#include "../support/message.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;

TEST_CASE("data are spread over their bins", "[dequantization]") {
  const std::vector<double> x{-1, 0.2, 1}, u{0, 0.5, 0.75}, expected{-1 - 1 / 255.0, 0.2, 1 + 0.5 / 255};
  const auto y = dequantize(x, u);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE_THAT(y[i], Catch::Matchers::WithinRel(expected[i], 1e-15));
    REQUIRE_THAT(dequantize(x[i], u[i]), Catch::Matchers::WithinRel(expected[i], 1e-15));
  }
  REQUIRE(dequantize(3.0, 0.25, GreyLevels{17, 0, 16}) == 2.75);
  std::vector<double> out(3);
  dequantize(x, u, {}, into(out));
  REQUIRE(out == y);
  REQUIRE(message([&] { return dequantize(x, out, GreyLevels{1, 0, 1}); }) ==
          "diffusion::dequantize: grey.levels = 1, expected at least 2");
}

TEST_CASE("the mean over u is a bound on the probability of a bin, close where the density is even",
          "[dequantization]") {
  const GreyLevels grey{17, -1, 1};
  for (const double scale : {0.05, 0.2, 1.0, 5.0}) {
    const Gaussian<double> model{0.1, scale * scale};
    double sum = 0;
    constexpr int points = 1000;
    for (int k = 0; k < points; ++k)
      sum += dequantized_log_likelihood(log_density(model, dequantize(0.25, (k + 0.5) / points, grey)), 1, grey);
    const double bound = sum / points, exact = discretized_gaussian_log_likelihood(0.25, 0.1, std::log(scale), grey);
    CAPTURE(scale, bound, exact);
    REQUIRE(bound < exact);
    if (scale > 0.1) REQUIRE(exact - bound < 1e-3 / (scale * scale));
  }
}

TEST_CASE("the constant of dequantisation is the log-volume of the bins", "[dequantization][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 50; ++i) {
    const GreyLevels grey{2 + 3 * i, -1, 0.7};
    const truth::Real width = (truth::Real(0.7) + 1) / (grey.levels - 1);
    wrong.compare("log P", i, dequantized_log_likelihood(-3.5 * i, 12, grey), truth::Real(-3.5 * i) + 12 * log(width));
  }
  wrong.require_none();
}
