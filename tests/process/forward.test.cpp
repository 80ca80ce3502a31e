// SPDX-License-Identifier: MIT
#include <diffusion/process/forward.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::log_uniform;
using random_arguments::uniform;
using truth::Real;

namespace {

// signal^2 and noise^2 of a level, exactly as it was asked for.
struct Exact {
  NoiseLevel<double> level;
  truth::Real signal_squared, noise_squared;
};

Exact random_vp() {
  const double log_snr = uniform(-30, 30);
  const truth::Real e = exp(-truth::Real(log_snr));
  return {vp_level(log_snr), 1 / (1 + e), e / (1 + e)};
}
Exact random_ve() {
  const double sigma = log_uniform(1e-3, 1e3);
  return {ve_level(sigma), 1, truth::Real(sigma) * truth::Real(sigma)};
}
Exact random_flow() {
  const double t = uniform(0.01, 0.99);
  return {signal_noise_level(1 - t, t), truth::Real(1 - t) * truth::Real(1 - t), truth::Real(t) * truth::Real(t)};
}

// All coefficients between two levels by the general formulas: Kingma et al. 2021, appendix A.
void compare(rounding::Misrounded& wrong, const Exact& s, const Exact& t) {
  const truth::Real ratio = t.signal_squared / s.signal_squared, variance = t.noise_squared - ratio * s.noise_squared;
  const truth::Real posterior = variance * s.noise_squared / t.noise_squared;
  const auto q = q_transition(s.level, t.level);
  wrong.compare("scale", 0, q.scale, sqrt(ratio));
  wrong.compare("variance", 0, q.variance, variance);
  const auto p = q_posterior(s.level, t.level);
  wrong.compare("x0", 0, p.x0, sqrt(s.signal_squared) * variance / t.noise_squared);
  wrong.compare("xt", 0, p.xt, sqrt(ratio) * s.noise_squared / t.noise_squared);
  wrong.compare("posterior variance", 0, p.variance, posterior);
  wrong.compare("posterior log variance", 0, p.log_variance, log(posterior));
  const auto n = q_posterior_from_noise(s.level, t.level);
  wrong.compare("noise form xt", 0, n.xt, 1 / sqrt(ratio));
  wrong.compare("noise form eps", 0, n.eps, -variance / sqrt(ratio * t.noise_squared));
  wrong.compare("noise form log variance", 0, n.log_variance, log(posterior));
}

template <class Make>
void require_rounding(Make make) {
  rounding::Misrounded wrong;
  for (int i = 0; i < 5000; ++i) {
    Exact a = make(), b = make();
    const bool ordered = a.signal_squared * b.noise_squared > b.signal_squared * a.noise_squared;
    compare(wrong, ordered ? a : b, ordered ? b : a);
  }
  wrong.require_none();
}

}  // namespace

TEST_CASE("coefficients between any two levels are correctly rounded",
          "[forward][rounding][kingma2021.22][kingma2021.24][kingma2021.25]") {
  require_rounding(random_vp);
  require_rounding(random_ve);
  require_rounding(random_flow);
}

TEST_CASE("coefficients between levels that almost agree are correctly rounded", "[forward][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double log_snr = uniform(-20, 20);
    double lower = log_snr;
    for (int k = 0; k <= i % 5; ++k) lower = std::nextafter(lower, -100.0);
    const truth::Real e = exp(-truth::Real(log_snr)), f = exp(-truth::Real(lower));
    compare(wrong, {vp_level(log_snr), 1 / (1 + e), e / (1 + e)}, {vp_level(lower), 1 / (1 + f), f / (1 + f)});
  }
  wrong.require_none();
}

TEST_CASE("transition and posterior of the ends", "[forward]") {
  const auto clean = vp_level(std::numeric_limits<double>::infinity()),
             pure = vp_level(-std::numeric_limits<double>::infinity());
  const auto middle = vp_level(0.5);
  const auto first = q_posterior(clean, middle);
  REQUIRE((first.x0 == 1 && first.xt == 0 && first.variance == 0));
  REQUIRE(first.log_variance == -std::numeric_limits<double>::infinity());
  REQUIRE(q_transition(clean, middle).scale == middle.signal());
  REQUIRE(q_transition(clean, middle).variance == middle.noise_variance());
  const auto last = q_posterior(middle, pure);
  REQUIRE((last.x0 == middle.signal() && last.xt == 0 && last.variance == middle.noise_variance()));
  REQUIRE((q_transition(middle, pure).scale == 0 && q_transition(middle, pure).variance == 1));
  const auto all = q_posterior(clean, pure);
  REQUIRE((all.x0 == 1 && all.xt == 0 && all.variance == 0));
  REQUIRE((q_transition(middle, middle).scale == 1 && q_transition(middle, middle).variance == 0));
  REQUIRE(q_posterior(middle, middle).xt == 1);
  REQUIRE(std::isinf(q_posterior_from_noise(middle, pure).xt));
}

