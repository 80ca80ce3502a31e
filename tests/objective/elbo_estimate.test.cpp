// SPDX-License-Identifier: MIT
#include <diffusion/objective/elbo_estimate.hpp>

#include <diffusion/model/exact.hpp>
#include <diffusion/objective/joint.hpp>
#include <diffusion/process/schedules.hpp>

#include "../support/catch.hpp"
#include "../support/coverage.hpp"
#include "../support/message.hpp"

using namespace diffusion;

namespace {

using Vector = std::vector<double>;

/// A batch whose samples are columns of a matrix that is stored by rows, as some of Eigen's are.
struct Columns {
  std::size_t samples = 1;
  Vector values;
};

Columns as_columns(const Vector& by_sample, std::size_t samples) {
  Columns x{samples, by_sample};
  const std::size_t length = by_sample.size() / samples;
  for (std::size_t k = 0; k < samples; ++k)
    for (std::size_t i = 0; i < length; ++i) x.values[i * samples + k] = by_sample[k * length + i];
  return x;
}

}  // namespace

template <>
struct diffusion::state_traits<Columns> {
  using scalar = double;
  using value = Columns;
  static std::span<const double> view(const Columns& x) { return x.values; }
  static std::span<double> elements(Columns& x) { return x.values; }
  static Columns like(const Columns& x) { return {x.samples, Vector(x.values.size())}; }
  static BatchLayout batch_layout(const Columns& x, std::size_t) {
    return {x.samples, x.values.size() / x.samples, true};
  }
};

namespace {

const Vector mean{0.1, 0.2, 0.3, 0.4, -0.3, 0.5, -0.6, 0.9, 0, 0.7, -0.2, -0.1};
const Vector x_0{0.1, 0.5, -0.2, 1, -0.4, 0.2, -1, 0.8, 0.3, 0.3, -0.7, 0.1};

/// Denoises with an error that depends on the level alone, so that every term of a bound is one number.
auto steady(const Vector& x) {
  return [x](const Vector&, const NoiseLevel<>& level) {
    Vector answer = x;
    for (std::size_t i = 0; i < x.size(); ++i) answer[i] += 0.01 * double(i + 1) * level.noise();
    return answer;
  };
}

double sum(const Vector& terms) {
  double result = 0;
  for (const double term : terms) result += term;
  return result;
}

/// Rules that are wrong: without the last weight, and with one or two draws as the noise will have it.
struct Uneven : UniformTimes {
  auto operator()(const auto& steps, const NormalNoise& own, int step) const {
    auto result = UniformTimes::operator()(steps, own, step);
    result.weights.pop_back();
    return result;
  }
};
struct Changing : UniformTimes {
  auto operator()(const auto& steps, const NormalNoise& own, int step) const {
    return UniformTimes{own.seed % 2 + 1}(steps, own, step);
  }
};

void require_same(const BoundEstimate<>& a, const BoundEstimate<>& b) {
  REQUIRE(a.count() == b.count());
  REQUIRE(a.dimension() == b.dimension());
  REQUIRE(a.prior() == b.prior());
  REQUIRE(a.denoising() == b.denoising());
  REQUIRE(a.reconstruction() == b.reconstruction());
  REQUIRE(a.standard_error() == b.standard_error());
}

}  // namespace

