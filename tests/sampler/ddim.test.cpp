// SPDX-License-Identifier: MIT
#include <diffusion/ddim.hpp>

#include <cmath>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

// The textbook tables, in plain doubles and 0-based arrays, as a programmer would write them from the papers.
struct Textbook {
  std::vector<double> betas, alpha_bars;
  explicit Textbook(const DiscreteSchedule<double>& schedule) {
    double product = 1;
    for (int t = 1; t <= schedule.steps(); ++t) {
      betas.push_back(schedule.beta(t));
      alpha_bars.push_back(product *= 1 - schedule.beta(t));
    }
  }
  double alpha_bar(int t) const { return t == 0 ? 1 : alpha_bars[std::size_t(t - 1)]; }
  // Song et al. 2020, eq. 12, with the noise prediction eps
  double ddim(int s, int t, double x, double eps, double eta, double z) const {
    const double a_s = alpha_bar(s), a_t = alpha_bar(t);
    const double sigma = eta * std::sqrt((1 - a_s) / (1 - a_t)) * std::sqrt(1 - a_t / a_s);
    const double x_0 = (x - std::sqrt(1 - a_t) * eps) / std::sqrt(a_t);
    return std::sqrt(a_s) * x_0 + std::sqrt(std::max(0.0, 1 - a_s - sigma * sigma)) * eps + sigma * z;
  }
};

double wave(double x, double t) { return std::sin(3 * x + 0.01 * t) * 0.7; }  // a network that predicts noise

}  // namespace

TEST_CASE("the coefficients of a DDIM step are correctly rounded", "[ddim][rounding][ddim2020.16]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 5000; ++i) {
    const double a = uniform(-20, 20), b = uniform(-20, 20), eta = i % 4 == 0 ? 0 : i % 4 == 1 ? 1 : uniform(0, 1);
    const truth::Real e = exp(-truth::Real(std::max(a, b))), f = exp(-truth::Real(std::min(a, b)));
    const truth::Real a_s = 1 / (1 + e), n_s = e / (1 + e), a_t = 1 / (1 + f), n_t = f / (1 + f);
    const truth::Real sigma = truth::Real(eta) * sqrt((n_t - a_t / a_s * n_s) * n_s / n_t);
    const truth::Real xt = sqrt((n_s - sigma * sigma) / n_t);
    const auto c = ddim_coefficients(vp_level(std::max(a, b)), vp_level(std::min(a, b)), eta);
    wrong.compare("xt", i, c.xt, xt);
    wrong.compare("x0", i, c.x0, sqrt(a_s) - xt * sqrt(a_t));
    wrong.compare("noise", i, c.noise, sigma);
  }
  wrong.require_none();
}

TEST_CASE("eta = 1 is the ancestral step, to the last bit", "[ddim]") {
  const auto schedule = cosine_schedule(1000);
  for (int i = 0; i < 2000; ++i) {
    const int b = 2 + int(random_arguments::engine() % 999),
              a = 1 + int(random_arguments::engine() % std::uint64_t(b - 1));
    const auto d = ddim_coefficients(schedule(a), schedule(b), 1.0);
    const auto c = ancestral_coefficients(schedule(a), schedule(b));
    REQUIRE((d.x0 == c.x0 && d.xt == c.xt && d.noise == c.noise));
  }
}

TEST_CASE("a step is the posterior of the non-Markovian process, by x_0 and by noise",
          "[ddim][ddim2020.7][ddim2020.12][ddim2020.16]") {
  const exact::Chain chain(40);
  for (std::size_t t = 2; t <= 40; ++t) {
    const std::size_t s = 1 + std::size_t(random_arguments::engine() % (t - 1));
    const auto s_level = chain.schedule(int(s)), t_level = chain.schedule(int(t));
    const Real eta = exact::number(0, 1), x_t = exact::number(), eps = exact::number(), z = exact::number();
    const Real before = chain.alpha_bar[s], now = chain.alpha_bar[t];
    const Real sigma = eta * sqrt((1 - before) / (1 - now)) * sqrt(1 - now / before);
    const Real x_0 = (x_t - sqrt(1 - now) * eps) / sqrt(now), x_s = ddim_step(s_level, t_level, x_t, x_0, eta, z);
    const Real rest = sqrt(1 - before - sigma * sigma);
    exact::require_equal(x_s, sqrt(before) * x_0 + rest * (x_t - sqrt(now) * x_0) / sqrt(1 - now) + sigma * z);
    exact::require_equal(x_s, sqrt(before) * x_0 + rest * eps + sigma * z);
    exact::require_equal(ddim_coefficients(s_level, t_level, eta).noise, sigma);
  }
}

TEST_CASE("every eta has the marginals of the forward process", "[ddim][ddim2020.lemma1]") {
  // With the exact x_0 the step takes N(signal_t x_0, noise_t^2) to N(signal_s x_0, noise_s^2).
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const auto c = ddim_coefficients(s, t, exact::number(0, 1));
    exact::require_equal(c.x0 + c.xt * t.signal(), s.signal());
    exact::require_equal(c.xt * c.xt * t.noise_variance() + c.noise * c.noise, s.noise_variance());
  }
}

TEST_CASE("the deterministic step is an Euler step in x / signal and sigma", "[ddim][ddim2020.13]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_t = exact::number(), eps = exact::number(), x_s = ddim_step(s, t, x_t, x0_from_noise(t, x_t, eps));
    exact::require_equal(x_s / s.signal(), x_t / t.signal() + (s.sigma() - t.sigma()) * eps);
  }
}

