// SPDX-License-Identifier: MIT
#include <diffusion/objective/kl.hpp>

#include <diffusion/model/conversions.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

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

TEST_CASE("divergences keep the smaller of two variances", "[kl][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double x_0 = uniform(-1, 1), mean = uniform(-1, 1);
    const double v_p = random_arguments::log_uniform(1e-300, 1e300), v_q = random_arguments::log_uniform(1e-300, 1e300);
    const Real ratio = Real(v_p) / Real(v_q), difference = Real(x_0) - Real(mean);
    wrong.compare("kl_divergence", i, kl_divergence(Gaussian<double>{x_0, v_p}, Gaussian<double>{mean, v_q}),
                  (ratio - 1 - log(ratio) + difference * difference / Real(v_q)) / 2);
    const double log_snr = uniform(60, 690);
    const Real noise_squared = 1 / (1 + exp(Real(log_snr))), signal_squared = 1 / (1 + exp(-Real(log_snr)));
    wrong.compare("prior_kl", i, prior_kl(vp_level(log_snr), x_0),
                  (noise_squared - 1 - log(noise_squared) + signal_squared * Real(x_0) * Real(x_0)) / 2);
    const double sigma = random_arguments::log_uniform(1e-150, 1e150);
    const Real square = Real(sigma) * Real(sigma);
    wrong.compare("prior_kl of ve", i, prior_kl(ve_level(sigma), x_0),
                  (square - 1 - log(square) + Real(x_0) * Real(x_0)) / 2);
  }
  wrong.require_none();
}

TEST_CASE("the terms of the bound are divergences of Gaussians", "[kl][ho2020.5]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_0_hat = exact::number(), x_t = exact::number();
    exact::require_equal(prior_kl(t, x_0), kl_divergence(q_marginal(t, x_0), Gaussian<Real>{0, 1}));
    exact::require_equal(denoising_kl(s, t, x_0, x_0_hat),
                         kl_divergence(q_posterior(s, t, x_t, x_0), q_posterior(s, t, x_t, x_0_hat)));
  }
}

TEST_CASE("a variance exploding chain starts from its noise, any other from N(0, I)", "[kl]") {
  for (int i = 0; i < 100; ++i) {
    const Real sigma = exact::number(0.01, 50), square = sigma * sigma;
    const NoiseLevel<Real> exploding(1, square, -2 * log(sigma), 1);
    const std::vector<Real> x_0{exact::number(), exact::number()};
    const auto marginal = q_marginal(exploding, x_0);
    exact::require_equal(sampling_prior_variance(exploding), square);
    exact::require_equal(sampling_prior_kl(exploding, x_0),
                         kl_divergence(marginal, Gaussian<std::vector<Real>>{{0, 0}, square}));
    const auto other = exact::random_level(i);
    if (other.signal() == 1) continue;
    exact::require_equal(sampling_prior_variance(other), 1);
    exact::require_equal(sampling_prior_kl(other, x_0), prior_kl(other, x_0));
  }
  REQUIRE(sampling_prior_kl(ve_level(3.0), 0.75) == 0.03125);
}

TEST_CASE("the terms of the bound are sums over the elements", "[kl]") {
  const auto [s, t] = exact::random_pair(0);
  const std::vector<Real> x_0{exact::number(), exact::number(), exact::number()}, x_0_hat{1, exact::number(), -1};
  Real prior = 0, denoising = 0, of_beta = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    prior += prior_kl(t, x_0[i]);
    denoising += denoising_kl(s, t, x_0[i], x_0_hat[i]);
    of_beta += denoising_kl(s, t, x_0[i], x_0_hat[i], TransitionVariance{});
  }
  exact::require_equal(denoising_kl(s, t, x_0, x_0_hat, TransitionVariance{}), of_beta);
  exact::require_equal(prior_kl(t, x_0), prior);
  exact::require_equal(denoising_kl(s, t, x_0, x_0_hat), denoising);
}

TEST_CASE("a step of the bound is a squared distance of means and a constant", "[kl][ho2020.8]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_0_hat = exact::number(), x_t = exact::number();
    const auto q = q_posterior(s, t, x_t, x_0);
    const auto rest = [&](const Real& mean, const Real& variance) -> Real {
      return kl_divergence(q, Gaussian<Real>{mean, variance}) - (q.mean - mean) * (q.mean - mean) / (2 * variance);
    };
    const Real ratio = exact::number(0.1, 10), variance = ratio * q.variance;
    exact::require_equal(rest(exact::number(), variance), (1 / ratio - 1 + log(ratio)) / 2);
    exact::require_equal(rest(exact::number(), q.variance), 0);
    const Real mean = q_posterior(s, t, x_t, x_0_hat).mean;
    exact::require_equal(denoising_kl(s, t, x_0, x_0_hat), (q.mean - mean) * (q.mean - mean) / (2 * q.variance));
  }
}

TEST_CASE("a step of the bound by x_0, noise, score and betas",
          "[kl][ho2020.12][luo2022.99][luo2022.loss_by_noise][luo2022.loss_by_score]") {
  const exact::Chain chain(40);
  for (std::size_t t = 2; t <= 40; ++t) {
    const auto s_level = chain.schedule(int(t) - 1), t_level = chain.schedule(int(t));
    const Real x_0 = exact::number(), x_0_hat = exact::number(), eps = exact::number();
    const Real x_t = q_sample(t_level, x_0, eps);
    const Real eps_hat = noise_from_x0(t_level, x_t, x_0_hat);
    const Real score = score_from_x0(t_level, x_t, x_0), score_hat = score_from_x0(t_level, x_t, x_0_hat);
    const auto square = [](const Real& x) -> Real { return x * x; };
    const Real alpha = chain.alpha[t], beta = chain.beta[t], before = chain.alpha_bar[t - 1], now = chain.alpha_bar[t];
    const Real variance = (1 - before) / (1 - now) * beta, kl = denoising_kl(s_level, t_level, x_0, x_0_hat);
    exact::require_equal(kl, before * beta * beta / square(1 - now) * square(x_0_hat - x_0) / (2 * variance));
    exact::require_equal(kl, beta * beta / (2 * variance * alpha * (1 - now)) * square(eps - eps_hat));
    exact::require_equal(kl, beta * beta / (2 * variance * alpha) * square(score - score_hat));
  }
}