TEST_CASE("the full sum is that of elbo, and all rules estimate it",
          "[elbo_estimate][ho2020.elbo][kingma2021.sampled]") {
  const auto levels = level_grid(linear_schedule(1000), 40);
  const auto denoiser = steady(x_0);
  const NormalNoise noise{.seed = 3};
  const auto check = [&](const auto& variance, const auto& end) {
    const auto expected = elbo(levels, x_0, denoiser, noise, variance, end);
    const double denoising = sum(expected.denoising);
    const auto all = elbo_estimate(levels, x_0, denoiser, noise, AllTimes{3}, variance, end);
    REQUIRE(all.count() == 3);
    REQUIRE(all.dimension() == 12);
    REQUIRE(all.standard_error() == 0);
    REQUIRE(all.prior() == expected.prior);
    REQUIRE(all.reconstruction() == expected.reconstruction);
    REQUIRE_THAT(all.denoising(), Catch::Matchers::WithinRel(denoising, 1e-14));
    const auto near = [&](const auto& rule, double precision) {
      const auto estimate = elbo_estimate(levels, x_0, denoiser, noise, rule, variance, end);
      CAPTURE(estimate.denoising(), denoising, estimate.standard_error());
      REQUIRE(estimate.prior() == expected.prior);
      REQUIRE(estimate.reconstruction() == expected.reconstruction);
      REQUIRE(estimate.standard_error() < precision * denoising);
      REQUIRE(estimate.standard_error() > 0);
      // false alarm 1 in 1000 of a normal estimate; the seed is fixed
      REQUIRE(std::abs(estimate.denoising() - denoising) < 3.3 * estimate.standard_error());
    };
    near(UniformTimes{10, 400}, 0.1);
    near(StratifiedTimes{10, 400}, 0.05);
    near(LowDiscrepancyTimes{10, 400}, 0.05);
    near(GaussianTimes{1, 10, 400}, 0.05);
    // by the terms themselves: but for the share of uniform draws, without an error
    near(ImportanceTimes{loss_moments(levels, x_0, denoiser, noise, 2, variance, end), 10, 400}, 1e-3);
  };
  check(decoder_variance(levels), GaussianDecoder{});
  check(DecoderVariance{0.01, TransitionVariance{}}, GaussianDecoder{});
}

TEST_CASE("the bound of Gaussian data is covered as often as its interval says", "[elbo_estimate][ho2020.3]") {
  Vector data, centre;  // of many elements, so that estimates are nearly normal
  for (int repeat = 0; repeat < 5; ++repeat) {
    data.insert(data.end(), x_0.begin(), x_0.end());
    centre.insert(centre.end(), mean.begin(), mean.end());
  }
  const GaussianDenoiser denoiser(centre, 0.25);
  const auto check = [&](const auto& levels, const auto& variance, const auto& rule) {
    const double bound = negative_vlb(levels, Gaussian<Vector>{data, 0}, ReverseModel{denoiser, variance});
    coverage::require(bound, [&](std::uint64_t seed) {
      return elbo_estimate(levels, data, denoiser, NormalNoise{.seed = seed}, rule, variance, GaussianDecoder{});
    });
  };
  // a log-SNR that is linear in t, and ends before it makes the terms skewed
  auto even = level_grid(LinearLogSnrSchedule<>(4, -5), 30);
  even.emplace_back();
  const DecoderVariance variance{1 / (4 + even[30].snr())};
  check(even, variance, UniformTimes{16, 4});
  check(even, variance, StratifiedTimes{16, 4});
  check(even, variance, LowDiscrepancyTimes{16, 4});
  // the chains that are used, by rules that follow their terms
  const auto cosine = level_grid(cosine_schedule(1000), 100), linear = level_grid(linear_schedule(1000), 25);
  check(cosine, decoder_variance(cosine), GaussianTimes{1, 8, 6});
  check(linear, TransitionVariance{}, GaussianTimes{0.25, 8, 2});
  const NormalNoise pilot{.seed = 1, .stream = 1};
  check(cosine, decoder_variance(cosine),
        ImportanceTimes{loss_moments(cosine, data, denoiser, pilot, 10, decoder_variance(cosine), GaussianDecoder{}), 8,
                        6});
  check(linear, decoder_variance(linear), AllTimes{3});
}