TEST_CASE("whole chains agree with the textbook in plain doubles", "[ddim]") {
  const auto schedules =
      std::array{linear_schedule(1000), scaled_linear_schedule(1000), cosine_schedule(1000), sigmoid_schedule(1000)};
  for (const auto& schedule : schedules) {
    const Textbook textbook(schedule);
    for (const int n : {1, 10, 50, 333, 1000}) {
      for (const double eta : {0.0, 0.5, 1.0}) {
        const auto steps = trailing_steps(1000, n);
        const NormalNoise noise{.seed = 5};
        double x = 0.8;
        for (std::size_t k = 0; k < steps.size(); ++k) {
          const int t = steps[k], s = k + 1 < steps.size() ? steps[k + 1] : 0;
          x = textbook.ddim(s, t, x, wave(x, t), eta, noise(int(k), 0.0));
        }
        const auto net = predicts_noise([](double y, const auto& level) { return wave(y, level.time()); });
        const double ours = sample(DdimSampler{.eta = eta}, net, level_grid(schedule, steps), 0.8, noise);
        // the textbook loses digits in 1 - alpha_bar, and the network's slope of 2 multiplies what was lost
        REQUIRE_THAT(ours, Catch::Matchers::WithinRel(x, 1e-8) || Catch::Matchers::WithinAbs(x, 1e-8));
      }
    }
  }
}

TEST_CASE("eta = 0 is reversible in the limit: it follows an ODE", "[ddim]") {
  // On Gaussian data the exact flow keeps the quantile of x; the first-order error falls like 1 / n.
  const auto schedule = cosine_schedule(1000);
  const double variance = 0.25;
  const auto denoiser = [=](double x, const NoiseLevel<double>& t) {
    return t.signal() * variance / (t.alpha_bar() * variance + t.noise_variance()) * x;
  };
  const auto spread = [&](const NoiseLevel<double>& t) {
    return std::sqrt(t.alpha_bar() * variance + t.noise_variance());
  };
  std::vector<double> errors;
  for (const int n : {50, 100, 200}) {
    const auto levels = level_grid(schedule, trailing_steps(1000, n));
    const double x = sample(DdimSampler{}, denoiser, levels, 1.3, NormalNoise{});
    errors.push_back(std::abs(x - 1.3 * std::sqrt(variance) / spread(levels[0])));
  }
  REQUIRE(errors[0] / errors[1] > 1.7);
  REQUIRE(errors[1] / errors[2] > 1.7);
  REQUIRE(errors[2] < 0.01);
}

TEST_CASE("the deterministic step needs neither eta nor noise", "[ddim]") {
  const auto schedule = cosine_schedule(100);
  for (const int t : {1, 2, 50, 100}) {
    REQUIRE(ddim_step(schedule(t - 1), schedule(t), 0.75, -0.5) ==
            ddim_step(schedule(t - 1), schedule(t), 0.75, -0.5, 0, 123.0));
  }
  std::vector<float> x{1, 2};
  const std::vector<float> expected = ddim_step(schedule(10), schedule(20), x, x);
  ddim_step(schedule(10), schedule(20), x, x, into(x));
  REQUIRE(x == expected);
}

TEST_CASE("eta may be as large as leaves all noise to sigma, whatever the scale, and no larger", "[ddim][errors]") {
  // sigma = eta noise_s sqrt(1 - (noise_s / noise_t)^2) is noise_s where eta = 5/4 and noise_s : noise_t = 3 : 5
  for (int m = 1; m < 200; m += 2) {
    for (const double scale : {1.0 * m, m * 0x1p60, m * 0x1p-60}) {
      const auto s = ve_level(3 * scale), t = ve_level(5 * scale);
      const auto c = ddim_coefficients(s, t, 1.25);
      REQUIRE(c.noise == 3 * scale);
      REQUIRE((c.xt >= 0 && c.xt < 0x1p-80));
      REQUIRE(std::abs(c.x0 - 1) < 0x1p-50);
      REQUIRE(message([&] { return ddim_coefficients(s, t, std::nextafter(1.25, 2)); }) ==
              "diffusion::ddim_coefficients: eta = 1.2500000000000002, expected a number >= 0 with sigma at most the "
              "noise of s");
    }
  }
  const auto far = ve_level(0x1p90), near = ve_level(1), pure = alpha_bar_level(0);
  REQUIRE(ddim_coefficients(near, far, 1.0).xt < 0x1p-80);
  REQUIRE(message([&] { return ddim_coefficients(near, far, std::nextafter(1.0, 2)); }) != "nothing thrown");
  const auto c = ddim_coefficients(vp_level(0.5), pure, 1.0);  // from pure noise eta = 1 leaves nothing of x_t
  REQUIRE((c.x0 == vp_level(0.5).signal() && c.xt == 0 && c.noise == vp_level(0.5).noise()));
}

TEST_CASE("bad eta is named", "[ddim][errors]") {
  const auto schedule = linear_schedule(10);
  const auto step = [&](double eta) {
    return message([&] { return ddim_step(schedule(4), schedule(5), 0.1, 0.2, eta, 0.3); });
  };
  REQUIRE(message([&] {
            return sample(
                DdimSampler{.eta = -1}, [](double x, const auto&) { return x; }, level_grid(schedule), 1.0,
                NormalNoise{});
          }).starts_with("diffusion::sample: eta = -1"));
  REQUIRE(message([&] {
            return ddim_step(schedule(5), schedule(4), 0.1, 0.2);
          }).starts_with("diffusion::ddim_step: s: a log-SNR"));
  REQUIRE(step(-0.5) == "diffusion::ddim_step: eta = -0.5, expected a number >= 0 with sigma at most the noise of s");
  REQUIRE(step(1e6) == "diffusion::ddim_step: eta = 1000000, expected a number >= 0 with sigma at most the noise of s");
  REQUIRE(step(std::nan("")) ==
          "diffusion::ddim_step: eta = nan, expected a number >= 0 with sigma at most the noise of s");
}
