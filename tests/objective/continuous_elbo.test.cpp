// SPDX-License-Identifier: MIT
#include <diffusion/objective/continuous_elbo.hpp>

#include <diffusion/model/exact.hpp>
#include <diffusion/objective/joint.hpp>

#include "../support/catch.hpp"
#include "../support/coverage.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

using Vector = std::vector<double>;

const double infinity = std::numeric_limits<double>::infinity();
const Vector mean{0.1, 0.2, 0.3, 0.4, -0.3, 0.5, -0.6, 0.9, 0, 0.7, -0.2, -0.1};
const Vector x_0{0.1, 0.5, -0.2, 1, -0.4, 0.2, -1, 0.8, 0.3, 0.3, -0.7, 0.1};
constexpr double v = 0.25;

/// The bound at x_0 of the exact denoiser of N(mean, v I) between two levels, the last step with the variance
/// 1 / (1 / v + SNR) of x_0 given x at the first: with S the SNR, E ||x_0 - x_0_hat||^2 = (d v^2 S + ||x_0 - mean||^2)
/// / (1 + v S)^2, of which half the integral over S is elementary.
double exact_bound(const NoiseLevel<>& clean, const NoiseLevel<>& noisy) {
  double distance = 0;
  for (std::size_t i = 0; i < x_0.size(); ++i) distance += (x_0[i] - mean[i]) * (x_0[i] - mean[i]);
  const double d = double(x_0.size());
  const auto square = [&](double snr) { return (d * v * v * snr + distance) / ((1 + v * snr) * (1 + v * snr)); };
  // v^2 S / (1 + v S)^2 is the derivative of log(1 + v S) + 1 / (1 + v S)
  const auto integral = [&](double snr) {
    const double u = 1 + v * snr;
    return d * (std::log(u) + 1 / u) - distance / (v * u);
  };
  const double variance = 1 / (1 / v + clean.snr());
  return sampling_prior_kl(noisy, x_0) + (integral(clean.snr()) - integral(noisy.snr())) / 2 +
         (d * std::log(2 * std::acos(-1.0) * variance) + square(clean.snr()) / variance) / 2;
}

DecoderVariance<> last_variance(const NoiseLevel<>& clean) { return {1 / (1 / v + clean.snr())}; }

/// A denoiser whose squared error is 0.0036 noise^2 for each element, whatever x_t is.
Vector steady(const Vector&, const NoiseLevel<>& level) {
  Vector answer = x_0;
  for (double& e : answer) e += 0.06 * level.noise();
  return answer;
}

}  // namespace

TEST_CASE("chains of more and more steps come to the bound in continuous time as 1 / T", "[continuous_elbo]") {
  const GaussianDenoiser denoiser(mean, v);
  const auto check = [&](const auto& schedule) {
    const double bound = exact_bound(schedule(0), schedule(1));
    const auto gap = [&](int steps) {
      auto levels = level_grid(schedule, steps);
      levels.emplace_back();
      const double start = sampling_prior_variance(levels[0]).template round_to<double>();
      const ReverseModel model{denoiser, last_variance(schedule(0)), start};
      return negative_vlb(levels, Gaussian<Vector>{x_0, 0}, model) - bound;
    };
    for (const int steps : {100, 200, 400}) {
      CAPTURE(steps, gap(steps));
      REQUIRE(gap(steps) > 0);
      REQUIRE_THAT(steps * gap(steps) / (2 * steps * gap(2 * steps)), Catch::Matchers::WithinAbs(1, 20.0 / steps));
    }
    REQUIRE(std::abs(2 * gap(1600) - gap(800)) < 0.03 * gap(800));  // nothing but 1 / T^2 is left
  };
  check(LinearLogSnrSchedule<>(8, -6));
  check(CosineLogSnrSchedule<>(8, -6));
  check(VeGeometricSchedule<>(0.05, 20));
}

TEST_CASE("the bound of Gaussian data is covered as often as its interval says, for every schedule",
          "[continuous_elbo][kingma2021.continuous]") {
  const GaussianDenoiser denoiser(mean, v);
  const auto check = [&](const auto& schedule, const auto& rule) {
    coverage::require(exact_bound(schedule(0), schedule(1)), [&](std::uint64_t seed) {
      return elbo_estimate(schedule, x_0, denoiser, NormalNoise{.seed = seed}, rule, last_variance(schedule(0)),
                           GaussianDecoder{});
    });
  };
  check(LinearLogSnrSchedule<>(8, -6), LowDiscrepancyTimes{8, 4});
  check(LinearLogSnrSchedule<>(8, -6), StratifiedTimes{8, 4});
  check(LinearLogSnrSchedule<>(8, -6), UniformTimes{8, 4});
  check(CosineLogSnrSchedule<>(12, -infinity), GaussianTimes{1, 8, 4});
  check(VeGeometricSchedule<>(0.05, 20), GaussianTimes{v, 4, 4});
}