TEST_CASE("the mean bound of a distribution is covered by the bound over its samples", "[elbo_estimate][ho2020.3]") {
  const auto levels = level_grid(linear_schedule(1000), 12);
  const GaussianDenoiser denoiser(mean, 0.25);
  const auto variance = decoder_variance(levels);
  const Gaussian<Vector> data{mean, 0.25};
  const double bound = negative_vlb(levels, data, ReverseModel{denoiser, variance});
  coverage::require(bound, [&](std::uint64_t seed) {
    std::vector<Vector> samples;
    for (int k = 0; k < 10; ++k) samples.push_back(sample(data, NormalNoise{.seed = seed, .stream = 1}(k, mean)));
    const auto over = bound_over_data(samples, NormalNoise{.seed = seed}, [&](const Vector& x, const NormalNoise& own) {
      return elbo_estimate(levels, x, denoiser, own, GaussianTimes{.variance = 0.25, .draws = 3, .replicates = 2},
                           variance, GaussianDecoder{});
    });
    REQUIRE(over.sampling_error() > 0);
    return over.estimate();
  });
}

TEST_CASE("a sample has one bound, alone and in batches of any size and layout", "[elbo_estimate]") {
  const auto schedule = linear_schedule(1000);
  const auto levels = level_grid(schedule, 20);
  const GaussianDenoiser denoiser(0.2, 0.3);  // of each element
  const NormalNoise noise{.seed = 8, .stream = 5, .first_element = 30};
  const auto check = [&](const auto& rule, const auto&... options) {
    const auto together = elbo_estimates(levels, x_0, 4, denoiser, noise, rule, options...);
    REQUIRE(together.size() == 4);
    std::vector<BoundEstimate<>> parts;
    for (const std::size_t first : {std::size_t(0), std::size_t(6)})
      for (const auto& part :
           elbo_estimates(levels, Vector(x_0.begin() + long(first), x_0.begin() + long(first) + 6), 2, denoiser,
                          NormalNoise{.seed = 8, .stream = 5, .first_element = 30 + first}, rule, options...))
        parts.push_back(part);
    for (std::size_t k = 0; k < 4; ++k) {
      const Vector sample(x_0.begin() + long(3 * k), x_0.begin() + long(3 * k) + 3);
      const NormalNoise own{.seed = 8, .stream = 5, .first_element = 30 + 3 * k};
      const auto alone = elbo_estimate(levels, sample, denoiser, own, rule, options...);
      require_same(together[k], alone);
      require_same(parts[k], alone);
      REQUIRE(alone.standard_error() > 0);
      if (k > 0) REQUIRE(together[k].denoising() != together[0].denoising());
    }
  };
  check(LowDiscrepancyTimes{.draws = 5, .replicates = 3});
  check(UniformTimes{.draws = 2, .replicates = 3}, DecoderVariance{0.01}, GaussianDecoder{});
  check(GaussianTimes{}, TransitionVariance{});
  // samples have times of their own
  std::vector<std::vector<double>> asked;
  const auto watch = [&](const Vector& x, const std::vector<NoiseLevel<>>& at) {
    std::vector<double> times;
    for (const auto& level : at) times.push_back(level.time());
    asked.push_back(times);
    return denoiser(x, at);
  };
  elbo_estimates(levels, x_0, 4, watch, noise, UniformTimes{.draws = 8, .replicates = 2});
  REQUIRE(asked.size() == 18);
  bool differ = false;
  for (const auto& times : asked) differ = differ || times[0] != times[1];
  REQUIRE(differ);
  REQUIRE(asked[8] == std::vector<double>(4, levels[19].time()));  // the last step

  // terms without noise tell the samples of columns apart
  const auto zero = [](Columns x, const auto&) {
    std::fill(x.values.begin(), x.values.end(), 0);
    return x;
  };
  const auto of_columns = elbo_estimates(levels, as_columns(x_0, 4), 4, zero, noise, AllTimes{2});
  for (std::size_t k = 0; k < 4; ++k) {
    const Vector sample(x_0.begin() + long(3 * k), x_0.begin() + long(3 * k) + 3);
    const auto nothing = [](const Vector& x, const auto&) { return Vector(x.size()); };
    require_same(of_columns[k], elbo_estimate(levels, sample, nothing, noise, AllTimes{2}));
  }
}

