// SPDX-License-Identifier: MIT
#include <diffusion/objective/multi_sample_bound.hpp>

#include <diffusion/model/exact.hpp>
#include <diffusion/objective/bound_estimate.hpp>
#include <diffusion/objective/joint.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/batches.hpp"
#include "../support/exact.hpp"
#include "../support/message.hpp"

using namespace diffusion;
using truth::Real;

namespace {

using Vector = std::vector<double>;

/// The mean of the bounds of the groups of `size` paths that there are in many.
BoundEstimate<> bound_of(const std::vector<double>& log_weights, std::size_t size) {
  BoundEstimate<> estimate(1);
  for (std::size_t k = 0; k + size <= log_weights.size(); k += size)
    estimate.add(
        MultiSampleBound<double>{{log_weights.begin() + long(k), log_weights.begin() + long(k + size)}, 1}.total(), 0,
        0);
  return estimate;
}

}  // namespace

TEST_CASE("a log-weight is log p - log q of a path of the chain", "[multi_sample_bound][burda2016.bound]") {
  for (int i = 0; i < 60; ++i) {
    const exact::Chain chain(4);
    auto levels = level_grid(chain.schedule);
    Real prior_variance = 1;
    if (i % 3 == 2) {  // variance exploding, from as much noise as there is
      for (std::size_t k = 0; k < 4; ++k) {
        const Real sigma = exact::number(0.5, 1) * pow(Real(4), 3 - int(k)), square = sigma * sigma;
        levels[k] = NoiseLevel<Real>(1, square, -log(square), Real(4 - int(k)));
      }
      prior_variance = levels[0].noise_variance();
    }
    const Real x_0 = exact::number(-1, 1), slope = exact::number(), share = exact::number(0.2, 3);
    std::vector<Real> eps;
    for (int k = 0; k < 10; ++k) eps.push_back(exact::number());
    const auto denoiser = [&](const Real& x, const auto& level) { return Real(slope * x + level.time()); };
    const auto noise = [&](int k, const Real&) { return eps[std::size_t(k)]; };
    const auto variance = [&](const auto& s, const auto& t) -> Real {
      return s.noise() == 0 ? share : share * q_posterior(s, t).variance;
    };
    // what N(0, prior_variance) says of x_T and N(0, 1), that of the ReverseModel, does not
    const auto start = [&](const Real& x) -> Real {
      return log_density(Gaussian<Real>{0, prior_variance}, x) - log_density(Gaussian<Real>{0, 1}, x);
    };
    const auto bound = iwae_bound(levels, x_0, denoiser, noise, 2, variance, GaussianDecoder{});
    REQUIRE(bound.dimension == 1);
    REQUIRE(bound.log_weights.size() == 2);
    for (std::size_t path = 0; path < 2; ++path) {
      std::vector<Real> x{q_sample(levels[0], x_0, eps[5 * path])};
      for (std::size_t k = 1; k < 4; ++k)
        x.push_back(sample(q_posterior(levels[k], levels[k - 1], x.back(), x_0), eps[5 * path + k]));
      x.push_back(x_0);
      exact::require_equal(bound.log_weights[path],
                           reverse_joint_log_density(levels, x, ReverseModel{denoiser, variance}) -
                               forward_joint_log_density(levels, x) + start(x[0]));
    }
    const Real first = exp(bound.log_weights[0]), second = exp(bound.log_weights[1]), mean = (first + second) / 2;
    exact::require_equal(bound.total(), -log(mean));
    exact::require_equal(bound.bits_per_dimension(), -log(mean) / log(Real(2)));
    exact::require_equal(bound.standard_error(), abs(first - second) / (2 * mean));
    exact::require_equal(bound.bits_per_dimension_error(), abs(first - second) / (2 * mean) / log(Real(2)));
    exact::require_equal(bound.effective_paths(), 4 * mean * mean / (first * first + second * second));
  }
}

