// SPDX-License-Identifier: MIT
#include <diffusion/model/conversions.hpp>

#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;

namespace {

struct Exact {
  NoiseLevel<double> level;
  truth::Real signal, noise;
};

Exact random_level(int i) {
  if (i % 3 == 0) {
    const double sigma = random_arguments::log_uniform(1e-3, 1e3);
    return {ve_level(sigma), 1, sigma};
  }
  if (i % 3 == 1) {
    const double t = uniform(0.01, 0.99);
    return {signal_noise_level(1 - t, t), 1 - t, t};
  }
  const double log_snr = uniform(-20, 20);
  const truth::Real e = exp(-truth::Real(log_snr));
  return {vp_level(log_snr), sqrt(1 / (1 + e)), sqrt(e / (1 + e))};
}

}  // namespace

TEST_CASE("the coefficients of every conversion are correctly rounded", "[conversions][rounding]") {
  // A conversion is linear: applied to (1, 0) and (0, 1) it shows its two coefficients.
  rounding::Misrounded wrong;
  for (int i = 0; i < 6000; ++i) {
    const auto [t, signal, noise] = random_level(i);
    const truth::Real total = signal * signal + noise * noise;
    wrong.compare("x0_from_noise x_t", i, x0_from_noise(t, 1.0, 0.0), 1 / signal);
    wrong.compare("x0_from_noise eps", i, x0_from_noise(t, 0.0, 1.0), -noise / signal);
    wrong.compare("noise_from_x0 x_t", i, noise_from_x0(t, 1.0, 0.0), 1 / noise);
    wrong.compare("noise_from_x0 x_0", i, noise_from_x0(t, 0.0, 1.0), -signal / noise);
    wrong.compare("v_from x_0", i, v_from(t, 1.0, 0.0), -noise);
    wrong.compare("v_from eps", i, v_from(t, 0.0, 1.0), signal);
    wrong.compare("v_from_noise x_t", i, v_from_noise(t, 1.0, 0.0), -noise / signal);
    wrong.compare("v_from_noise eps", i, v_from_noise(t, 0.0, 1.0), total / signal);
    wrong.compare("v_from_x0 x_t", i, v_from_x0(t, 1.0, 0.0), signal / noise);
    wrong.compare("v_from_x0 x_0", i, v_from_x0(t, 0.0, 1.0), -total / noise);
    wrong.compare("score_from_x0 x_t", i, score_from_x0(t, 1.0, 0.0), -1 / (noise * noise));
    wrong.compare("score_from_x0 x_0", i, score_from_x0(t, 0.0, 1.0), signal / (noise * noise));
    wrong.compare("x0_from_v x_t", i, x0_from_v(t, 1.0, 0.0), signal / total);
    wrong.compare("x0_from_v v", i, x0_from_v(t, 0.0, 1.0), -noise / total);
    wrong.compare("noise_from_v x_t", i, noise_from_v(t, 1.0, 0.0), noise / total);
    wrong.compare("noise_from_v v", i, noise_from_v(t, 0.0, 1.0), signal / total);
    wrong.compare("score_from_noise", i, score_from_noise(t, 1.0), -1 / noise);
    wrong.compare("noise_from_score", i, noise_from_score(t, 1.0), -noise);
    wrong.compare("x0_from_score x_t", i, x0_from_score(t, 1.0, 0.0), 1 / signal);
    wrong.compare("x0_from_score score", i, x0_from_score(t, 0.0, 1.0), noise * noise / signal);
  }
  wrong.require_none();
}

TEST_CASE("every way from a prediction leads to the same x_0 and eps", "[conversions]") {
  for (int i = 0; i < 3000; ++i) {
    const NoiseLevel<double> t = random_level(i).level;
    if (t.sigma() < 0.01 || t.sigma() > 100) continue;  // beyond, the prediction hardly knows the other quantity
    const double x_0 = uniform(-2, 2), eps = uniform(-2, 2), x_t = q_sample(t, x_0, eps), v = v_from(t, x_0, eps);
    const auto near = [](double expected) { return Catch::Matchers::WithinAbs(expected, 1e-12); };
    REQUIRE_THAT(x0_from_noise(t, x_t, eps), near(x_0));
    REQUIRE_THAT(noise_from_x0(t, x_t, x_0), near(eps));
    REQUIRE_THAT(x0_from_v(t, x_t, v), near(x_0));
    REQUIRE_THAT(noise_from_v(t, x_t, v), near(eps));
    REQUIRE_THAT(x0_from_score(t, x_t, score_from_noise(t, eps)), near(x_0));
    REQUIRE_THAT(x0_from_score(t, x_t, score_from_x0(t, x_t, x_0)), near(x_0));
    REQUIRE_THAT(x0_from_v(t, x_t, v_from_noise(t, x_t, eps)), near(x_0));
    REQUIRE_THAT(noise_from_v(t, x_t, v_from_x0(t, x_t, x_0)), near(eps));
    REQUIRE_THAT(noise_from_score(t, score_from_noise(t, eps)), near(eps));
  }
}

TEST_CASE("conversions at the ends", "[conversions]") {
  const double inf = std::numeric_limits<double>::infinity();
  REQUIRE(x0_from_v(vp_level(-inf), 0.7, -0.3) == 0.3);
  REQUIRE(noise_from_v(vp_level(inf), 0.7, -0.3) == -0.3);
  REQUIRE(x0_from_noise(vp_level(inf), 0.7, 5.0) == 0.7);
  REQUIRE(noise_from_x0(vp_level(-inf), 0.7, 5.0) == 0.7);
  REQUIRE(std::isnan(x0_from_noise(vp_level(-inf), 0.7, 0.7)));  // nothing is known, and nothing made up
}