TEST_CASE("every replicate has noise of its own, and the network is asked draws + 1 times", "[elbo_estimate]") {
  const auto schedule = linear_schedule(50);
  int calls = 0;
  std::vector<double> seen;
  const auto denoiser = [&](const double& x, const NoiseLevel<>& level) {
    ++calls;
    seen.push_back((x - level.signal() * 0.2) / level.noise());
    return 0.0;
  };
  const NormalNoise noise{.seed = 9};
  elbo_estimate(schedule, 0.2, denoiser, noise, UniformTimes{.draws = 5, .replicates = 4});
  REQUIRE(calls == 24);
  std::sort(seen.begin(), seen.end());
  for (std::size_t k = 0; k + 1 < seen.size(); ++k) REQUIRE(seen[k + 1] - seen[k] > 1e-9);
  calls = 0;
  const auto estimate = elbo_estimate(schedule, 0.2, denoiser, noise);
  REQUIRE(calls == 8 * 17);  // by default 16 draws, 8 replicates
  require_same(estimate, elbo_estimate(level_grid(schedule), 0.2, denoiser, noise, GaussianTimes{1, 16, 8},
                                       decoder_variance(level_grid(schedule)), GreyLevels{}));
  REQUIRE(estimate.denoising() != elbo_estimate(schedule, 0.2, denoiser, NormalNoise{.seed = 10}).denoising());
  const NormalNoise elsewhere{.seed = 9, .first_element = 1};
  REQUIRE(estimate.denoising() != elbo_estimate(schedule, 0.2, denoiser, elsewhere).denoising());
}

TEST_CASE("a chain that ends with noise is not asked there", "[elbo_estimate][kingma2021.decoder]") {
  const auto levels = level_grid(LinearLogSnrSchedule<>(), 20);
  const Vector grey{-1, 1 - 2 / 255.0 * 100, 1};
  int calls = 0;
  const auto denoiser = [&](const Vector&, const NoiseLevel<>& level) {
    ++calls;
    return steady(grey)(grey, level);
  };
  const NormalNoise noise{.seed = 6};
  const auto estimate =
      elbo_estimate(levels, grey, denoiser, noise, AllTimes{3}, PosteriorVariance{}, SoftmaxDecoder{});
  REQUIRE(calls == 60);
  const auto terms = elbo(levels, grey, denoiser, noise, PosteriorVariance{}, SoftmaxDecoder{});
  REQUIRE_THAT(estimate.denoising(), Catch::Matchers::WithinRel(sum(terms.denoising), 1e-14));
  double reconstruction = 0;
  for (const int step : {20, 41, 62})  // after the 20 draws of each replicate
    reconstruction -= softmax_log_likelihood(levels[20], grey, q_sample(levels[20], grey, noise(step, grey))) / 3;
  REQUIRE_THAT(estimate.reconstruction(), Catch::Matchers::WithinRel(reconstruction, 1e-14));
  const auto unwanted = elbo_estimate(levels, grey, denoiser, noise, UniformTimes{}, PosteriorVariance{},
                                      SoftmaxDecoder{GreyLevels{511, -1, 1}});
  REQUIRE(unwanted.reconstruction() != estimate.reconstruction());
}

TEST_CASE("chains of one and two steps, and states of float", "[elbo_estimate]") {
  const NormalNoise noise{.seed = 6};
  const auto one = linear_schedule(1), two = linear_schedule(2);
  const auto single = elbo_estimate(one, x_0, steady(x_0), noise);
  REQUIRE(single.count() == 8);
  REQUIRE(single.denoising() == 0);
  REQUIRE(single.reconstruction() == elbo(one, x_0, steady(x_0), noise).reconstruction);
  const auto pair = elbo_estimate(two, x_0, steady(x_0), noise);
  REQUIRE_THAT(pair.denoising(), Catch::Matchers::WithinRel(elbo(two, x_0, steady(x_0), noise).denoising[0], 1e-14));
  const std::vector<float> data{0.5f, -1.0f, 0.25f};
  const auto half = [](const std::vector<float>& x, const NoiseLevel<>&) { return std::vector<float>(x.size(), 0.5f); };
  const auto of_float = elbo_estimate(two, data, half, noise);
  REQUIRE_THAT(of_float.denoising(),
               Catch::Matchers::WithinRel(denoising_kl(two(1), two(2), data, std::vector<float>(3, 0.5f)), 1e-12));
}

