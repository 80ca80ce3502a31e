// SPDX-License-Identifier: MIT
#include <diffusion/objective/decoder.hpp>

#include <limits>
#include <vector>

#include "../support/catch.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

/// With so many digits that the difference of two values of Phi keeps enough of them.
using Long =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<700>, boost::multiprecision::et_off>;

Long tail(const Long& z) {
  Long result;
  const Long x = z / sqrt(Long(2));
  mpfr_erfc(result.backend().data(), x.backend().data(), MPFR_RNDN);
  return result / 2;
}

/// What the header defines, by the difference of two tails on the side where they are small.
Real log_probability(double x, double mean, double log_scale, const GreyLevels& grey = {}) {
  const Long half = (Long(grey.high) - Long(grey.low)) / (2 * (Long(grey.levels) - 1)), scale = exp(Long(log_scale));
  Long lower = (Long(x) - Long(mean) - half) / scale, upper = (Long(x) - Long(mean) + half) / scale;
  if (x == grey.low) return Real(log(tail(-upper)));
  if (x == grey.high) return Real(log(tail(lower)));
  if (lower + upper < 0) {
    std::swap(lower, upper);
    lower = -lower;
    upper = -upper;
  }
  return Real(log(tail(lower) - tail(upper)));
}

double grey_value(const GreyLevels& grey, int k) {
  return k == grey.levels - 1 ? grey.high : grey.low + k * ((grey.high - grey.low) / (grey.levels - 1));
}

struct Case {
  GreyLevels grey;
  double x, mean, log_scale;
};

/// Any number of levels, any range; means within 30 deviations or 30 bins of the datum; scales from far below a bin on.
Case random_case(int i) {
  Case c;
  if (i % 2 == 1) {
    c.grey.levels = 2 + int(std::exp(uniform(0, 11)));
    c.grey.low = uniform(-5, 5);
    c.grey.high = c.grey.low + std::exp(uniform(-5, 5));
  }
  const int kind = i % 5;
  const int k = kind == 0 ? 0 : kind == 1 ? c.grey.levels - 1 : int(uniform(0, c.grey.levels));
  c.x = grey_value(c.grey, k);
  const double bin = (c.grey.high - c.grey.low) / (c.grey.levels - 1);
  c.log_scale = std::log(bin) + uniform(-4, 8);
  c.mean = c.x + uniform(-30, 30) * (i % 3 == 0 ? bin : std::exp(c.log_scale));
  return c;
}

}  // namespace

TEST_CASE("log-probabilities of grey levels are integrals of the Gaussian over their bins", "[decoder][ho2020.13]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 500; ++i) {
    const Case c = random_case(i);
    const Real exact = log_probability(c.x, c.mean, c.log_scale, c.grey);
    if (exact < -1e5) continue;  // the truth would need more digits
    wrong.compare("log P", i, discretized_gaussian_log_likelihood(c.x, c.mean, c.log_scale, c.grey), exact);
  }
  wrong.require_none();
}

TEST_CASE("sums over arrays keep 14 digits, or 12 of tiny values", "[decoder][ho2020.13]") {
  for (int i = 0; i < 700; ++i) {
    const Case c = random_case(i);
    const Real exact = log_probability(c.x, c.mean, c.log_scale, c.grey);
    if (exact < -1e5) continue;
    const std::vector<double> x{c.x}, mean{c.mean}, log_scale{c.log_scale};
    const double one = discretized_gaussian_log_likelihood(x, mean, c.log_scale, c.grey);
    CAPTURE(i, c.grey.levels, c.grey.low, c.grey.high, c.x, c.mean, c.log_scale, exact, one);
    const double subnormal = std::numeric_limits<double>::denorm_min();
    REQUIRE(abs(one - exact) <= (abs(exact) < 1e-8 ? 1e-12 : 1e-14) * abs(exact) + subnormal);
    REQUIRE(discretized_gaussian_log_likelihood(x, mean, log_scale, c.grey) == one);
  }
}

TEST_CASE("the probabilities of all grey levels sum to one", "[decoder][ho2020.13]") {
  for (const GreyLevels grey : {GreyLevels{}, GreyLevels{17, 0, 16}, GreyLevels{2, -1, 1}}) {
    for (const double log_scale : {-8.0, -2.0, 0.0, 5.0}) {
      Real sum = 0;
      for (int k = 0; k < grey.levels; ++k)
        sum += exp(Real(discretized_gaussian_log_likelihood(grey_value(grey, k), 0.3, log_scale, grey)));
      REQUIRE(abs(sum - 1) < 1e-13);
    }
  }
}

TEST_CASE("an array is the sum of its elements, a scale for all or one each", "[decoder]") {
  const std::vector<double> x{-1, -1 + 2.0 / 255, 1, 1 - 20.0 / 255}, mean{-0.9, 0.1, 0.8, 1.2}, scales{-3, -1, -6, -4};
  double with_scales = 0, with_one = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    with_scales += discretized_gaussian_log_likelihood(x[i], mean[i], scales[i]);
    with_one += discretized_gaussian_log_likelihood(x[i], mean[i], -2.0);
  }
  REQUIRE(std::abs(discretized_gaussian_log_likelihood(x, mean, scales) / with_scales - 1) < 1e-14);
  REQUIRE(std::abs(discretized_gaussian_log_likelihood(x, mean, -2.0) / with_one - 1) < 1e-14);
  const std::vector<float> x_float{-1, 1, 0.2f}, mean_float{-0.5f, 0.9f, 0.1f};
  const double in_float = discretized_gaussian_log_likelihood(x_float, mean_float, -2.0f);
  double in_double = 0;
  for (std::size_t i = 0; i < 3; ++i)
    in_double += discretized_gaussian_log_likelihood(double(x_float[i]), double(mean_float[i]), -2.0);
  REQUIRE(std::abs(in_float / in_double - 1) < 1e-6);
}

TEST_CASE("NaN propagates, and what is no grey level is an error", "[decoder]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value :
       {discretized_gaussian_log_likelihood(nan, 0.0, 0.0), discretized_gaussian_log_likelihood(0.0, nan, 0.0),
        discretized_gaussian_log_likelihood(0.0, 0.0, nan)})
    REQUIRE(value != value);
  const std::vector<double> x{0, 1.5}, mean{0, 0}, short_mean{0};
  const auto refused = [&](const auto& value, const auto& center, const GreyLevels& grey) {
    return message([&] { return discretized_gaussian_log_likelihood(value, center, 0.0, grey); });
  };
  const auto names = [](const std::string& text, const char* part) {
    CAPTURE(text, part);
    return text.find(part) != std::string::npos;
  };
  REQUIRE(names(refused(1.5, 0.0, {}), "discretized_gaussian_log_likelihood"));
  REQUIRE(names(refused(1.5, 0.0, {}), "x = 1.5"));
  REQUIRE(names(refused(x, mean, {}), "x[1] = 1.5"));
  REQUIRE(names(refused(x, short_mean, {}), "mean"));
  REQUIRE(names(refused(0.0, 0.0, {1, -1, 1}), "grey.levels = 1"));
  REQUIRE(names(refused(0.0, 0.0, {256, 1, 1}), "grey.low = 1"));
}
