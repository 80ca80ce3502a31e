// SPDX-License-Identifier: MIT
#include <diffusion/objective/elbo.hpp>

#include <diffusion/model/exact.hpp>
#include <diffusion/objective/joint.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/batches.hpp"
#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using truth::Real;

namespace {

using Vector = std::vector<double>;

/// Noise that is `value` at every step.
auto constant_noise(double value) {
  return [value](int, const double&) { return value; };
}

/// The mean of the bound over the data N(mean, variance) and over the noise. Of a Gaussian decoder and an affine
/// denoiser, every term is a polynomial of degree two in x_0 and in its own noise: two points each are exact.
template <class L, class D, class V>
Real expected_bound(const L& levels, const Gaussian<double>& data, const D& denoiser, const V& variance) {
  Real sum = 0;
  for (const double z : {-1.0, 1.0})
    for (const double eps : {-1.0, 1.0}) {
      const double x_0 = data.mean + z * std::sqrt(data.variance);
      sum += elbo(levels, x_0, denoiser, constant_noise(eps), variance, GaussianDecoder{}).total();
    }
  return sum / 4;
}

}  // namespace

TEST_CASE("the terms of the bound are divergences and the log-probability of the data", "[elbo][ho2020.elbo]") {
  for (int i = 0; i < 100; ++i) {
    const exact::Chain chain(6);
    const auto levels = level_grid(chain.schedule);
    const Real x_0 = exact::number(-1, 1), slope = exact::number(), decoder = exact::number(0.1, 1);
    std::vector<Real> eps;
    for (int k = 0; k < 6; ++k) eps.push_back(exact::number());
    const auto denoiser = [&](const Real& x, const auto& level) { return Real(slope * x + level.time()); };
    const auto noise = [&](int k, const Real&) { return eps[std::size_t(k)]; };
    const auto variance = [&](const auto& s, const auto& t) -> Real {
      return s.noise() == 0 ? decoder : q_transition(s, t).variance;
    };
    const auto terms = elbo(levels, x_0, denoiser, noise, variance, GaussianDecoder{});
    REQUIRE(terms.denoising.size() == 5);
    Real sum = kl_divergence(q_marginal(levels[0], x_0), Gaussian<Real>{0, 1});
    exact::require_equal(terms.prior, sum);
    for (int t = 1; t <= 6; ++t) {
      const auto s_level = chain.schedule(t - 1), t_level = chain.schedule(t);
      const Real x_t = q_sample(t_level, x_0, eps[std::size_t(6 - t)]);
      const Gaussian<Real> p{q_posterior(s_level, t_level, x_t, denoiser(x_t, t_level)).mean,
                             variance(s_level, t_level)};
      const Real term = t == 1 ? Real(-log_density(p, x_0)) : kl_divergence(q_posterior(s_level, t_level, x_t, x_0), p);
      exact::require_equal(t == 1 ? terms.reconstruction : terms.denoising[std::size_t(t) - 2], term);
      sum += term;
    }
    exact::require_equal(terms.total(), sum);
    exact::require_equal(terms.bits_per_dimension(), sum / log(Real(2)));
  }
}

TEST_CASE("the mean of the bound is its closed form, for every schedule and both variances", "[elbo][ho2020.3]") {
  const Gaussian<double> data{0.25, 0.49};
  const GaussianDenoiser denoiser(data.mean, data.variance);
  const auto check = [&](const auto& levels, const auto& variance) {
    const Real closed = negative_vlb(levels, data, ReverseModel{denoiser, variance});
    exact::require_equal(expected_bound(levels, data, denoiser, variance), closed, 1e-12);
  };
  for (const int steps : {10, 100, 1000})
    for (const auto& schedule : {linear_schedule(steps), cosine_schedule(steps), scaled_linear_schedule(steps),
                                 sigmoid_schedule(steps), rescale_zero_terminal_snr(linear_schedule(steps))}) {
      const auto levels = level_grid(schedule);
      check(levels, decoder_variance(levels));
      check(levels, TransitionVariance{});
      const auto respaced = level_grid(schedule, steps / 5);
      check(respaced, decoder_variance(respaced));
    }
}