TEST_CASE("the steps of a chain compose to its marginals",
          "[forward][ho2020.2][ho2020.4][luo2022.31][luo2022.70][kingma2021.1]") {
  for (int repeat = 0; repeat < 20; ++repeat) {
    const exact::Chain chain(12);
    Real mean = 1, variance = 0;  // of x_t, by the steps so far, for x_0 = 1
    for (std::size_t t = 1; t <= 12; ++t) {
      const auto level = chain.schedule(int(t));
      const auto q = q_transition(chain.schedule(int(t) - 1), level);
      exact::require_equal(q.scale, sqrt(1 - chain.beta[t]));
      exact::require_equal(q.variance, chain.beta[t]);
      mean = q.scale * mean;
      variance = q.scale * q.scale * variance + q.variance;
      const auto marginal = q_marginal(level, Real(1));
      exact::require_equal(marginal.mean, sqrt(chain.alpha_bar[t]));
      exact::require_equal(marginal.variance, 1 - chain.alpha_bar[t]);
      exact::require_equal(mean, q_marginal(level).signal);
      exact::require_equal(variance, q_marginal(level).noise * q_marginal(level).noise);
    }
  }
}

TEST_CASE("a transition and a marginal compose to a marginal, at any levels", "[forward][kingma2021.22]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const auto q = q_transition(s, t);
    exact::require_equal(q.scale, t.signal() / s.signal());
    exact::require_equal(q.scale * q.scale * s.noise_variance() + q.variance, t.noise_variance());
    const Real x_s = exact::number();
    exact::require_equal(q_transition(s, t, x_s).mean, q.scale * x_s);
    exact::require_equal(q_transition(s, t, x_s).variance, q.variance);
  }
}

TEST_CASE("q_sample is a draw of the marginal", "[forward][ho2020.x_t][ddim2020.4]") {
  const exact::Chain chain(30);
  for (int i = 0; i < 300; ++i) {
    const Real x_0 = exact::number(), eps = exact::number();
    const auto t = std::size_t(1 + i % 30);
    exact::require_equal(q_sample(chain.schedule(int(t)), x_0, eps),
                         sqrt(chain.alpha_bar[t]) * x_0 + sqrt(1 - chain.alpha_bar[t]) * eps);
    const auto level = exact::random_level(i);  // densities of x_t and eps differ by the factor of eps
    exact::require_equal(log_density(q_marginal(level, x_0), q_sample(level, x_0, eps)) + log(level.noise()),
                         log_density(Gaussian<Real>{0, 1}, eps));
  }
}

TEST_CASE("the posterior is Bayes' rule", "[forward][ho2020.6][luo2022.bayes]") {
  // q(x_s | x_t, x_0) q(x_t | x_0) = q(x_t | x_s) q(x_s | x_0), at any points
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_s = exact::number(), x_t = exact::number();
    exact::require_equal(log_density(q_posterior(s, t, x_t, x_0), x_s) + log_density(q_marginal(t, x_0), x_t),
                         log_density(q_transition(s, t, x_s), x_t) + log_density(q_marginal(s, x_0), x_s));
  }
}

TEST_CASE("mean and variance of the posterior by betas", "[forward][ho2020.7][luo2022.84]") {
  const exact::Chain chain(40);
  for (std::size_t t = 1; t <= 40; ++t) {
    const auto s_level = chain.schedule(int(t) - 1), t_level = chain.schedule(int(t));
    const Real before = chain.alpha_bar[t - 1], now = chain.alpha_bar[t], alpha = chain.alpha[t], beta = chain.beta[t];
    const auto p = q_posterior(s_level, t_level);
    exact::require_equal(p.x0, sqrt(before) * beta / (1 - now));
    exact::require_equal(p.xt, sqrt(alpha) * (1 - before) / (1 - now));
    exact::require_equal(p.variance, (1 - before) / (1 - now) * beta);
    const Real x_0 = exact::number(), x_t = exact::number();
    exact::require_equal(q_posterior(s_level, t_level, x_t, x_0).mean,
                         (sqrt(alpha) * (1 - before) * x_t + sqrt(before) * (1 - alpha) * x_0) / (1 - now));
  }
}

