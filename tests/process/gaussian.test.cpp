// SPDX-License-Identifier: MIT
#include <diffusion/process/gaussian.hpp>

#include <boost/math/constants/constants.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;

TEST_CASE("density and divergence of scalar Gaussians are correctly rounded", "[gaussian][rounding]") {
  const truth::Real two_pi = boost::math::constants::two_pi<truth::Real>();
  rounding::Misrounded wrong;
  for (int i = 0; i < 20000; ++i) {
    const double range = i % 8 < 4 ? 40 : 300;
    const Gaussian<double> p{uniform(-3, 3), std::exp(uniform(-range, range))};
    Gaussian<double> q{uniform(-3, 3) + (i % 4 == 1 ? 30 * std::sqrt(p.variance) : 0),
                       std::exp(uniform(-range, range))};
    if (i % 2 == 0) q = {p.mean + uniform(-1e-12, 1e-12), p.variance * (1 + uniform(-1e-12, 1e-12))};
    const truth::Real v_p = p.variance, v_q = q.variance, distance = truth::Real(p.mean) - truth::Real(q.mean);
    wrong.compare("kl_divergence", i, kl_divergence(p, q),
                  (v_p / v_q - 1 - log(v_p / v_q) + distance * distance / v_q) / 2);
    wrong.compare("log_density", i, log_density(p, q.mean), -(log(two_pi * v_p) + distance * distance / v_p) / 2);
    wrong.compare("entropy", i, entropy(p), (1 + log(two_pi * v_p)) / 2);
  }
  wrong.require_none();
  REQUIRE(kl_divergence(Gaussian{1.0, 2.0}, Gaussian{1.0, 2.0}) == 0);
  REQUIRE(kl_divergence(Gaussian{1.0f, 2.0}, Gaussian{1.5f, 2.0}) == 0.0625);
  REQUIRE(entropy(Gaussian<std::vector<float>>{{1, 2}, 0.5}) == 2 * entropy(Gaussian{3.0, 0.5}));
  REQUIRE(entropy(Gaussian{0.0, 0.0}) == -std::numeric_limits<double>::infinity());
}

TEST_CASE("a divergence is the mean of the ratio of log-densities", "[gaussian][kingma2013.kl]") {
  // The ratio is a quadratic in x, whose mean under p is that of its values at mean +- deviation.
  using truth::Real;
  for (int i = 0; i < 300; ++i) {
    const Gaussian<Real> p{exact::number(), exact::number(0.01, 5)}, q{exact::number(), exact::number(0.01, 5)};
    const auto ratio = [&](const Real& eps) -> Real {
      return log_density(p, sample(p, eps)) - log_density(q, sample(p, eps));
    };
    exact::require_equal(kl_divergence(p, q), (ratio(1) + ratio(-1)) / 2);
    exact::require_equal(kl_divergence(p, Gaussian<Real>{0, 1}),
                         -(1 + log(p.variance) - p.mean * p.mean - p.variance) / 2);
  }
}

TEST_CASE("a draw has the density of its noise", "[gaussian][kingma2013.reparameterization]") {
  using truth::Real;
  for (int i = 0; i < 100; ++i) {
    const Gaussian<Real> p{exact::number(), exact::number(0.01, 5)};
    const Real eps = exact::number();
    exact::require_equal(sample(p, eps), p.mean + sqrt(p.variance) * eps);
    exact::require_equal(log_density(p, sample(p, eps)) + log(p.variance) / 2, log_density(Gaussian<Real>{0, 1}, eps));
  }
}

TEST_CASE("density, entropy and divergence of many elements are sums over them", "[gaussian]") {
  using truth::Real;
  for (const std::size_t n : {1u, 2u, 5u}) {
    Gaussian<std::vector<Real>> p{{}, exact::number(0.01, 5)}, q{{}, exact::number(0.01, 5)};
    std::vector<Real> x;
    Real density = 0, disorder = 0, divergence = 0;
    for (std::size_t i = 0; i < n; ++i) {
      p.mean.push_back(exact::number());
      q.mean.push_back(exact::number());
      x.push_back(exact::number());
      const Gaussian<Real> p_i{p.mean[i], p.variance}, q_i{q.mean[i], q.variance};
      density += log_density(p_i, x[i]);
      disorder += entropy(p_i);
      divergence += kl_divergence(p_i, q_i);
    }
    exact::require_equal(log_density(p, x), density);
    exact::require_equal(entropy(p), disorder);
    exact::require_equal(kl_divergence(p, q), divergence);
  }
}

