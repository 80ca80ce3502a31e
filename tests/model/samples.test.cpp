// SPDX-License-Identifier: MIT
#include <diffusion/model/samples.hpp>

#include <diffusion/model/exact.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/interleaved.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

using Vector = std::vector<double>;
const auto schedule = linear_schedule(1000);
const std::vector<NoiseLevel<double>> levels{schedule(100), schedule(400), schedule(900)};
const Vector x{0.5, -1, 2, 0.25, -0.75, 1.5};

Vector part(std::size_t k) { return {x[2 * k], x[2 * k + 1]}; }

}  // namespace

static_assert(SamplesLike<double, double> && SamplesLike<float, double> && SamplesLike<std::vector<float>, double>);
static_assert(SamplesLike<Vector, Vector> && SamplesLike<std::span<const double>, Vector>);
static_assert(!SamplesLike<double, Vector> && !SamplesLike<std::vector<float>, Vector> && !SamplesLike<int, double>);

TEST_CASE("a state is a sample, or equal parts of it are, at one level or one each", "[samples]") {
  const GaussianMixtureDenoiser denoiser({1.0, 2.0}, {Vector{1, -1}, Vector{0, 2}}, {0.5, 0.0});
  const Vector at_one = denoiser(x, levels[1]), at_each = denoiser(x, levels), score = denoiser.score(x, levels);
  const Vector log_densities = denoiser.log_density(x, levels);
  double sum = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    REQUIRE(Vector{at_one[2 * k], at_one[2 * k + 1]} == denoiser(part(k), levels[1]));
    REQUIRE(Vector{at_each[2 * k], at_each[2 * k + 1]} == denoiser(part(k), levels[k]));
    REQUIRE(Vector{score[2 * k], score[2 * k + 1]} == denoiser.score(part(k), levels[k]));
    REQUIRE(log_densities[k] == denoiser.log_density(part(k), levels[k]));
    sum += denoiser.log_density(part(k), levels[1]);
  }
  REQUIRE(std::abs(denoiser.log_density(x, levels[1]) - sum) < 1e-14);
}

TEST_CASE("an answer is to the elements of its sample, at its level, and in its place", "[samples]") {
  const auto time = [](const auto& level) { return level.time(); };
  const auto answer = [](double t, const auto& sample, auto& result) {
    for (std::size_t i = 0; i < sample.size(); ++i) result[i] = t + sample[i] * sample[0] + sample[i];
  };
  const auto density = [](double t, const auto& sample) { return t * sample[0] + sample.back(); };
  const auto expected = [](double t, double e, double first) { return t + e * first + e; };
  const Vector mean(2);
  const Vector at_each = Samples{"f", x, mean, levels}.mapped(time, answer);
  const Vector of_numbers = Samples{"f", x, mean[0], levels[1]}.mapped(time, answer);
  const Vector sums = Samples{"f", x, mean, levels}.summed(time, density);
  double sum = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i : {2 * k, 2 * k + 1}) {
      REQUIRE(at_each[i] == expected(levels[k].time(), x[i], x[2 * k]));
      REQUIRE(of_numbers[i] == expected(400, x[i], x[i]));
    }
    REQUIRE(sums[k] == levels[k].time() * x[2 * k] + x[2 * k + 1]);
    sum += 400 * x[2 * k] + x[2 * k + 1];
  }
  REQUIRE(Samples{"f", x, mean, levels[1]}.summed(time, density) == sum);
}

TEST_CASE("samples may be interleaved", "[samples]") {
  const auto interleaved = [](const Vector& v) {
    return Interleaved{{v[0], v[2], v[4], v[1], v[3], v[5]}};
  };
  const GaussianMixtureDenoiser plain({1.0, 2.0}, {Vector{1, -1}, Vector{0, 2}}, {0.5, 0.0});
  const GaussianMixtureDenoiser denoiser({1.0, 2.0}, {Interleaved{{1, -1}}, Interleaved{{0, 2}}}, {0.5, 0.0});
  REQUIRE(denoiser(interleaved(x), levels[1]).numbers == interleaved(plain(x, levels[1])).numbers);
  REQUIRE(denoiser(interleaved(x), levels).numbers == interleaved(plain(x, levels)).numbers);
  REQUIRE(denoiser.log_density(interleaved(x), levels) == plain.log_density(x, levels));
  const GaussianDenoiser number(0.5, 0.49);
  REQUIRE(number(interleaved(x), levels).numbers == interleaved(number(x, levels)).numbers);
}

TEST_CASE("where the mean is a number, every element is a sample", "[samples]") {
  const GaussianDenoiser gaussian(0.5, 0.49);
  const GaussianMixtureDenoiser mixture({1.0, 2.0}, {-1.0, 0.5}, {0.1, 0.0});
  const auto check = [&](const auto& denoiser) {
    const Vector at_one = denoiser(x, levels[1]), at_each = denoiser(x, levels);
    const Vector log_densities = denoiser.log_density(x, levels);
    for (std::size_t i = 0; i < x.size(); ++i) {
      REQUIRE(std::abs(at_one[i] - denoiser(x[i], levels[1])) < 1e-15);
      REQUIRE(std::abs(at_each[i] - denoiser(x[i], levels[i / 2])) < 1e-15);
    }
    for (std::size_t k = 0; k < 3; ++k)
      REQUIRE(std::abs(log_densities[k] - denoiser.log_density(part(k), levels[k])) < 1e-15);
  };
  check(gaussian);
  check(mixture);
}

TEST_CASE("elements of float are computed in double", "[samples]") {
  const GaussianDenoiser denoiser(std::vector<float>{0.5f, 0.25f}, 0.49);
  const std::vector<float> x_float{1.5f, -0.25f};
  const std::vector<float> estimate = denoiser(x_float, levels[0]);
  for (std::size_t i = 0; i < 2; ++i)
    REQUIRE(estimate[i] == float(GaussianDenoiser(denoiser.mean()[i], 0.49)(double(x_float[i]), levels[0])));
}

TEST_CASE("states that are no samples are named", "[samples][errors]") {
  const GaussianDenoiser denoiser(Vector{0, 0}, 1.0);
  const auto error = [&](const Vector& values, const auto& level) {
    return message([&] { return denoiser(values, level); });
  };
  REQUIRE(
      error(Vector(5), levels[0]) ==
      "diffusion::GaussianDenoiser: x_t has 5 elements, expected 2, as the mean, or a batch of samples of its shape");
  REQUIRE(error(Vector(12), levels) ==
          "diffusion::GaussianDenoiser: a sample of x_t has 4 elements, expected 2, as the mean");
  REQUIRE(error(Vector(8), levels) == "diffusion::GaussianDenoiser: x_t has 8 elements, which 3 levels do not divide");
  REQUIRE(message([&] { return GaussianDenoiser(Vector(), 1.0)(Vector(2), levels[0]); }).starts_with("diffusion::"));
}
