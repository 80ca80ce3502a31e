// SPDX-License-Identifier: MIT
#include <diffusion/ddpm.hpp>

#include <cmath>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;

namespace {

// The best denoiser for data that are N(mean, variance).
auto gaussian_denoiser(double mean, double variance) {
  return [=](double x, const NoiseLevel<double>& t) {
    const double gain = t.signal() * variance / (t.alpha_bar() * variance + t.noise_variance());
    return mean + gain * (x - t.signal() * mean);
  };
}

}  // namespace

TEST_CASE("the noise of an ancestral step is correctly rounded", "[ancestral][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 3000; ++i) {
    const double a = random_arguments::uniform(-20, 20), b = random_arguments::uniform(-20, 20);
    const truth::Real e = exp(-truth::Real(std::max(a, b))), f = exp(-truth::Real(std::min(a, b)));
    const truth::Real n_s = e / (1 + e), n_t = f / (1 + f), variance = n_t - (1 + e) / (1 + f) * n_s;
    const auto s = vp_level(std::max(a, b)), t = vp_level(std::min(a, b));
    wrong.compare("posterior", i, ancestral_coefficients(s, t).noise, sqrt(variance * n_s / n_t));
    wrong.compare("transition", i, ancestral_coefficients(s, t, TransitionVariance{}).noise, sqrt(variance));
    REQUIRE(ancestral_coefficients(s, t).x0 == q_posterior(s, t).x0);
    REQUIRE(ancestral_coefficients(s, t).xt == q_posterior(s, t).xt);
  }
  wrong.require_none();
}

TEMPLATE_TEST_CASE("sampling is algorithm 2 of Ho et al.", "[ancestral][ho2020.alg2]", PosteriorVariance,
                   TransitionVariance) {
  using truth::Real;
  const exact::Chain chain(25);
  const auto net = [](const Real& x, const auto& level) -> Real { return sin(x) / 2 + level.time() / 100; };
  const auto noise = [](int k, const Real&) -> Real { return cos(Real(k)); };
  Real x = exact::number();
  const Real ours = sample(AncestralSampler{TestType{}}, predicts_noise(net), level_grid(chain.schedule), x, noise);
  for (std::size_t t = 25; t >= 1; --t) {
    const Real alpha = chain.alpha[t], alpha_bar = chain.alpha_bar[t], before = chain.alpha_bar[t - 1];
    const Real variance =
        std::is_same_v<TestType, TransitionVariance> ? chain.beta[t] : (1 - before) / (1 - alpha_bar) * chain.beta[t];
    const Real z = t > 1 ? noise(int(25 - t), x) : Real(0);
    x = (x - (1 - alpha) / sqrt(1 - alpha_bar) * net(x, chain.schedule(int(t)))) / sqrt(alpha) + sqrt(variance) * z;
  }
  exact::require_equal(ours, x, 1e-85);
}

TEST_CASE("a step is a draw of the posterior at the estimate of x_0", "[ancestral][kingma2021.9][kingma2021.33]") {
  using truth::Real;
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_t = exact::number(), eps_hat = exact::number(), z = exact::number();
    const Real x_0_hat = x0_from_noise(t, x_t, eps_hat);
    const Real x_s = ancestral_step(s, t, x_t, x_0_hat, z);
    exact::require_equal(x_s, sample(q_posterior(s, t, x_t, x_0_hat), z));
    const Real c =
        1 - exp(t.log_snr() - s.log_snr());  // by log-SNRs, with noise_s^2 where that paper has 1 - alpha_s^2
    exact::require_equal(x_s,
                         s.signal() / t.signal() * (x_t - t.noise() * c * eps_hat) + sqrt(s.noise_variance() * c) * z);
  }
}

TEST_CASE("no noise is added, or drawn, on the way to clean data", "[ancestral]") {
  const auto schedule = linear_schedule(10);
  REQUIRE(ancestral_coefficients(schedule(0), schedule(1)).noise == 0);
  REQUIRE(ancestral_coefficients(schedule(0), schedule(1), TransitionVariance{}).noise == 0);
  REQUIRE(ancestral_step(schedule(0), schedule(7), 0.3, -0.7, 1e300) == -0.7);
  std::vector<int> drawn;
  const auto noise = [&](int k, double) {
    drawn.push_back(k);
    return 0.5;
  };
  sample(AncestralSampler{TransitionVariance{}}, gaussian_denoiser(0, 1), level_grid(schedule, trailing_steps(10, 3)),
         1.0, noise);
  REQUIRE(drawn == std::vector<int>{0, 1});
  drawn.clear();  // a chain that ends at a noisy level is still noisy there
  sample(AncestralSampler{}, gaussian_denoiser(0, 1), std::vector{schedule(9), schedule(5), schedule(2)}, 1.0, noise);
  REQUIRE(drawn == std::vector<int>{0, 1});
  drawn.clear();  // a variance of zero is one: the step is its mean
  const auto none = [](const auto&, const auto&) { return 0.0; };
  const auto half = [](double, const auto&) { return 0.5; };
  REQUIRE(sample(AncestralSampler{none}, half, std::vector{schedule(9), schedule(5)}, 1.0, noise) ==
          ancestral_step(schedule(5), schedule(9), 1.0, 0.5, 1e300, none));
  REQUIRE(drawn.empty());
  const auto undefined = ancestral_coefficients(schedule(0), schedule(0));
  REQUIRE((std::isnan(undefined.x0) && std::isnan(undefined.xt) && undefined.noise == 0));
}