TEST_CASE("the gap between bound and log-likelihood falls as 1 / T", "[elbo]") {
  const Gaussian<double> data{0.25, 0.49};
  const GaussianDenoiser denoiser(data.mean, data.variance);
  const auto gap = [&](int steps) {
    auto levels = level_grid(LinearLogSnrSchedule<>(13, -30), steps);
    // the variance of x_0 given x_1, so that the last step is exact
    const DecoderVariance variance{1 / (1 / data.variance + levels.back().snr())};
    levels.emplace_back();
    return negative_vlb(levels, data, ReverseModel{denoiser, variance}) - entropy(data);
  };
  for (const int steps : {200, 400, 800}) {
    CAPTURE(steps);
    REQUIRE(gap(steps) > 0);
    REQUIRE_THAT(steps * gap(steps) / (2 * steps * gap(2 * steps)), Catch::Matchers::WithinAbs(1, 10.0 / steps));
  }
}

TEST_CASE("grey levels are scored by the decoder of bins", "[elbo][ho2020.13]") {
  const auto schedule = linear_schedule(10);
  const Vector x_0{-1, 1 - 2 / 255.0 * 100, 1};
  const auto denoiser = [](const Vector& x, const auto&) { return x; };
  const NormalNoise noise{.seed = 5};
  const auto terms = elbo(schedule, x_0, denoiser, noise);
  const auto levels = level_grid(schedule);
  const double variance = q_posterior(schedule(1), schedule(2)).variance;
  const Vector x_0_hat = q_sample(schedule(1), x_0, noise(9, x_0));
  REQUIRE(decoder_variance(levels)(schedule(0), schedule(1)).round_to<double>() == variance);
  REQUIRE(terms.reconstruction == -discretized_gaussian_log_likelihood(x_0, x_0_hat, std::log(variance) / 2));
  REQUIRE(terms.denoising.size() == 9);
  for (int t = 2; t <= 10; ++t)
    REQUIRE(terms.denoising[std::size_t(t) - 2] ==
            denoising_kl(schedule(t - 1), schedule(t), x_0, q_sample(schedule(t), x_0, noise(10 - t, x_0))));
  REQUIRE(terms.prior == prior_kl(schedule(10), x_0));
  REQUIRE(terms.dimension == 3);
  REQUIRE_THAT(terms.bits_per_dimension() * 3 * std::log(2), Catch::Matchers::WithinRel(terms.total(), 1e-15));
  const auto coarse = elbo(levels, x_0, denoiser, noise, decoder_variance(levels), GreyLevels{17, -1, 1});
  REQUIRE(coarse.reconstruction ==
          -discretized_gaussian_log_likelihood(x_0, x_0_hat, std::log(variance) / 2, GreyLevels{17, -1, 1}));
  REQUIRE(coarse.denoising == terms.denoising);
}

TEST_CASE("a chain that ends with noise has the terms of VDM", "[elbo][kingma2021.decoder][kingma2021.14]") {
  const LinearLogSnrSchedule<> schedule;
  const auto levels = level_grid(schedule, 7);
  const Vector x_0{-1, 1 - 2 / 255.0 * 100, 1};
  const auto says = [](const Vector& x, const auto&) { return Vector{x[1], 0.1, x[0]}; };
  const NormalNoise noise{.seed = 6};
  const auto terms = elbo(levels, x_0, predicts_noise(says), noise, PosteriorVariance{}, SoftmaxDecoder{});
  REQUIRE(terms.prior == prior_kl(schedule(1), x_0));
  REQUIRE(terms.denoising.size() == 7);
  for (int k = 0; k < 7; ++k) {  // (exp(gamma_t - gamma_s) - 1) / 2 of the squared error of the noise
    const auto &t = levels[std::size_t(k)], &s = levels[std::size_t(k) + 1];
    const Vector eps = noise(k, x_0), answer = says(q_sample(t, x_0, eps), t);
    double square = 0;
    for (std::size_t i = 0; i < 3; ++i) square += (eps[i] - answer[i]) * (eps[i] - answer[i]);
    REQUIRE_THAT(terms.denoising[std::size_t(6 - k)],
                 Catch::Matchers::WithinRel(std::expm1(s.log_snr() - t.log_snr()) / 2 * square, 1e-12));
  }
  REQUIRE(terms.reconstruction == -softmax_log_likelihood(schedule(0), x_0, q_sample(schedule(0), x_0, noise(7, x_0))));
}