TEST_CASE("the mean of the posterior by the noise in x_t",
          "[forward][ho2020.9][ho2020.10][ho2020.11][luo2022.mean_by_noise]") {
  const exact::Chain chain(40);
  for (std::size_t t = 1; t <= 40; ++t) {
    const auto s_level = chain.schedule(int(t) - 1), t_level = chain.schedule(int(t));
    const Real x_0 = exact::number(), eps = exact::number(), x_t = q_sample(t_level, x_0, eps);
    const Real mean = q_posterior(s_level, t_level, x_t, x_0).mean;
    const Real estimate = (x_t - sqrt(1 - chain.alpha_bar[t]) * eps) / sqrt(chain.alpha_bar[t]);
    exact::require_equal(mean, q_posterior(s_level, t_level, x_t, estimate).mean);
    exact::require_equal(mean, (x_t - chain.beta[t] / sqrt(1 - chain.alpha_bar[t]) * eps) / sqrt(chain.alpha[t]));
    const auto n = q_posterior_from_noise(s_level, t_level);
    exact::require_equal(mean, n.xt * x_t + n.eps * eps);
    exact::require_equal(n.variance, q_posterior(s_level, t_level).variance);
  }
}

TEST_CASE("the posterior at any levels, by x_0, noise, score and log-SNR",
          "[forward][kingma2021.24][kingma2021.25][kingma2021.28][kingma2021.32][luo2022.mean_by_score]") {
  for (int i = 0; i < 300; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), eps = exact::number(), x_t = q_sample(t, x_0, eps);
    const auto q = q_transition(s, t);
    const auto p = q_posterior(s, t, x_t, x_0);
    const auto marginal = q_marginal(t, x_0);
    const Real score = exact::slope_of_quadratic([&](const Real& x) { return log_density(marginal, x); }, x_t);
    exact::require_equal(p.mean,
                         (q.scale * s.noise_variance() * x_t + s.signal() * q.variance * x_0) / t.noise_variance());
    exact::require_equal(p.mean, (x_t + q.variance * score) / q.scale);
    exact::require_equal(p.mean, x_t / q.scale - q.variance / (q.scale * t.noise()) * eps);
    exact::require_equal(p.variance, q.variance * s.noise_variance() / t.noise_variance());
    exact::require_equal(p.variance, s.noise_variance() * (1 - exp(t.log_snr() - s.log_snr())));
    const auto n = q_posterior_from_noise(s, t);
    exact::require_equal(p.mean, n.xt * x_t + n.eps * eps);
  }
}

TEST_CASE("coefficients near both ends are correctly rounded", "[forward][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 1000; ++i) {
    const double middle = i % 2 == 0 ? 0 : i % 4 == 1 ? 95 : -95;
    const double a = middle + uniform(-15, 15), b = middle + uniform(-15, 15);
    const truth::Real e = exp(-truth::Real(std::max(a, b))), f = exp(-truth::Real(std::min(a, b)));
    compare(wrong, {vp_level(std::max(a, b)), 1 / (1 + e), e / (1 + e)},
            {vp_level(std::min(a, b)), 1 / (1 + f), f / (1 + f)});
  }
  for (int i = 0; i < 300; ++i) {  // the variance of the posterior is one, but for less than W has bits
    const double a = uniform(-200, -100), b = a - uniform(60, 200);
    const truth::Real e = exp(-truth::Real(a)), f = exp(-truth::Real(b));
    compare(wrong, {vp_level(a), 1 / (1 + e), e / (1 + e)}, {vp_level(b), 1 / (1 + f), f / (1 + f)});
  }
  wrong.require_none();
}