TEST_CASE("the integral is that of the SNR, and depends on the ends alone",
          "[continuous_elbo][kingma2021.continuous][kingma2021.weight]") {
  const NormalNoise noise{.seed = 3};
  const auto integral = [&](const auto& schedule, const auto& rule) {
    return elbo_estimate(schedule, x_0, steady, noise, rule, last_variance(schedule(0)), GaussianDecoder{});
  };
  // 0.0036 noise^2 SNR is 0.0036 signal^2, of which the integral over the log-SNR is log(1 + SNR) when variance
  // preserving
  const double snr_0 = std::exp(8.0), snr_1 = std::exp(-6.0);
  const double expected = 12 * 0.0036 / 2 * (std::log1p(snr_0) - std::log1p(snr_1));
  const auto linear = integral(LinearLogSnrSchedule<>(8, -6), LowDiscrepancyTimes{2000, 2});
  REQUIRE_THAT(linear.denoising(), Catch::Matchers::WithinRel(expected, 1e-3));
  const auto cosine = integral(CosineLogSnrSchedule<>(8, -6), LowDiscrepancyTimes{2000, 2});
  REQUIRE_THAT(cosine.denoising(), Catch::Matchers::WithinRel(expected, 2e-2));
  REQUIRE(linear.standard_error() < 1e-3 * expected);
  // drawn in proportion to what is integrated: without an error
  for (const double denoising : {integral(LinearLogSnrSchedule<>(8, -6), GaussianTimes{1, 3, 2}).denoising(),
                                 integral(CosineLogSnrSchedule<>(8, -6), GaussianTimes{1, 3, 2}).denoising()})
    REQUIRE_THAT(denoising, Catch::Matchers::WithinRel(expected, 1e-12));
  // variance exploding: 0.0036 for each unit of the log-SNR
  const auto exploding = integral(VeGeometricSchedule<>(0.05, 20), UniformTimes{3, 2});
  REQUIRE_THAT(exploding.denoising(), Catch::Matchers::WithinRel(12 * 0.0036 * std::log(20 / 0.05), 1e-12));
  REQUIRE(exploding.prior() == sampling_prior_kl(VeGeometricSchedule<>(0.05, 20)(1), x_0));
}

TEST_CASE("grey levels are scored at the level of t = 0, or by a last step", "[continuous_elbo][kingma2021.decoder]") {
  const LinearLogSnrSchedule<> schedule;
  const Vector grey{-1, 1 - 2 / 255.0 * 100, 1};
  int calls = 0;
  const auto denoiser = [&](const Vector& x, const NoiseLevel<>&) {
    ++calls;
    return Vector(x.size(), 0.25);
  };
  const NormalNoise noise{.seed = 6};
  const auto estimate = elbo_estimate(schedule, grey, denoiser, noise, LowDiscrepancyTimes{5, 2});
  REQUIRE(calls == 10);
  REQUIRE(estimate.prior() == prior_kl(schedule(1), grey));
  double reconstruction = 0;
  for (const int step : {5, 11})
    reconstruction -= softmax_log_likelihood(schedule(0), grey, q_sample(schedule(0), grey, noise(step, grey))) / 2;
  REQUIRE_THAT(estimate.reconstruction(), Catch::Matchers::WithinRel(reconstruction, 1e-14));
  REQUIRE(elbo_estimate(schedule, grey, denoiser, noise).count() == 8);
  const auto binned = elbo_estimate(schedule, grey, denoiser, noise, LowDiscrepancyTimes{5, 2}, DecoderVariance{0.04});
  REQUIRE_THAT(
      binned.reconstruction(),
      Catch::Matchers::WithinRel(-discretized_gaussian_log_likelihood(grey, Vector(3, 0.25), std::log(0.2)), 1e-14));
  REQUIRE(binned.denoising() == estimate.denoising());
}

TEST_CASE("a sample has one bound in continuous time, alone and in a batch", "[continuous_elbo]") {
  const CosineLogSnrSchedule<> schedule(9, -7);
  const GaussianDenoiser denoiser(0.2, 0.3);
  const NormalNoise noise{.seed = 8, .first_element = 30};
  const auto check = [&](const auto&... options) {
    const auto together = elbo_estimates(schedule, x_0, 4, denoiser, noise, options...);
    REQUIRE(together.size() == 4);
    for (std::size_t k = 0; k < 4; ++k) {
      const Vector sample(x_0.begin() + long(3 * k), x_0.begin() + long(3 * k) + 3);
      const NormalNoise own{.seed = 8, .first_element = 30 + 3 * k};
      const auto alone = elbo_estimate(schedule, sample, denoiser, own, options...);
      REQUIRE(together[k].total() == alone.total());
      REQUIRE(together[k].denoising() == alone.denoising());
      REQUIRE(together[k].standard_error() == alone.standard_error());
    }
  };
  check();
  check(UniformTimes{3, 2}, SoftmaxDecoder{});
  check(UniformTimes{3, 2}, last_variance(schedule(0)), GaussianDecoder{});
}

TEST_CASE("schedules without a bound are named", "[continuous_elbo][errors]") {
  const NormalNoise noise;
  const auto error = [&](const auto& schedule, const auto& rule) {
    return message([&] { return elbo_estimate(schedule, x_0, steady, noise, rule); });
  };
  REQUIRE(error(VpLinearSchedule<>(), UniformTimes{}) ==
          "diffusion::elbo_estimate: schedule(0).noise() = 0, expected noise: from clean data the integral diverges");
  REQUIRE(error(LinearLogSnrSchedule<>(), UniformTimes{16, 0}) ==
          "diffusion::elbo_estimate: rule.replicates = 0, expected at least 1");
  struct Rising : LinearLogSnrSchedule<> {
    double log_snr_slope(double) const { return 1; }
  };
  REQUIRE(error(Rising(), UniformTimes{}) ==
          "diffusion::elbo_estimate: schedule.log_snr_slope(t) = 1, expected a finite number <= 0");
}
