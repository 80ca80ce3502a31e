// SPDX-License-Identifier: MIT
#include <diffusion/objective/kl.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;

TEST_CASE("prior_kl keeps its digits when the marginal is almost standard normal", "[kl][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 3000; ++i) {
    const double log_snr = i % 2 == 0 ? uniform(-690, -5) : uniform(-10, 10), x_0 = uniform(-1, 1);
    const truth::Real e = exp(-truth::Real(log_snr));
    truth::Real part = 0, alpha_bar = 1 / (1 + e);
    if (alpha_bar > 1e-12)
      part = -alpha_bar - log(1 - alpha_bar);
    else
      for (int k = 20; k >= 2; --k)
        part = (part + truth::Real(1) / k) * alpha_bar, part *= k == 2 ? alpha_bar : truth::Real(1);
    const truth::Real square = truth::Real(x_0) * truth::Real(x_0);
    wrong.compare("prior_kl", i, prior_kl(vp_level(log_snr), x_0), (part + alpha_bar * square) / 2);
    wrong.compare("prior_kl at 0", i, prior_kl(vp_level(log_snr), 0.0), part / 2);
  }
  wrong.require_none();
}

TEST_CASE("prior_kl of other levels is the divergence of two Gaussians", "[kl]") {
  for (int i = 0; i < 500; ++i) {
    const auto level = i % 2 == 0 ? ve_level(uniform(0.1, 5)) : signal_noise_level(uniform(0, 1), uniform(0.1, 1));
    const double x_0 = uniform(-2, 2);
    REQUIRE_THAT(prior_kl(level, x_0),
                 Catch::Matchers::WithinRel(kl_divergence(q_marginal(level, x_0), Gaussian<double>{0, 1}), 1e-12));
  }
}

TEST_CASE("denoising_kl is the divergence of the two posteriors", "[kl]") {
  const auto schedule = cosine_schedule(1000);
  for (int i = 0; i < 1000; ++i) {
    const int a = 1 + int(random_arguments::engine() % 999),
              b = a + 1 + int(random_arguments::engine() % std::uint64_t(1000 - a));
    const auto s = schedule(a), t = schedule(b);
    const double x_0 = uniform(-1, 1), x_0_hat = uniform(-1, 1), x_t = uniform(-3, 3);
    const double expected = kl_divergence(q_posterior(s, t, x_t, x_0), q_posterior(s, t, x_t, x_0_hat));
    REQUIRE_THAT(denoising_kl(s, t, x_0, x_0_hat), Catch::Matchers::WithinRel(expected, 1e-9));
    REQUIRE_THAT(denoising_kl(s, t, x_0, x_0_hat),
                 Catch::Matchers::WithinRel((s.snr() - t.snr()) * (x_0 - x_0_hat) * (x_0 - x_0_hat) / 2, 1e-9));
  }
}

TEST_CASE("denoising_kl at clean data", "[kl]") {
  const auto schedule = linear_schedule(10);
  REQUIRE(denoising_kl(schedule(0), schedule(1), 0.5, 0.5) == 0);
  REQUIRE(denoising_kl(schedule(0), schedule(1), 0.5, 0.25) == std::numeric_limits<double>::infinity());
  REQUIRE(message([&] {
            return denoising_kl(schedule(1), schedule(2), std::vector<double>(3), std::vector<double>(2));
          }) == "diffusion::denoising_kl: x_0_hat has 2 elements, expected 3, as x_0");
}
