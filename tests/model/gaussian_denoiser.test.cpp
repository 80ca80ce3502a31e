// SPDX-License-Identifier: MIT
#include <diffusion/model/gaussian_denoiser.hpp>

#include <diffusion/objective/joint.hpp>
#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

Real log_normal(const Real& x, const Real& mean, const Real& variance) {
  return -(log(8 * atan(Real(1)) * variance) + (x - mean) * (x - mean) / variance) / 2;
}

std::vector<double> draw(std::size_t n, double low, double high) {
  std::vector<double> values(n);
  for (double& value : values) value = uniform(low, high);
  return values;
}

using Vector = std::vector<double>;
static_assert(Denoiser<GaussianDenoiser<double>, double> && Denoiser<GaussianDenoiser<double>, std::vector<float>>);
static_assert(Denoiser<GaussianDenoiser<Vector>, Vector, std::vector<NoiseLevel<double>>>);
static_assert(Denoiser<GaussianDenoiser<Vector, Vector>, Vector>);
static_assert(!Denoiser<GaussianDenoiser<Vector>, std::vector<float>> && !Denoiser<GaussianDenoiser<Vector>, double>);
static_assert(AffineInX<GaussianDenoiser<double>, double> && AffineInX<GaussianDenoiser<Vector>, Vector>);
static_assert(!AffineInX<GaussianDenoiser<Vector, Vector>, Vector>);
static_assert(std::same_as<decltype(GaussianDenoiser(0, 1)), GaussianDenoiser<double>>);

}  // namespace

TEST_CASE("estimate, score and log-density of a number are correctly rounded", "[exact][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 3000; ++i) {
    const double mean = uniform(-2, 2), variance = i % 7 == 0 ? 0 : std::exp(uniform(-20, 5)), x = uniform(-4, 4);
    const double log_snr = i % 2 == 0 ? uniform(-30, 30) : uniform(-3, 3), sigma = std::exp(uniform(-8, 8));
    const bool preserving = i % 3 != 0;
    const auto level = preserving ? vp_level(log_snr) : ve_level(sigma);
    const Real signal_squared = preserving ? 1 / (1 + exp(-Real(log_snr))) : Real(1);
    const Real noise_squared = preserving ? 1 / (1 + exp(Real(log_snr))) : Real(sigma) * sigma;
    const Real signal = sqrt(signal_squared), total = signal_squared * variance + noise_squared;
    const GaussianDenoiser denoiser(mean, variance);
    wrong.compare("estimate", i, denoiser(x, level), (signal * variance * x + noise_squared * mean) / total);
    wrong.compare("score", i, denoiser.score(x, level), (signal * mean - x) / total);
    wrong.compare("log-density", i, denoiser.log_density(x, level), log_normal(x, signal * mean, total));
    wrong.compare("variance of x_t", i, denoiser.marginal(level).variance, total);
    const float x_float = float(x);
    wrong.compare("estimate of a float", i, denoiser(x_float, level),
                  (signal * variance * Real(x_float) + noise_squared * mean) / total);
  }
  wrong.require_none();
}

TEST_CASE("the estimate is Tweedie's, of the score that is the slope of the log-density", "[exact][luo2022.tweedie]") {
  for (int i = 0; i < 100; ++i) {
    const auto level = exact::random_level(i);
    const GaussianDenoiser<Real> denoiser(exact::number(), exact::number(0, 3));
    const Real x = exact::number(-4, 4), score = denoiser.score(x, level);
    const auto density = [&](const Real& at) { return denoiser.log_density(at, level); };
    exact::require_equal(score, exact::slope(density, x), exact::slope_tolerance);
    exact::require_equal(denoiser(x, level), x0_from_score(level, x, score));
    exact::require_equal(denoiser.log_density(x, level), log_density(denoiser.marginal(level), x));
  }
}