TEST_CASE("the variance between neighbours is beta, midpoints of two doubles included", "[forward][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 200; ++i) {
    const double first = uniform(0.01, 0.9), last = std::nextafter(first, 1);
    const int middle = 2 + i % 20;
    const auto schedule = linear_schedule(2 * middle - 1, first, last);
    wrong.compare("variance", i, q_transition(schedule(middle - 1), schedule(middle)).variance,
                  (truth::Real(first) + truth::Real(last)) / 2);
  }
  wrong.require_none();
}

TEST_CASE("levels that differ by a rounding error are taken as equal, and no others", "[forward]") {
  using numerics::Wide;
  for (const double noise : {0x1p-20, 1.0, 0x1p20}) {
    const auto level = [&](double excess, int exponent) {  // noise^2 larger by excess 2^exponent, relatively
      return NoiseLevel<double>(Wide(1), Wide(noise) + scaled(Wide(noise * excess), exponent), 0);
    };
    const auto q = q_transition(level(1, -172), level(0, 0));
    REQUIRE((q.scale == 1 && q.variance == 0 && !std::signbit(q.variance)));
    REQUIRE(q_transition(level(1, -170), level(0, 0)).variance == 0);
    REQUIRE(message([&] {
              return q_transition(level(1, -168), level(0, 0));
            }).ends_with("expected at least that of t: s is the cleaner level"));
  }
  // a level of tiny signal and tinier noise is the cleaner one, however small its numbers
  REQUIRE(message([] { return q_transition(signal_noise_level(1, 1), signal_noise_level(0x1p-100, 0x1p-110)); }) ==
          "diffusion::q_transition: s: a log-SNR = 0, expected at least that of t: s is the cleaner level");
}

TEST_CASE("states and batches have the coefficients of each level", "[forward]") {
  const std::vector<double> x{1, -2, 3, 0.5, 0.25, -4}, y{2, 1, -1, 5, -0.5, 0.125};
  std::vector<NoiseLevel<double>> s, t;
  for (int k = 0; k < 3; ++k) {
    t.push_back(vp_level(uniform(-4, 0)));
    s.push_back(vp_level(uniform(0, 4)));
  }
  const auto marginal = q_marginal(t, x);
  const auto transition = q_transition(s, t, x);
  const auto posterior = q_posterior(s, t, x, y);
  const auto noisy = q_sample(t, x, y);
  REQUIRE((marginal.variance.size() == 3 && transition.variance.size() == 3 && posterior.variance.size() == 3));
  for (std::size_t k = 0; k < 3; ++k) {
    const auto m = q_marginal(t[k]);
    const auto q = q_transition(s[k], t[k]);
    const auto p = q_posterior(s[k], t[k]);
    REQUIRE((m.signal == t[k].signal() && m.noise == t[k].noise()));
    REQUIRE(marginal.variance[k] == t[k].noise_variance());
    REQUIRE(transition.variance[k] == q.variance);
    REQUIRE(posterior.variance[k] == p.variance);
    REQUIRE(q_posterior(s[k], t[k], x, y).variance == p.variance);
    for (const std::size_t i : {2 * k, 2 * k + 1}) {
      REQUIRE(marginal.mean[i] == m.signal * x[i]);
      REQUIRE(transition.mean[i] == q.scale * x[i]);
      REQUIRE_THAT(posterior.mean[i], Catch::Matchers::WithinAbs(p.xt * x[i] + p.x0 * y[i], 1e-14));
      REQUIRE(q_marginal(t[k], x).mean[i] == m.signal * x[i]);
      REQUIRE(q_transition(s[k], t[k], x).mean[i] == q.scale * x[i]);
      REQUIRE_THAT(noisy[i], Catch::Matchers::WithinAbs(m.signal * x[i] + m.noise * y[i], 1e-14));
    }
  }
  REQUIRE(message([&] { return q_posterior(s, std::vector{t[0]}, x, y); }) ==
          "diffusion::q_posterior: t has 1 elements, expected 3, as s");
}

TEST_CASE("levels in the wrong order are named", "[forward][errors]") {
  REQUIRE(message([] { return q_posterior(vp_level(-1.0), vp_level(1.0)); }) ==
          "diffusion::q_posterior: s: a log-SNR = -1, expected at least that of t: s is the cleaner level");
  REQUIRE(message([] { return q_transition(vp_level(-1.0), vp_level(1.0), 0.5); }) ==
          "diffusion::q_transition: s: a log-SNR = -1, expected at least that of t: s is the cleaner level");
}
