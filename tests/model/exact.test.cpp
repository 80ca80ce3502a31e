// SPDX-License-Identifier: MIT
#include <diffusion/model/exact.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

using Vector = std::vector<double>;
static_assert(Denoiser<GaussianMixtureDenoiser<double>, double> &&
              Denoiser<GaussianMixtureDenoiser<double>, std::vector<float>>);
static_assert(Denoiser<GaussianMixtureDenoiser<Vector>, Vector, std::vector<NoiseLevel<double>>>);
static_assert(!Denoiser<GaussianMixtureDenoiser<Vector>, std::vector<float>> &&
              !Denoiser<GaussianMixtureDenoiser<Vector>, double>);

constexpr double infinity = std::numeric_limits<double>::infinity();

Vector draw(std::size_t n, double low, double high) {
  Vector values(n);
  for (double& value : values) value = uniform(low, high);
  return values;
}

/// The mixture by its definition, in one dimension or several, at a level of this signal^2 and noise^2.
struct Truth {
  Vector weights;
  std::vector<Vector> means;
  Vector variances;
  Real signal_squared, noise_squared;

  Real total(std::size_t k) const { return signal_squared * variances[k] + noise_squared; }
  Real joint(std::size_t k, const Vector& x) const {
    Real density = weights[k];
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Real difference = x[i] - sqrt(signal_squared) * means[k][i];
      density *= exp(-difference * difference / (2 * total(k))) / sqrt(8 * atan(Real(1)) * total(k));
    }
    return density;
  }
  Real density(const Vector& x) const {
    Real sum = 0, all = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      sum += joint(k, x);
      all += weights[k];
    }
    return sum / all;
  }
  /// The mean of of(k) over the components given x.
  template <class Of>
  Real mean(const Vector& x, Of of) const {
    if (x != given_) {
      given_ = x;
      joints_.clear();
      for (std::size_t k = 0; k < weights.size(); ++k) joints_.push_back(joint(k, x));
    }
    Real sum = 0, all = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      sum += joints_[k] * of(k);
      all += joints_[k];
    }
    return sum / all;
  }
  Real estimate(const Vector& x, std::size_t i) const {
    const Real signal = sqrt(signal_squared);
    return mean(x, [&](std::size_t k) {
      return Real((signal * variances[k] * x[i] + noise_squared * means[k][i]) / total(k));
    });
  }
  Real score(const Vector& x, std::size_t i) const {
    return mean(x, [&](std::size_t k) { return Real((sqrt(signal_squared) * means[k][i] - x[i]) / total(k)); });
  }

  mutable Vector given_{};  // the last x, and the densities of the components there, which take time
  mutable std::vector<Real> joints_{};
};

/// At vp_level(log_snr); one component in three is a point.
Truth random_truth(std::size_t components, std::size_t n, double log_snr) {
  Truth truth{draw(components, 0.1, 3), {}, {}, 1 / (1 + exp(-Real(log_snr))), 1 / (1 + exp(Real(log_snr))), {}, {}};
  for (std::size_t k = 0; k < components; ++k) {
    truth.means.push_back(draw(n, -2, 2));
    truth.variances.push_back(k % 3 == 1 ? 0 : std::exp(uniform(-6, 1)));
  }
  return truth;
}

}  // namespace

TEST_CASE("estimate, score and log-density of mixtures of numbers are correctly rounded", "[exact][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 1500; ++i) {
    const double log_snr = uniform(-20, 12), x = uniform(-5, 5);
    const auto level = vp_level(log_snr);
    const Truth truth = random_truth(std::size_t(1 + i % 6), 1, log_snr);
    Vector means;
    for (const Vector& mean : truth.means) means.push_back(mean[0]);
    const GaussianMixtureDenoiser denoiser(truth.weights, means, truth.variances);
    wrong.compare("estimate", i, denoiser(x, level), truth.estimate({x}, 0));
    wrong.compare("score", i, denoiser.score(x, level), truth.score({x}, 0));
    wrong.compare("log-density", i, denoiser.log_density(x, level), log(truth.density({x})));
  }
  wrong.require_none();
}

