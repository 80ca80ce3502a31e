// SPDX-License-Identifier: MIT
#include <diffusion/objective/fast_likelihood.hpp>

#include <limits>
#include <vector>

#include "../support/allocations.hpp"
#include "../support/catch.hpp"
#include "../support/message.hpp"
#include "../support/normal.hpp"
#include "../support/random.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

Real true_divergence(float mean_p, float log_p, float mean_q, float log_q) {
  const Real d = Real(log_p) - Real(log_q), difference = Real(mean_p) - Real(mean_q);
  return (expm1(d) - d + difference * difference * exp(-Real(log_q))) / 2;
}

/// Of bytes on [-1, 1], whose ends are floats too.
Real true_log_probability(float x, float mean, const Real& log_scale) {
  using truth::Long;
  const Long half = Long(1) / 255, scale = exp(Long(log_scale));
  const Long lower = (Long(x) - Long(mean) - half) / scale, upper = (Long(x) - Long(mean) + half) / scale;
  return Real(x == -1  ? truth::log_normal_tail(-upper)
              : x == 1 ? truth::log_normal_tail(lower)
                       : truth::log_normal_interval(lower, upper));
}

// What the header says of divergences and of log-likelihoods.
void require_divergence(double value, const Real& exactly, double log_ratio) {
  CAPTURE(value, exactly, log_ratio);
  REQUIRE(abs(Real(value) - exactly) <= (1e-6 + 6e-8 * std::abs(log_ratio)) * exactly);
}
void require_log_probability(double value, const Real& exactly) {
  CAPTURE(value, exactly);
  REQUIRE(abs(Real(value) - exactly) <= 1e-6 * (abs(exactly) < 1 ? Real(1) : Real(abs(exactly))));
}

float grey(int k) { return k == 255 ? 1 : static_cast<float>(-1 + k * (2.0 / 255)); }

/// n grey levels, means near them, and scales.
struct Pixels {
  std::vector<float> x, mean, log_scale;

  explicit Pixels(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      x.push_back(grey(int(uniform(0, 256))));
      mean.push_back(static_cast<float>(x.back() + uniform(-0.1, 0.1)));
      log_scale.push_back(static_cast<float>(uniform(-6, -2)));
    }
  }
};

}  // namespace

TEST_CASE("divergences of floats keep six digits, of Gaussians far apart and nearly equal",
          "[fast_likelihood][kingma2013.kl]") {
  for (int i = 0; i < 6000; ++i) {
    const auto log_p = static_cast<float>(uniform(-40, 40));
    auto log_q = static_cast<float>(i % 4 < 2 ? uniform(-40, 40) : log_p + uniform(-2, 2));
    const auto mean_p = static_cast<float>(uniform(-3, 3));
    auto mean_q = static_cast<float>(uniform(-3, 3));
    if (i % 4 == 1) mean_q = static_cast<float>(mean_p + 30 * std::exp(double(log_q) / 2));
    if (i % 4 == 3) {  // as near as floats are
      const float direction = i % 8 == 3 ? 100.0f : -100.0f;
      mean_q = i % 3 == 0 ? mean_p : std::nextafter(mean_p, direction);
      log_q = i % 5 == 0 ? log_p : std::nextafter(log_p, -direction);
    }
    const DiagonalGaussian<std::vector<float>> p{{mean_p}, {log_p}}, q{{mean_q}, {log_q}};
    require_divergence(fast_kl_divergence(p, q), true_divergence(mean_p, log_p, mean_q, log_q),
                       double(log_p) - double(log_q));
  }
}

TEST_CASE("log-probabilities of floats keep six digits, in every tail", "[fast_likelihood][ho2020.13]") {
  for (int i = 0; i < 3000; ++i) {
    const float x = grey(i % 5 == 0 ? 0 : i % 5 == 1 ? 255 : int(uniform(0, 256)));
    const auto log_scale = static_cast<float>(i % 3 == 0 ? uniform(-20, 20) : uniform(-9, 0));
    const double scale = std::exp(double(log_scale));
    auto mean = static_cast<float>(x + uniform(-30, 30) * scale);
    if (i % 4 == 3) mean = static_cast<float>(x + (i % 8 == 3 ? 1 : -1) / 255.0 + uniform(-3, 3) * scale);
    CAPTURE(x, mean, log_scale);
    require_log_probability(
        fast_discretized_gaussian_log_likelihood(std::vector{x}, std::vector{mean}, std::vector{log_scale}),
        true_log_probability(x, mean, Real(log_scale)));
    // one scale for all, which is a double
    const double one = uniform(-9, 0);
    mean = static_cast<float>(x + uniform(-12, 12) * std::exp(one));
    require_log_probability(fast_discretized_gaussian_log_likelihood(std::vector{x}, std::vector{mean}, one),
                            true_log_probability(x, mean, Real(one)));
  }
}