TEST_CASE("the losses to draw by are those of elbo", "[elbo_estimate][nichol2021.18]") {
  const auto schedule = linear_schedule(20);
  const NormalNoise noise{.seed = 12, .stream = 1};
  const GaussianDenoiser denoiser(mean, 0.25);
  const auto moments = loss_moments(schedule, x_0, denoiser, noise, 3);
  REQUIRE(moments.steps() == 19);
  REQUIRE(moments.filled());
  std::vector<double> squares(19);
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto terms = elbo(schedule, x_0, denoiser, [&](int k, const Vector& x) { return noise(21 * repeat + k, x); });
    for (std::size_t t = 0; t < 19; ++t) squares[t] += terms.denoising[t] * terms.denoising[t];
  }
  double total = 0;
  for (const double square : squares) total += std::sqrt(square);
  for (int t = 1; t <= 19; ++t)
    REQUIRE_THAT(
        moments.probability(t),
        Catch::Matchers::WithinRel(0.999 * std::sqrt(squares[std::size_t(t) - 1]) / total + 0.001 / 19, 1e-10));
}

TEST_CASE("rules that do not draw, chains without a bound and answers of another size are named",
          "[elbo_estimate][errors]") {
  const auto schedule = linear_schedule(10);
  const NormalNoise noise;
  const auto error = [&](const auto& rule, const auto&... options) {
    return message([&] { return elbo_estimate(schedule, x_0, steady(x_0), noise, rule, options...); });
  };
  REQUIRE(error(UniformTimes{16, 0}) == "diffusion::elbo_estimate: rule.replicates = 0, expected at least 1");
  REQUIRE(error(UniformTimes{0, 2}) ==
          "diffusion::elbo_estimate: rule: draws = 0, expected at least 1, and as many for every sample");
  REQUIRE(error(UniformTimes{}, PosteriorVariance{}).starts_with("diffusion::vlb_term: variance = 0"));
  REQUIRE(error(Uneven{}) == "diffusion::elbo_estimate: rule: weights has 15 elements, expected 16, as levels");
  const auto copy = [](const Vector& x, const std::vector<NoiseLevel<>>&) { return x; };
  const auto of_batch = [&](std::size_t samples, const auto& denoiser, const auto& rule) {
    return message([&] { return elbo_estimates(schedule, x_0, samples, denoiser, noise, rule); });
  };
  REQUIRE(of_batch(12, copy, Changing{}).find("as many for every sample") != std::string::npos);
  REQUIRE(of_batch(5, copy, UniformTimes{}) ==
          "diffusion::elbo_estimates: x_0 has 12 elements, which 5 levels do not divide");
  REQUIRE(of_batch(0, copy, UniformTimes{}) ==
          "diffusion::elbo_estimates: samples = 0, expected at least 1");
  const auto shorter = [](const Vector&, const std::vector<NoiseLevel<>>&) { return Vector(11); };
  REQUIRE(of_batch(4, shorter, UniformTimes{}) ==
          "diffusion::elbo_estimates: the denoiser's answer has 11 elements, expected 12, as x_0");
  const std::vector noisy{schedule(10), schedule(1)};
  REQUIRE(message([&] {
            return elbo_estimate(noisy, x_0, steady(x_0), noise, AllTimes{}, TransitionVariance{});
          }).starts_with("diffusion::elbo_estimate: levels.back().noise() = "));
  REQUIRE(message([&] { return loss_moments(schedule, x_0, steady(x_0), noise, 0); }) ==
          "diffusion::loss_moments: history = 0, expected at least 1");
  REQUIRE(message([&] { return loss_moments(linear_schedule(1), x_0, steady(x_0), noise, 1); }) ==
          "diffusion::loss_moments: levels: denoising terms = 0, expected at least one");
}