TEST_CASE("a chain of one step, and data with a signal of their own", "[elbo]") {
  const auto one = linear_schedule(1);
  const auto zero = [](double, const auto&) { return 0.0; };
  const auto terms = elbo(one, 0.2, zero, constant_noise(1));
  REQUIRE(terms.denoising.empty());
  REQUIRE(terms.reconstruction ==
          -discretized_gaussian_log_likelihood(0.2, 0.0, std::log(q_transition(one(0), one(1)).variance) / 2));
  // x_s = 2 x_0: the density of x_0 has a quarter of the variance
  const std::vector levels{signal_noise_level(1, 3), signal_noise_level(2, 0)};
  const auto scaled = elbo(levels, 0.2, zero, constant_noise(1), DecoderVariance{0.64}, GaussianDecoder{});
  REQUIRE(scaled.reconstruction == -log_density(Gaussian<double>{0, 0.16}, 0.2));
}

TEST_CASE("a sample of a batch has the terms that it has alone", "[elbo][ho2020.elbo]") {
  const Vector x_0{-1, 0.2, 0.9, 1, -0.4, 0.6, 0.1, -0.8, 0.3, 0.7, -0.7, 0};
  const GaussianDenoiser denoiser(0.2, 0.3);  // of each element
  const auto schedule = cosine_schedule(7);
  const auto part = batches::part_of(4);
  const auto check = [&](const auto& levels, const auto&... options) {
    batches::require_as_alone(
        x_0, 3, part,
        [&](const Vector& x, const auto& noise) { return elbos(levels, x, 3, denoiser, noise, options...); },
        [&](const Vector& x, const auto& noise) { return elbo(levels, x, denoiser, noise, options...); });
  };
  check(schedule);
  check(level_grid(schedule, 4));
  check(schedule, TransitionVariance{}, GaussianDecoder{});
  check(level_grid(LinearLogSnrSchedule<>(), 3), PosteriorVariance{}, SoftmaxDecoder{});
  const std::vector<float> narrow(x_0.begin(), x_0.end());
  batches::require_as_alone(
      narrow, 3, part, [&](const auto& x, const auto& noise) { return elbos(schedule, x, 3, denoiser, noise); },
      [&](const auto& x, const auto& noise) { return elbo(schedule, x, denoiser, noise); });

  // of any layout; the network is asked once at each level, for all samples
  const NormalNoise noise{.seed = 2};
  const auto by_columns = [&](int k, const Interleaved&) { return batches::interleaved(noise(k, x_0), 3); };
  std::vector<double> times;
  const auto watched = [&](const Interleaved& x, const NoiseLevel<>& level) {
    times.push_back(level.time());
    return Interleaved{denoiser(x.numbers, level)};
  };
  const auto of_columns = elbos(schedule, batches::interleaved(x_0, 3), 3, watched, by_columns);
  const auto of_parts = elbos(schedule, x_0, 3, denoiser, noise);
  REQUIRE(of_columns.size() == 3);
  for (std::size_t k = 0; k < 3; ++k) batches::require_same(of_columns[k], of_parts[k]);
  REQUIRE(times == std::vector<double>{1, 2, 3, 4, 5, 6, 7});

  // of the whole, the sums
  const auto whole = elbo(schedule, x_0, denoiser, noise);
  const auto sum = [&](const auto& term) { return term(of_parts[0]) + term(of_parts[1]) + term(of_parts[2]); };
  const auto near = [](double value) { return Catch::Matchers::WithinRel(value, 1e-14); };
  REQUIRE_THAT(whole.prior, near(sum([](const auto& terms) { return terms.prior; })));
  REQUIRE_THAT(whole.denoising[3], near(sum([](const auto& terms) { return terms.denoising[3]; })));
  REQUIRE_THAT(whole.reconstruction, near(sum([](const auto& terms) { return terms.reconstruction; })));
}