TEST_CASE("sums over floats are those of their elements", "[fast_likelihood]") {
  for (const std::size_t n : {std::size_t(0), std::size_t(15), std::size_t(16), std::size_t(257), std::size_t(1000)}) {
    const Pixels a(n), b(n);
    const DiagonalGaussian p{a.mean, a.log_scale}, q{b.mean, b.log_scale};
    double divergence = 0, probability = 0;
    for (std::size_t i = 0; i < n; ++i) {
      divergence += fast_kl_divergence(DiagonalGaussian{std::vector{a.mean[i]}, std::vector{a.log_scale[i]}},
                                       DiagonalGaussian{std::vector{b.mean[i]}, std::vector{b.log_scale[i]}});
      probability += fast_discretized_gaussian_log_likelihood(std::vector{a.x[i]}, std::vector{a.mean[i]},
                                                              std::vector{a.log_scale[i]});
    }
    const auto close = [](double value, double sum) { return std::abs(value - sum) <= 1e-13 * std::abs(sum); };
    REQUIRE(close(fast_kl_divergence(p, q), divergence));
    REQUIRE(close(fast_discretized_gaussian_log_likelihood(a.x, a.mean, a.log_scale), probability));
  }
}

TEST_CASE("elements beyond the range of floats are computed in doubles, and NaN propagates", "[fast_likelihood]") {
  const Pixels some(40);
  DiagonalGaussian<std::vector<float>> p{some.mean, some.log_scale}, q{some.mean, some.log_scale};
  p.log_variance[3] = 60;
  q.log_variance[3] = -40;
  REQUIRE_THAT(fast_kl_divergence(p, q), Catch::Matchers::WithinRel(std::exp(100.0) / 2, 1e-6));
  Pixels narrow(40);
  narrow.log_scale[20] = -50;
  narrow.mean[20] = narrow.x[20] + 0.01f;
  const double fast = fast_discretized_gaussian_log_likelihood(narrow.x, narrow.mean, narrow.log_scale);
  const double exactly = discretized_gaussian_log_likelihood(narrow.x, narrow.mean, narrow.log_scale);
  REQUIRE_THAT(fast, Catch::Matchers::WithinRel(exactly, 1e-6));
  REQUIRE(fast < -1e35);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  p.mean[5] = nan;
  narrow.mean[5] = nan;
  REQUIRE(std::isnan(fast_kl_divergence(p, q)));
  REQUIRE(std::isnan(fast_discretized_gaussian_log_likelihood(narrow.x, narrow.mean, narrow.log_scale)));
}

TEST_CASE("other grey levels, and arrays of double, whose arithmetic is exact already", "[fast_likelihood]") {
  const GreyLevels grey{17, 0, 16};
  const std::vector<float> x{0, 3, 16, 8}, mean{0.5f, 2.25f, 15, 8}, log_scale{0.5f, -1, 0.25f, -2};
  REQUIRE_THAT(fast_discretized_gaussian_log_likelihood(x, mean, log_scale, grey),
               Catch::Matchers::WithinRel(discretized_gaussian_log_likelihood(x, mean, log_scale, grey), 1e-6));
  const std::vector<double> x_d{0, 3, 16, 8}, mean_d{0.5, 2.3, 15, 8}, log_scale_d{0.5, -1, 0.2, -2};
  REQUIRE(fast_discretized_gaussian_log_likelihood(x_d, mean_d, log_scale_d, grey) ==
          discretized_gaussian_log_likelihood(x_d, mean_d, log_scale_d, grey));
  const DiagonalGaussian p{x_d, mean_d}, q{mean_d, log_scale_d};
  REQUIRE(fast_kl_divergence(p, q) == kl_divergence(p, q));
}

TEST_CASE("nothing is allocated, and bad arguments have names", "[fast_likelihood]") {
  Pixels a(1000);
  const DiagonalGaussian p{a.mean, a.log_scale}, q{a.x, a.log_scale};
  const std::size_t before = allocations::count();
  const double sum = fast_kl_divergence(p, q) + fast_discretized_gaussian_log_likelihood(a.x, a.mean, a.log_scale) +
                     fast_discretized_gaussian_log_likelihood(a.x, a.mean, -4.0) + kl_divergence(p, q) +
                     discretized_gaussian_log_likelihood(a.x, a.mean, a.log_scale);
  REQUIRE(allocations::count() == before);
  REQUIRE(sum != 0);

  const std::string start = "diffusion::fast_discretized_gaussian_log_likelihood: ";
  const std::vector<float> few(3);
  REQUIRE(message([&] { return fast_discretized_gaussian_log_likelihood(a.x, few, a.log_scale); }) ==
          start + "mean has 3 elements, expected 1000, as x");
  REQUIRE(message([&] { return fast_discretized_gaussian_log_likelihood(a.x, a.mean, few); }) ==
          start + "log_scale has 3 elements, expected 1000, as x");
  a.x[777] = 1.5f;
  REQUIRE(message([&] { return fast_discretized_gaussian_log_likelihood(a.x, a.mean, a.log_scale); }) ==
          start + "x[777] = 1.5, expected a grey level, in [grey.low, grey.high]");
  REQUIRE(message([&] { return fast_discretized_gaussian_log_likelihood(few, few, few, {1, -1, 1}); }) ==
          start + "grey.levels = 1, expected at least 2");
  const DiagonalGaussian<std::vector<float>> uneven{a.x, few}, short_mean{few, a.log_scale};
  REQUIRE(message([&] { return fast_kl_divergence(p, uneven); }) ==
          "diffusion::fast_kl_divergence: q.log_variance has 3 elements, expected 1000, as p.mean");
  REQUIRE(message([&] { return fast_kl_divergence(p, short_mean); }) ==
          "diffusion::fast_kl_divergence: q.mean has 3 elements, expected 1000, as p.mean");
}
