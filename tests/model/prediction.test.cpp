// SPDX-License-Identifier: MIT
#include <diffusion/model/prediction.hpp>

#include "../support/exact.hpp"

using namespace diffusion;

static_assert(NoisePrediction::needs_signal && ScorePrediction::needs_signal);

TEMPLATE_TEST_CASE("the x_0 of a perfect answer is the data", "[prediction]", X0Prediction, NoisePrediction,
                   VPrediction, ScorePrediction) {
  const std::vector<double> x_0{0.5, -0.25, 1}, eps{1, -2, 0.125};
  for (int i = 0; i < 200; ++i) {
    const auto level = vp_level(random_arguments::uniform(-6, 6));
    const auto x_t = q_sample(level, x_0, eps);
    const auto back = TestType::x0(level, x_t, TestType::target(level, x_0, eps));
    for (std::size_t k = 0; k < 3; ++k) REQUIRE_THAT(back[k], Catch::Matchers::WithinAbs(x_0[k], 1e-13));
    std::vector<double> out(3);
    TestType::x0(level, x_t, TestType::target(level, x_0, eps), into(out));
    REQUIRE(out == back);
  }
}

TEST_CASE("targets are what the papers regress on", "[prediction]") {
  const auto level = vp_level(0.7);
  REQUIRE(X0Prediction::target(level, 0.3, 1.5) == 0.3);
  REQUIRE(NoisePrediction::target(level, 0.3, 1.5) == 1.5);
  REQUIRE(VPrediction::target(level, 0.3, 1.5) == v_from(level, 0.3, 1.5));
  REQUIRE(ScorePrediction::target(level, 0.3, 1.5) == score_from_noise(level, 1.5));
}

TEST_CASE("the target of a score network is the gradient of the transition's log-density", "[prediction][song2021.7]") {
  using truth::Real;
  for (int i = 0; i < 300; ++i) {
    const auto level = exact::random_level(i);
    const Real x_0 = exact::number(), eps = exact::number();
    const Real gradient = exact::slope_of_quadratic(
        [&](const Real& x) { return log_density(q_marginal(level, x_0), x); }, q_sample(level, x_0, eps));
    exact::require_equal(ScorePrediction::target(level, x_0, eps), gradient);
  }
}