TEST_CASE("the estimate is Tweedie's, of the score that is the slope of the log-density", "[exact][luo2022.tweedie]") {
  for (int i = 0; i < 60; ++i) {
    const auto level = exact::random_level(i);
    std::vector<Real> weights, means, variances;
    for (int k = 0; k < 4; ++k) {
      weights.push_back(exact::number(0.1, 2));
      means.push_back(exact::number());
      variances.push_back(exact::number(0, 2));
    }
    const GaussianMixtureDenoiser denoiser(weights, means, variances);
    const Real x = exact::number(-4, 4), score = denoiser.score(x, level);
    const auto density = [&](const Real& at) { return denoiser.log_density(at, level); };
    exact::require_equal(score, exact::slope(density, x), exact::slope_tolerance);
    exact::require_equal(denoiser(x, level), x0_from_score(level, x, score));
  }
}

TEST_CASE("mixtures of arrays keep 12 digits at any noise", "[exact]") {
  for (int i = 0; i < 300; ++i) {
    const std::size_t n = std::size_t(1 + i % 20);
    const double log_snr = uniform(-15, 9);
    const auto level = vp_level(log_snr);
    const Truth truth = random_truth(5, n, log_snr);
    const Vector x = q_sample(level, truth.means[std::size_t(i) % 5], draw(n, -3, 3));
    const GaussianMixtureDenoiser denoiser(truth.weights, truth.means, truth.variances);
    const Vector estimate = denoiser(x, level), score = denoiser.score(x, level);
    const Real noise = sqrt(truth.noise_squared);
    CAPTURE(i, n, log_snr);
    for (std::size_t k = 0; k < n; ++k) {
      REQUIRE(abs(estimate[k] - truth.estimate(x, k)) < 1e-12);
      REQUIRE(abs(score[k] - truth.score(x, k)) < 1e-12 * (1 / noise + 1 / (noise * noise)));
    }
    const Real density = log(truth.density(x));
    REQUIRE(abs(denoiser.log_density(x, level) - density) < 1e-12 * (abs(density) + double(n)));
  }
}

TEST_CASE("a mixture of one component is a Gaussian", "[exact]") {
  const GaussianDenoiser gaussian(0.5, 0.49);
  const GaussianMixtureDenoiser mixture({3.0}, {0.5}, {0.49});
  for (const auto& level : {vp_level(-3), vp_level(4), ve_level(2), ve_level(0), vp_level(-infinity)}) {
    REQUIRE(mixture(1.3, level) == gaussian(1.3, level));
    REQUIRE(mixture.score(1.3, level) == gaussian.score(1.3, level));
    REQUIRE(mixture.log_density(1.3, level) == gaussian.log_density(1.3, level));
  }
}

TEST_CASE("nothing overflows far from the data and near clean data", "[exact]") {
  const GaussianMixtureDenoiser points({1.0, 1.0}, {Vector{-1, 2}, Vector{1, 2}}, {0.0, 0.0});
  const auto nearly_clean = vp_level(200);
  REQUIRE(points(Vector{0.9, 2}, nearly_clean) == Vector{1, 2});
  REQUIRE(points(Vector{1000, -1000}, nearly_clean) == Vector{1, 2});
  REQUIRE(std::isfinite(points.log_density(Vector{1000, -1000}, nearly_clean)));
  const Vector between = points(Vector{0, 50}, nearly_clean);
  REQUIRE(between == Vector{0, 2});
  const GaussianMixtureDenoiser numbers({1.0, 1.0}, {-1.0, 1.0}, {0.0, 0.0});
  REQUIRE(numbers(1e300, nearly_clean) == 1);
  // shares far below the smallest double
  const GaussianMixtureDenoiser unlikely({1e-300, 1.0}, {-1.0, 1.0}, {1e-8, 1e-8});
  REQUIRE(unlikely(-3.0, nearly_clean) < -2.9);
}