TEST_CASE("the weights of a step are differences of SNRs",
          "[kl][kingma2021.13][kingma2021.14][luo2022.snr_difference]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_0_hat = exact::number(), eps = exact::number();
    const Real difference = eps - noise_from_x0(t, q_sample(t, x_0, eps), x_0_hat);
    const Real kl = denoising_kl(s, t, x_0, x_0_hat);
    exact::require_equal(kl, (s.snr() - t.snr()) * (x_0 - x_0_hat) * (x_0 - x_0_hat) / 2);
    exact::require_equal(kl, expm1(Real(s.log_snr() - t.log_snr())) * difference * difference / 2);
  }
}

TEST_CASE("denoising_kl at clean data", "[kl]") {
  const auto schedule = linear_schedule(10);
  REQUIRE(denoising_kl(schedule(0), schedule(1), 0.5, 0.5) == 0);
  REQUIRE(denoising_kl(schedule(0), schedule(1), 0.5, 0.25) == std::numeric_limits<double>::infinity());
  REQUIRE(message([&] {
            return denoising_kl(schedule(1), schedule(2), std::vector<double>(3), std::vector<double>(2));
          }) == "diffusion::denoising_kl: x_0_hat has 2 elements, expected 3, as x_0");
  REQUIRE(message([&] {
            return denoising_kl(schedule(1), schedule(2), std::vector<double>(3), std::vector<double>(2),
                                TransitionVariance{});
          }) == "diffusion::denoising_kl: x_0_hat has 2 elements, expected 3, as x_0");
}

TEST_CASE("a step of another variance is a divergence of Gaussians", "[kl][ho2020.8]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_0_hat = exact::number(), x_t = exact::number();
    const auto q = q_posterior(s, t, x_t, x_0);
    const Real mean = q_posterior(s, t, x_t, x_0_hat).mean, beta = q_transition(s, t).variance;
    const Real other = exact::number(0.01, 5);
    exact::require_equal(denoising_kl(s, t, x_0, x_0_hat, TransitionVariance{}),
                         kl_divergence(q, Gaussian<Real>{mean, beta}));
    exact::require_equal(denoising_kl(s, t, x_0, x_0_hat, PosteriorVariance{}), denoising_kl(s, t, x_0, x_0_hat));
    exact::require_equal(denoising_kl(s, t, x_0, x_0_hat, [&](const auto&, const auto&) { return other; }),
                         kl_divergence(q, Gaussian<Real>{mean, other}));
  }
}

TEST_CASE("a step of another variance is correctly rounded", "[kl][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double a = uniform(-20, 20), b = uniform(-20, 20);
    const auto s = vp_level(std::max(a, b)), t = vp_level(std::min(a, b));
    const Real e = exp(-Real(std::max(a, b))), f = exp(-Real(std::min(a, b)));
    const Real n_s = e / (1 + e), n_t = f / (1 + f), beta = n_t - (1 + e) / (1 + f) * n_s, q = beta * n_s / n_t;
    const double x_0 = uniform(-1, 1), x_0_hat = i % 2 == 0 ? x_0 * (1 + uniform(-1e-12, 1e-12)) : uniform(-1, 1);
    const Real distance =
        (Real(x_0) - Real(x_0_hat)) * (Real(x_0) - Real(x_0_hat)) * beta * beta / (n_t * n_t * (1 + e));
    const auto divergence = [&](const Real& v) -> Real { return (q / v - 1 - log(q / v) + distance / v) / 2; };
    wrong.compare("beta", i, denoising_kl(s, t, x_0, x_0_hat, TransitionVariance{}), divergence(beta));
    const double near = q_posterior(s, t).variance * (1 + uniform(-1e-12, 1e-12));
    const auto user = [near](const auto&, const auto&) { return near; };
    wrong.compare("near", i, denoising_kl(s, t, x_0, x_0_hat, user), divergence(near));
  }
  wrong.require_none();
}

TEST_CASE("a term of the bound needs the cleaner level first, whatever the estimate", "[kl][errors]") {
  const auto schedule = linear_schedule(10);
  for (const double x_0_hat : {0.5, 1.0})
    REQUIRE(message([&] { return denoising_kl(schedule(4), schedule(3), 1.0, x_0_hat); }).find("s: a log-SNR") !=
            std::string::npos);
}

TEST_CASE("the variance of a step of the bound is more than zero", "[kl][errors]") {
  const auto schedule = linear_schedule(10);
  const std::vector<double> x(3, 0.5);
  REQUIRE(denoising_kl(schedule(0), schedule(1), x, x, TransitionVariance{}) ==
          std::numeric_limits<double>::infinity());
  REQUIRE(denoising_kl(schedule(1), schedule(2), x, x, TransitionVariance{}) > 0);
  REQUIRE(message([&] { return denoising_kl(schedule(0), schedule(1), x, x, PosteriorVariance{}); }) ==
          "diffusion::denoising_kl: variance = 0, expected a number > 0");
}