TEST_CASE("the ends: pure noise, clean data, and data that are a point", "[exact]") {
  const auto pure = vp_level(-std::numeric_limits<double>::infinity()), clean = ve_level(0);
  const GaussianDenoiser denoiser(0.25, 2), point(0.25, 0);
  REQUIRE(denoiser(7.0, pure) == 0.25);
  REQUIRE(denoiser(7.0, clean) == 7);
  REQUIRE(denoiser.score(1.25, clean) == -0.5);
  for (const auto& level : {pure, clean, vp_level(0)}) REQUIRE(point(7.0, level) == 0.25);
  const double nan = std::numeric_limits<double>::quiet_NaN(), of_nan = denoiser(nan, vp_level(0));
  REQUIRE(of_nan != of_nan);
}

TEST_CASE("arrays have one variance, or one for each element", "[exact]") {
  const Vector mean = draw(5, -1, 1), variances = draw(5, 0, 2), x = draw(5, -2, 2);
  const auto level = linear_schedule(1000)(300);
  const GaussianDenoiser diagonal(mean, variances);
  const GaussianDenoiser equal(mean, 0.75);
  const auto require_elements = [&](const auto& denoiser, const auto& variance_of) {
    const Vector estimate = denoiser(x, level), score = denoiser.score(x, level);
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const GaussianDenoiser one(mean[i], variance_of(i));
      REQUIRE(std::abs(estimate[i] - one(x[i], level)) < 1e-15);
      REQUIRE(std::abs(score[i] - one.score(x[i], level)) < 1e-14);
      sum += one.log_density(x[i], level);
    }
    REQUIRE(std::abs(denoiser.log_density(x, level) - sum) < 1e-14);
  };
  require_elements(diagonal, [&](std::size_t i) { return variances[i]; });
  require_elements(equal, [](std::size_t) { return 0.75; });
  REQUIRE(equal.marginal(level).mean == Vector(q_marginal(level, mean).mean));
}

TEST_CASE("the best denoiser of Gaussian data makes the chain exact", "[exact]") {
  const auto levels = level_grid(cosine_schedule(20));
  const Gaussian<double> data{0.5, 0.49};
  const GaussianDenoiser denoiser(data.mean, data.variance);
  // its estimate has the least bound of all affine ones
  const auto bound = [&](double slope, double offset) {
    const AffineDenoiser other{[=](const auto& level) {
      const auto c = denoiser.coefficients(level);
      return AffineEstimate<double>{c.slope + slope, c.offset + offset};
    }};
    return negative_vlb(levels, data, ReverseModel{other, DecoderVariance{1e-3}});
  };
  const double least = negative_vlb(levels, data, ReverseModel{denoiser, DecoderVariance{1e-3}});
  REQUIRE(least == bound(0, 0));
  for (const double change : {-1e-3, 1e-3}) {
    REQUIRE(least < bound(change, 0));
    REQUIRE(least < bound(0, change));
  }
}

TEST_CASE("what is no Gaussian is named", "[exact][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto error = [](const auto& mean, const auto& variance) {
    return message([&] { return GaussianDenoiser(mean, variance); });
  };
  const std::string start = "diffusion::GaussianDenoiser: ";
  REQUIRE(error(0.0, -1.0) == start + "variance = -1, expected a finite number >= 0");
  REQUIRE(error(0.0, infinity) == start + "variance = inf, expected a finite number >= 0");
  REQUIRE(error(0.0, nan).starts_with(start + "variance = "));
  REQUIRE(error(infinity, 1.0) == start + "mean[0] = inf, expected a finite number");
  REQUIRE(error(Vector{0, nan}, 1.0).starts_with(start + "mean[1] = "));
  REQUIRE(error(Vector{0, 0}, Vector{-2, 1}) == start + "variance[0] = -2, expected a finite number >= 0");
  REQUIRE(error(Vector{0, 0}, Vector{1, -2}) == start + "variance[1] = -2, expected a finite number >= 0");
  REQUIRE(error(Vector{0, 0}, Vector{1}) == start + "variance has 1 elements, expected 2, as mean");
}