TEST_CASE("the ends: pure noise is the mean of the data, clean data the limit of little noise", "[exact]") {
  const auto pure = vp_level(-infinity), clean = ve_level(0);
  const GaussianMixtureDenoiser mixture({1.0, 3.0}, {-2.0, 4.0}, {0.5, 0.0});
  REQUIRE(mixture(17.0, pure) == 2.5);
  REQUIRE(mixture(3.9, clean) == 3.9);  // the point has no probability there
  REQUIRE(mixture.score(3.9, clean) == (-2 - 3.9) / 0.5);
  REQUIRE(mixture(4.0, clean) == 4);
  REQUIRE(mixture.log_density(4.0, clean) == infinity);
  REQUIRE_THAT(mixture.log_density(3.9, clean),
               Catch::Matchers::WithinRel(log_density(Gaussian<double>{-2, 0.5}, 3.9) + std::log(0.25), 1e-15));
  const GaussianMixtureDenoiser points({1.0, 2.0, 1.0, 0.0}, {-1.0, 2.0, 4.0, 3.0}, {0.0, 0.0, 0.0, 0.0});
  REQUIRE(points(2.25, clean) == 2);
  REQUIRE(points(3.0, clean) == 8.0 / 3);  // of weights 2 and 1
  REQUIRE(points(3.0, ve_level(1e-9)) == 8.0 / 3);
  REQUIRE(points.log_density(3.0, clean) == -infinity);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& level : {pure, clean, vp_level(0)}) {
    const double of_number = points(nan, level), of_array = points(Vector{nan}, level)[0];
    REQUIRE((of_number != of_number && of_array != of_array));
  }
}

TEST_CASE("weights, means and variances come in any contiguous range", "[exact]") {
  const std::array<int, 2> weights{1, 3};
  const std::vector<float> means{-1, 2};
  const double variances[] = {0.5, 0.25};
  const GaussianMixtureDenoiser denoiser(weights, means, variances);
  static_assert(std::same_as<decltype(denoiser), const GaussianMixtureDenoiser<float>>);
  const GaussianMixtureDenoiser same({0.25, 0.75}, {-1.0, 2.0}, {0.5, 0.25});
  REQUIRE(denoiser(0.3, vp_level(0.5)) == same(0.3, vp_level(0.5)));
  const Vector data{1, 2, 3, 4};
  const std::vector<std::span<const double>> views{std::span(data).first(2), std::span(data).last(2)};
  const GaussianMixtureDenoiser of_views(Vector{1, 1}, views, Vector{0, 0});
  static_assert(std::same_as<decltype(of_views), const GaussianMixtureDenoiser<Vector>>);
  REQUIRE(of_views(Vector{2.9, 4.2}, ve_level(0.01)) == Vector{3, 4});
}

TEST_CASE("what is no mixture is named", "[exact][errors]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto error = [](const Vector& weights, const auto& means, const Vector& variances) {
    return message([&] { return GaussianMixtureDenoiser(weights, means, variances); });
  };
  const std::string start = "diffusion::GaussianMixtureDenoiser: ";
  const Vector two{0, 1}, ones{1, 1};
  REQUIRE(error({}, Vector(), {}) == start + "weights.size() = 0, expected at least one component");
  REQUIRE(error(ones, Vector{1}, ones) == start + "means has 1 elements, expected 2, as weights");
  REQUIRE(error(ones, two, {1}) == start + "variances has 1 elements, expected 2, as weights");
  REQUIRE(error({1, -1}, two, ones) == start + "weights[1] = -1, expected a finite number >= 0");
  REQUIRE(error({1, nan}, two, ones).starts_with(start + "weights[1] = "));
  REQUIRE(error({infinity, 1}, two, ones) == start + "weights[0] = inf, expected a finite number >= 0");
  REQUIRE(error({0, 0}, two, ones) == start + "the sum of weights = 0, expected a number > 0");
  REQUIRE(error(ones, two, {1, -0.5}) == start + "variances[1] = -0.5, expected a finite number >= 0");
  REQUIRE(error(ones, two, {nan, 1}).starts_with(start + "variances[0] = "));
  REQUIRE(error(ones, Vector{infinity, 1}, ones) == start + "means[0] = inf, expected finite elements");
  REQUIRE(error(ones, std::vector<Vector>{{1, 2}, {3, nan}}, ones).starts_with(start + "means[1] = "));
  REQUIRE(error(ones, std::vector<Vector>{{1, 2}, {3}}, ones) ==
          start + "another of means has 1 elements, expected 2, as means[0]");
}