TEMPLATE_TEST_CASE("the density of an array keeps its digits where its two parts cancel", "[gaussian]", float, double) {
  const truth::Real two_pi = boost::math::constants::two_pi<truth::Real>();
  for (int i = 0; i < 4000; ++i) {
    const std::size_t n = i % 8 == 0 ? 200 : 1 + std::size_t(i) % 4;
    Gaussian<std::vector<TestType>> p{{}, std::exp(uniform(-40, -1.9))};
    std::vector<TestType> x;
    truth::Real distance = 0;
    const double deviation = std::sqrt(-p.variance * std::log(2 * 3.14159265358979 * p.variance));
    for (std::size_t k = 0; k < n; ++k) {
      p.mean.push_back(TestType(uniform(-3, 3)));
      x.push_back(TestType(p.mean[k] + (i % 3 == 0 ? uniform(0, 2) : 1) * deviation));
      distance += pow(truth::Real(x[k]) - truth::Real(p.mean[k]), 2);
    }
    const truth::Real v = p.variance, exact = -(n * log(two_pi * v) + distance / v) / 2;
    CAPTURE(n, p.variance, exact);
    REQUIRE(abs(log_density(p, x) - exact) <= (abs(exact) < 1e-8 ? 1e-12 : 1e-14) * abs(exact));
  }
}

TEST_CASE("distances beyond the range of double are those of scalars", "[gaussian]") {
  for (const double size : {1e200, 1e-200, 1e-150, 1.0}) {
    const double variance = size == 1e200 ? 1e300 : size == 1 ? 1.0 : 1e-300;
    const Gaussian<double> p{size, variance}, q{-size, 2 * variance};
    const Gaussian<std::vector<double>> p_array{{size}, variance}, q_array{{-size}, 2 * variance};
    REQUIRE_THAT(kl_divergence(p_array, q_array), Catch::Matchers::WithinRel(kl_divergence(p, q), 1e-15));
    REQUIRE_THAT(log_density(p_array, std::vector{-size}), Catch::Matchers::WithinRel(log_density(p, -size), 1e-15));
    const double between = kl_divergence(p_array, Gaussian<std::vector<double>>{{-size}, variance});
    REQUIRE_THAT(between, Catch::Matchers::WithinRel(kl_divergence(p, Gaussian{-size, variance}), 1e-15));
  }
}

TEST_CASE("what is no variance is named", "[gaussian][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Gaussian<double> one{0, 1}, point{0, 0};
  REQUIRE(kl_divergence(point, one) == std::numeric_limits<double>::infinity());
  REQUIRE(message([&] { return kl_divergence(one, point); }) ==
          "diffusion::kl_divergence: q.variance = 0, expected a number > 0");
  REQUIRE(message([&] { return kl_divergence(Gaussian{0.0, -1.0}, one); }) ==
          "diffusion::kl_divergence: p.variance = -1, expected a number >= 0");
  REQUIRE(message([&] { return kl_divergence(Gaussian{0.0, nan}, one); }).starts_with("diffusion::kl_divergence: p.v"));
  REQUIRE(message([&] { return log_density(point, 0.0); }) ==
          "diffusion::log_density: variance = 0, expected a number > 0");
  REQUIRE(message([&] { return entropy(Gaussian{0.0, -1.0}); }) ==
          "diffusion::entropy: variance = -1, expected a number >= 0");
}

TEST_CASE("a sample is its mean and its root of variance times noise", "[gaussian]") {
  REQUIRE(sample(Gaussian{1.0, 4.0}, -0.5) == 0);
  REQUIRE(sample(Gaussian{1.0, 0.0}, 100.0) == 1);
  const std::vector<double> mean{1, 2, 3, 4};
  const GaussianBatch<std::vector<double>> batch{mean, {4.0, 9.0}};
  REQUIRE(sample(batch, std::vector<double>{1, 1, 1, -1}) == std::vector<double>{3, 4, 6, 1});
}

TEST_CASE("states of Gaussians that differ in size are named", "[gaussian][errors]") {
  const Gaussian<std::vector<double>> p{{1, 2, 3}, 1.0}, q{{1, 2}, 1.0};
  REQUIRE(message([&] { return kl_divergence(p, q); }) ==
          "diffusion::kl_divergence: q.mean has 2 elements, expected 3, as p.mean");
  REQUIRE(message([&] { return log_density(p, std::vector<double>(4)); }) ==
          "diffusion::log_density: x has 4 elements, expected 3, as mean");
  REQUIRE(message([&] { return sample(p, std::vector<double>()); }) ==
          "diffusion::sample: eps has 0 elements, expected 3, as mean");
}