TEST_CASE("levels in the wrong order are named by the function that was called", "[ancestral][errors]") {
  const auto schedule = linear_schedule(10);
  REQUIRE(message([&] {
            return ancestral_step(schedule(5), schedule(4), 0.1, 0.2, 0.3);
          }).starts_with("diffusion::ancestral_step: s: a log-SNR = "));
  REQUIRE(message([&] {
            return ancestral_coefficients(schedule(5), schedule(4));
          }).starts_with("diffusion::ancestral_coefficients: s: a log-SNR = "));
}

TEST_CASE("a variance of the user's own is used as it is", "[ancestral]") {
  const auto schedule = linear_schedule(100);
  const auto s = schedule(40), t = schedule(41);
  const auto between = [](const auto& a, const auto& b) {
    return 0.5 * q_posterior(a, b).variance + 0.5 * q_transition(a, b).variance;
  };
  REQUIRE(ancestral_coefficients(s, t, between).noise == std::sqrt(between(s, t)));
  const auto p = q_posterior(s, t);
  const double x = ancestral_step(s, t, 0.25, 0.5, 2.0, between);
  REQUIRE_THAT(x, Catch::Matchers::WithinRel(p.xt * 0.25 + p.x0 * 0.5 + std::sqrt(between(s, t)) * 2, 1e-14));
  const auto last = [&](int, double) { return 2.0; };
  REQUIRE(
      sample(AncestralSampler{between}, [](double, const auto&) { return 0.5; }, std::vector{t, s}, 0.25, last) == x);
  REQUIRE(message([&] { return ancestral_step(s, t, 0.25, 0.5, 2.0, [](auto, auto) { return -1.0; }); }) ==
          "diffusion::ancestral_step: variance = -1, expected a number >= 0");
}

TEMPLATE_TEST_CASE("Gaussian data stay Gaussian: mean and variance follow the exact recursion", "[ancestral]",
                   PosteriorVariance, TransitionVariance) {
  // A step is affine in x and z, so the law of x is N(m, v), found by feeding x = 0 and 1, z = 0 and 1.
  const auto schedule = cosine_schedule(200);
  const double mean = 0.5, variance = 0.49;
  const auto denoiser = gaussian_denoiser(mean, variance);
  for (const int n : {200, 50, 7}) {
    double m = 0, v = 1, exact_m = 0, exact_v = 1;
    const auto levels = level_grid(schedule, trailing_steps(200, n));
    for (std::size_t k = 0; k + 1 < levels.size(); ++k) {
      const std::vector<NoiseLevel<double>> step{levels[k], levels[k + 1]};
      const auto move = [&](double x, double z) {
        return sample(AncestralSampler{TestType{}}, denoiser, step, x, [z](int, double) { return z; });
      };
      const double offset = move(0, 0), gain = move(1, 0) - offset, noise = move(0, 1) - offset;
      m = gain * m + offset;
      v = gain * gain * v + noise * noise;
      const auto p = q_posterior(step[1], step[0]);
      const double g = step[0].signal() * variance / (step[0].alpha_bar() * variance + step[0].noise_variance());
      const double a = p.xt + p.x0 * g, b = p.x0 * (1 - g * step[0].signal()) * mean;
      const bool clean = step[1].noise() == 0;
      const double added = clean                                         ? 0
                           : std::is_same_v<TestType, PosteriorVariance> ? p.variance
                                                                         : q_transition(step[1], step[0]).variance;
      exact_m = a * exact_m + b;
      exact_v = a * a * exact_v + added;
    }
    REQUIRE_THAT(m, Catch::Matchers::WithinRel(exact_m, 1e-12));
    REQUIRE_THAT(v, Catch::Matchers::WithinRel(exact_v, 1e-12));
  }
}

TEST_CASE("the law of samples tends to the law of the data", "[ancestral]") {
  // With all steps of a long chain the reverse process has almost the right moments; the rest is sampling error.
  const auto schedule = linear_schedule(1000);
  const auto levels = level_grid(schedule);
  const NormalNoise noise{.seed = 11};
  const std::size_t n = 2000;
  const std::vector<double> like(n);
  const auto scalar = gaussian_denoiser(0.5, 0.49);
  const auto denoiser = [&](const std::vector<double>& x, const NoiseLevel<double>& t) {
    std::vector<double> x_0 = x;
    const double offset = scalar(0, t), gain = scalar(1, t) - offset;
    for (double& e : x_0) e = offset + gain * e;
    return x_0;
  };
  const auto x = sample(AncestralSampler{}, denoiser, levels, noise.initial(like), noise);
  double m = 0, v = 0;
  for (const double e : x) m += e / double(n);
  for (const double e : x) v += (e - m) * (e - m) / double(n);
  REQUIRE(std::abs(m - 0.5) < 3.3 * 0.7 / std::sqrt(double(n)));
  REQUIRE(std::abs(v - 0.49) < 3.3 * 0.49 * std::sqrt(2.0 / double(n)) + 0.01);
}
