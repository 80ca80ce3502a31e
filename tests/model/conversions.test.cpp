// SPDX-License-Identifier: MIT
#include <diffusion/model/conversions.hpp>

#include "../support/exact.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

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

TEST_CASE("every way from a prediction leads to the same x_0 and eps",
          "[conversions][ho2020.15][luo2022.115][kingma2021.10][kingma2021.29][ddim2020.9][salimans2022.x_by_v]"
          "[salimans2022.noise_by_v]") {
  for (int i = 0; i < 500; ++i) {
    const auto t = exact::random_level(i);
    const Real x_0 = exact::number(), eps = exact::number(), x_t = q_sample(t, x_0, eps), v = v_from(t, x_0, eps);
    exact::require_equal(x0_from_noise(t, x_t, eps), x_0);
    exact::require_equal(noise_from_x0(t, x_t, x_0), eps);
    exact::require_equal(x0_from_v(t, x_t, v), x_0);
    exact::require_equal(noise_from_v(t, x_t, v), eps);
    exact::require_equal(v_from_noise(t, x_t, eps), v);
    exact::require_equal(v_from_x0(t, x_t, x_0), v);
    exact::require_equal(x0_from_score(t, x_t, score_from_noise(t, eps)), x_0);
    exact::require_equal(x0_from_score(t, x_t, score_from_x0(t, x_t, x_0)), x_0);
    exact::require_equal(noise_from_score(t, score_from_noise(t, eps)), eps);
  }
}

TEST_CASE("the score is the gradient of the log-density", "[conversions][luo2022.151][kingma2021.30]") {
  for (int i = 0; i < 300; ++i) {
    const auto t = exact::random_level(i);
    const Real x_0 = exact::number(), eps = exact::number(), x_t = q_sample(t, x_0, eps);
    const Real score =
        exact::slope_of_quadratic([&](const Real& x) { return log_density(q_marginal(t, x_0), x); }, x_t);
    exact::require_equal(score_from_noise(t, eps), score);
    exact::require_equal(score_from_x0(t, x_t, x_0), score);
  }
}

TEST_CASE("the score of all data gives the mean of x_0", "[conversions][luo2022.tweedie][karras2022.3]") {
  // Data that are one of three points: p(x_t) is a mixture of Gaussians, and E[x_0 | x_t] is Bayes' rule.
  for (int i = 0; i < 300; ++i) {
    const auto t = exact::random_level(i);
    const Real point[] = {exact::number(), exact::number(), exact::number()};
    const Real weight[] = {exact::number(0.1, 1), exact::number(0.1, 1), exact::number(0.1, 1)};
    const auto weighted = [&](const Real& x, auto f) -> Real {
      Real sum = 0;
      for (int k = 0; k < 3; ++k) sum += f(point[k]) * weight[k] * exp(log_density(q_marginal(t, point[k]), x));
      return sum;
    };
    const auto density = [&](const Real& x) { return weighted(x, [](const Real&) { return Real(1); }); };
    // near enough to the data that no density underflows in the difference
    const Real x_t = q_sample(t, point[i % 3], Real(exact::number() / 4));
    const Real score = exact::slope([&](const Real& x) -> Real { return log(density(x)); }, x_t);
    const Real mean = weighted(x_t, [](const Real& p) { return p; }) / density(x_t);
    exact::require_equal(x0_from_score(t, x_t, score), mean, exact::slope_tolerance);
    exact::require_equal(score_from_x0(t, x_t, mean), score, exact::slope_tolerance);
  }
}

TEST_CASE("v is the velocity of x_t in the angle of its level", "[conversions][salimans2022.v]") {
  for (int i = 0; i < 100; ++i) {
    const Real x_0 = exact::number(), eps = exact::number(), angle = exact::number(0.01, 1.56);
    const auto level = [](const Real& phi) { return signal_noise_level<Real>(cos(phi), sin(phi)); };
    const Real velocity = exact::slope([&](const Real& phi) { return q_sample(level(phi), x_0, eps); }, angle);
    exact::require_equal(v_from(level(angle), x_0, eps), velocity, exact::slope_tolerance);
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