TEST_CASE("a chain that ends with noise is scored by its last state", "[multi_sample_bound][kingma2021.decoder]") {
  for (int i = 0; i < 20; ++i) {
    const std::vector levels{vp_level<Real>(exact::number(-8, -3)), vp_level<Real>(exact::number(-2, 2)),
                             vp_level<Real>(exact::number(3, 8))};
    const Real x_0 = Real(51) * 2 / 255 - 1, slope = exact::number();
    const std::vector<Real> eps{exact::number(), exact::number(), exact::number()};
    const auto denoiser = [&](const Real& x, const auto&) { return Real(slope * x); };
    const auto noise = [&](int k, const Real&) { return eps[std::size_t(k)]; };
    const auto bound = iwae_bound(levels, x_0, denoiser, noise, 1, PosteriorVariance{}, SoftmaxDecoder{});
    const ReverseModel model{denoiser};
    std::vector<Real> x{q_sample(levels[0], x_0, eps[0])};
    for (std::size_t k = 1; k < 3; ++k)
      x.push_back(sample(q_posterior(levels[k], levels[k - 1], x.back(), x_0), eps[k]));
    Real q = log_density(q_marginal(levels[0], x_0), x[0]);
    for (std::size_t k = 1; k < 3; ++k) q += log_density(q_posterior(levels[k], levels[k - 1], x[k - 1], x_0), x[k]);
    exact::require_equal(bound.log_weights[0], reverse_joint_log_density(levels, x, model) - q +
                                                   softmax_log_likelihood(levels[2], x_0, x[2]));
    REQUIRE(isnan(bound.standard_error()));
  }
}

TEST_CASE("the bound rises with the number of paths from the ELBO to the exact log-likelihood",
          "[multi_sample_bound][burda2016.bound]") {
  const Vector mean{0.5, -0.25, 0.1}, x_0{0.9, 0.3, -0.2};
  const GaussianDenoiser denoiser(mean, 0.25);
  const auto levels = level_grid(linear_schedule(1000), 6);
  const auto variance = decoder_variance(levels);
  const ReverseModel model{denoiser, variance};
  const std::size_t paths = 1 << 14;
  const auto bound = iwae_bound(levels, x_0, denoiser, NormalNoise{.seed = 5}, int(paths), variance, GaussianDecoder{});
  REQUIRE(bound.dimension == 3);
  REQUIRE(bound.log_weights.size() == paths);
  const double exactly = -log_density(reverse_marginal(levels, model), x_0);
  const double elbo = negative_vlb(levels, Gaussian<Vector>{x_0, 0}, model);
  // false alarms 1 in 1000 of normal means; the seed is fixed
  const auto one = bound_of(bound.log_weights, 1);
  REQUIRE(std::abs(one.total() - elbo) < 3.3 * one.standard_error());
  REQUIRE(one.standard_error() < 0.1 * (elbo - exactly));
  double before = one.total(), gap = elbo - exactly;
  for (std::size_t size = 4; size <= 256; size *= 4) {
    const auto group = bound_of(bound.log_weights, size);
    CAPTURE(size, group.total(), group.standard_error(), exactly);
    REQUIRE(group.total() < before - 0.1 * gap);
    REQUIRE(group.total() > exactly - 3.3 * group.standard_error());
    before = group.total();
    gap = before - exactly;
  }
  REQUIRE(bound.effective_paths() > 100);
  REQUIRE(std::abs(bound.total() - exactly) < 3.3 * bound.standard_error());
  REQUIRE(bound.standard_error() < 0.1);
}

TEST_CASE("an array has the weights of its elements together", "[multi_sample_bound]") {
  const Vector x_0{0.9, 0.3, -0.2};
  const auto denoiser = [](const auto& x, const auto&) {
    auto answer = x;
    if constexpr (std::same_as<decltype(answer), double>)
      answer *= 0.75;
    else
      for (auto& e : answer) e *= 0.75f;
    return answer;
  };
  const auto schedule = cosine_schedule(9);
  const NormalNoise noise{.seed = 6};
  const DecoderVariance variance{0.01, TransitionVariance{}};
  const auto whole = iwae_bound(schedule, x_0, denoiser, noise, 3, variance);
  Vector sums(3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto own = [&](int k, double) { return noise(k, x_0)[i]; };
    const auto element = iwae_bound(level_grid(schedule), x_0[i], denoiser, own, 3, variance, GreyLevels{});
    for (std::size_t path = 0; path < 3; ++path) sums[path] += element.log_weights[path];
  }
  for (std::size_t path = 0; path < 3; ++path)
    REQUIRE_THAT(whole.log_weights[path], Catch::Matchers::WithinRel(sums[path], 1e-11));
  const std::vector<float> narrow{0.9f, 0.3f, -0.2f};
  const auto wide_noise = [&](int k, const Vector&) {
    const auto z = noise(k, narrow);
    return Vector(z.begin(), z.end());
  };
  const auto of_float = iwae_bound(schedule, narrow, denoiser, noise, 2);
  const auto of_double = iwae_bound(schedule, Vector(narrow.begin(), narrow.end()), denoiser, wide_noise, 2);
  REQUIRE_THAT(of_float.total(), Catch::Matchers::WithinRel(of_double.total(), 1e-4));
}