TEST_CASE("chains without a bound are named", "[elbo][errors]") {
  const auto zero = [](double, const auto&) { return 0.0; };
  const auto schedule = linear_schedule(10);
  const auto error = [&](const auto& levels, const auto&... options) {
    return message([&] { return elbo(levels, 0.2, zero, constant_noise(1), options...); });
  };
  REQUIRE(error(schedule, PosteriorVariance{}) ==
          "diffusion::vlb_term: variance = 0, expected a number > 0 (decoder_variance has one for the step to clean "
          "data)");
  const std::vector noisy{schedule(10), schedule(1)}, clean{schedule(0)};
  REQUIRE(error(noisy).starts_with("diffusion::elbo: levels.back().noise() = "));
  REQUIRE(error(clean) == "diffusion::decoder_variance: levels.size() = 1, expected at least two levels");
  REQUIRE(error(clean, TransitionVariance{}).starts_with("diffusion::elbo: levels.back().noise() = 0"));
  REQUIRE(
      error(schedule, PosteriorVariance{}, SoftmaxDecoder{}).starts_with("diffusion::softmax_log_likelihood: level"));
  REQUIRE(message([&] { return vlb_term(schedule(1), schedule(2), Vector(3), Vector(2), PosteriorVariance{}); }) ==
          "diffusion::denoising_kl: x_0_hat has 2 elements, expected 3, as x_0");
  const std::vector reversed{schedule(0), schedule(10)};
  REQUIRE(error(reversed, TransitionVariance{}).find("noisiest first") != std::string::npos);
  REQUIRE(message([&] { return elbo(schedule, 1.5, zero, constant_noise(0)); }) ==
          "diffusion::discretized_gaussian_log_likelihood: x = 1.5, expected a grey level, in [grey.low, grey.high]");
  const auto of_batch = [&](std::size_t samples, const auto& denoiser) {
    return message([&] { return elbos(schedule, Vector(6), samples, denoiser, NormalNoise{}); });
  };
  const auto same = [](const Vector& x, const auto&) { return x; };
  REQUIRE(of_batch(4, same) == "diffusion::elbos: x_0 has 6 elements, which 4 levels do not divide");
  REQUIRE(of_batch(0, same) == "diffusion::elbos: samples = 0, expected at least 1");
  REQUIRE(of_batch(2, [](const Vector&, const auto&) { return Vector(5); }) ==
          "diffusion::elbos: the denoiser's answer has 5 elements, expected 6, as x_0");
}

TEST_CASE("a variance exploding chain is scored from its noise, and a bound of nothing is an error", "[elbo]") {
  const std::vector levels{ve_level(20.0), ve_level(1.0), ve_level(0.01), NoiseLevel<double>()};
  const Vector x_0{0.5, -1};
  const auto zero = [](const Vector& x, const auto&) { return Vector(x.size()); };
  const auto terms = elbo(levels, x_0, zero, NormalNoise{}, DecoderVariance{1e-4}, GaussianDecoder{});
  REQUIRE(terms.prior == 1.25 / 800);
  const auto each = elbos(levels, x_0, 2, zero, NormalNoise{}, DecoderVariance{1e-4}, GaussianDecoder{});
  REQUIRE(each[1].prior == 1.0 / 800);
  REQUIRE(message([&] {
            return elbo(levels, Vector(), zero, NormalNoise{}, DecoderVariance{1e-4}, GaussianDecoder{});
          }) == "diffusion::elbo: elements of x_0 = 0, expected at least 1");
  REQUIRE(message([&] { return elbos(linear_schedule(4), x_0, 0, zero, NormalNoise{}); }) ==
          "diffusion::elbos: samples = 0, expected at least 1");
}