TEST_CASE("a sample of a batch has the weights that it has alone", "[multi_sample_bound][burda2016.bound]") {
  const Vector x_0{-1, 0.2, 0.9, 1, -0.4, 0.6};
  const GaussianDenoiser denoiser(0.2, 0.3);  // of each element
  const auto schedule = cosine_schedule(6);
  const auto check = [&](const auto& levels, const auto&... options) {
    batches::require_as_alone(
        x_0, 2, batches::part_of(3),
        [&](const Vector& x, const auto& noise) { return iwae_bounds(levels, x, 2, denoiser, noise, 3, options...); },
        [&](const Vector& x, const auto& noise) { return iwae_bound(levels, x, denoiser, noise, 3, options...); });
  };
  check(schedule);
  check(level_grid(schedule, 4));
  check(schedule, TransitionVariance{}, GaussianDecoder{});
  check(level_grid(LinearLogSnrSchedule<>(), 3), PosteriorVariance{}, SoftmaxDecoder{});

  const NormalNoise noise{.seed = 2};
  const auto by_columns = [&](int k, const Interleaved&) { return batches::interleaved(noise(k, x_0), 2); };
  const auto columns = [&](const Interleaved& x, const NoiseLevel<>& level) {
    return Interleaved{denoiser(x.numbers, level)};
  };
  const auto of_columns = iwae_bounds(schedule, batches::interleaved(x_0, 2), 2, columns, by_columns, 3);
  const auto of_parts = iwae_bounds(schedule, x_0, 2, denoiser, noise, 3);
  REQUIRE(of_columns.size() == 2);
  for (std::size_t k = 0; k < 2; ++k) batches::require_same(of_columns[k], of_parts[k]);
  const auto whole = iwae_bound(schedule, x_0, denoiser, noise, 3);
  for (std::size_t path = 0; path < 3; ++path)
    REQUIRE_THAT(whole.log_weights[path],
                 Catch::Matchers::WithinRel(of_parts[0].log_weights[path] + of_parts[1].log_weights[path], 1e-13));
}

TEST_CASE("weights of any size are averaged", "[multi_sample_bound]") {
  const MultiSampleBound<double> far{{-5000, -5001, -9000}, 2};
  REQUIRE_THAT(far.total(), Catch::Matchers::WithinRel(5000 + std::log(3) - std::log1p(std::exp(-1.0)), 1e-15));
  REQUIRE_THAT(far.bits_per_dimension(), Catch::Matchers::WithinRel(far.total() / (2 * std::log(2.0)), 1e-15));
  const MultiSampleBound<double> equal{{1e4, 1e4, 1e4, 1e4}, 2};
  REQUIRE(equal.total() == -1e4);
  REQUIRE(equal.standard_error() == 0);
  REQUIRE(equal.effective_paths() == 4);
}

TEST_CASE("chains without weights are named", "[multi_sample_bound][errors]") {
  const auto schedule = linear_schedule(5);
  const auto zero = [](double, const auto&) { return 0.0; };
  const NormalNoise noise;
  const auto error = [&](int paths, const auto&... options) {
    return message([&] { return iwae_bound(schedule, 0.2, zero, noise, paths, options...); });
  };
  REQUIRE(error(0) == "diffusion::iwae_bound: paths = 0, expected at least 1");
  REQUIRE(error(1, PosteriorVariance{}).starts_with("diffusion::vlb_term: variance = 0"));
  REQUIRE(error(1, TransitionVariance{}) == "nothing thrown");
  const std::vector noisy{schedule(5), schedule(1)};
  REQUIRE(message([&] {
            return iwae_bound(noisy, 0.2, zero, noise, 1, TransitionVariance{});
          }).starts_with("diffusion::iwae_bound: levels.back().noise() = "));
  const auto of_batch = [&](std::size_t samples, int paths, const auto& denoiser) {
    return message([&] { return iwae_bounds(schedule, Vector(6), samples, denoiser, noise, paths); });
  };
  const auto same = [](const Vector& x, const auto&) { return x; };
  REQUIRE(of_batch(2, 0, same) == "diffusion::iwae_bounds: paths = 0, expected at least 1");
  REQUIRE(of_batch(4, 1, same) == "diffusion::iwae_bounds: x_0 has 6 elements, which 4 levels do not divide");
  REQUIRE(of_batch(2, 1, [](const Vector&, const auto&) { return Vector(5); }) ==
          "diffusion::iwae_bounds: the denoiser's answer has 5 elements, expected 6, as x_0");
}

TEST_CASE("a bound of nothing is an error", "[multi_sample_bound][errors]") {
  const auto zero = [](const Vector& x, const auto&) { return x; };
  REQUIRE(message([&] { return iwae_bound(linear_schedule(4), Vector(), zero, NormalNoise{}, 2); }) ==
          "diffusion::iwae_bound: elements of x_0 = 0, expected at least 1");
}
