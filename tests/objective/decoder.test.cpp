// SPDX-License-Identifier: MIT
#include <diffusion/objective/decoder.hpp>

#include <limits>
#include <vector>

#include "../support/catch.hpp"
#include "../support/message.hpp"
#include "../support/normal.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

namespace {

/// What the header defines, in 160 digits.
truth::Long log_probability(double x, double mean, double log_scale, const GreyLevels& grey = {}) {
  using truth::Long;
  const Long half = (Long(grey.high) - Long(grey.low)) / (2 * (Long(grey.levels) - 1)), scale = exp(Long(log_scale));
  const Long lower = (Long(x) - Long(mean) - half) / scale, upper = (Long(x) - Long(mean) + half) / scale;
  if (x < grey.low + half / 4) return truth::log_normal_tail(-upper);
  if (x > grey.high - half / 4) return truth::log_normal_tail(lower);
  return truth::log_normal_interval(lower, upper);
}

double grey_value(const GreyLevels& grey, int k) {
  return k == grey.levels - 1 ? grey.high : grey.low + k * ((grey.high - grey.low) / (grey.levels - 1));
}

struct Case {
  GreyLevels grey;
  double x, mean, log_scale;
  Real exact;
};

/// Any number of levels on any range; means within 30 deviations or 30 bins of the datum; any scale from exp(-20) to
/// exp(20), and those near the width of a bin more often; also edges that all but hit the mean of a narrow Gaussian.
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
  // at an end, beyond it, and on both sides of an eighth of a bin from it
  const double parts[] = {0, -0.12, 0.12, 0.13};
  if (kind < 2) c.x += (kind == 0 ? bin : -bin) * parts[i / 5 % 4];
  c.log_scale = i % 7 < 3 ? uniform(-20, 20) : std::log(bin) + uniform(-4, 8);
  c.mean = c.x + uniform(-30, 30) * (i % 3 == 0 ? bin : std::exp(c.log_scale));
  if (i % 4 == 3) {  // an edge near the mean of a narrow Gaussian
    const double distance = std::exp(uniform(-30, -3));
    c.mean = c.x + (i % 8 == 3 ? -bin : bin) / 2 * (1 + uniform(-1, 1) * distance);
    c.log_scale = std::log(bin * distance) + uniform(-3, 3);
  }
  c.exact = Real(log_probability(c.x, c.mean, c.log_scale, c.grey));
  return c;
}

/// The truth is what takes time.
const std::vector<Case>& random_cases() {
  static const auto cases = [] {
    std::vector<Case> made;
    for (int i = 0; i < 4000; ++i) made.push_back(random_case(i));
    return made;
  }();
  return cases;
}

}  // namespace

TEST_CASE("log-probabilities of grey levels are integrals of the Gaussian over their bins", "[decoder][ho2020.13]") {
  rounding::Misrounded wrong;
  int i = 0;
  for (const auto& [grey, x, mean, log_scale, exact] : random_cases()) {
    wrong.compare("log P", i, discretized_gaussian_log_likelihood(x, mean, log_scale, grey), exact);
    if (i++ % 10 != 0) continue;  // of bytes on [-1, 1], whose ends are floats too
    const auto x_float = float(x), mean_float = float(mean), log_scale_float = float(log_scale);
    wrong.compare("log P of floats", i, discretized_gaussian_log_likelihood(x_float, mean_float, log_scale_float),
                  Real(log_probability(x_float, mean_float, log_scale_float)));
  }
  wrong.require_none();
}

TEST_CASE("sums over arrays keep 14 digits, or 12 of tiny values", "[decoder][ho2020.13]") {
  for (const auto& [grey, x, mean, log_scale, exact] : random_cases()) {
    const std::vector<double> xs{x}, means{mean}, log_scales{log_scale};
    const double one = discretized_gaussian_log_likelihood(xs, means, log_scale, grey);
    CAPTURE(grey.levels, grey.low, grey.high, x, mean, log_scale, exact, one);
    const double subnormal = std::numeric_limits<double>::denorm_min();
    REQUIRE(abs(one - exact) <= (abs(exact) < 1e-8 ? 1e-12 : 1e-14) * abs(exact) + subnormal);
    REQUIRE(discretized_gaussian_log_likelihood(xs, means, log_scales, grey) == one);
  }
}

TEST_CASE("the digits of probabilities near one are kept in arrays", "[decoder][ho2020.13]") {
  for (int i = 0; i < 1500; ++i) {
    // the edges of a wide bin, and the one edge of a bin at an end, 2 to 9 deviations from the mean, inside
    const int k = i % 3 == 0 ? 0 : i % 3 == 1 ? 255 : int(uniform(1, 255));
    const double x = grey_value({}, k), log_scale = uniform(-9, -6), deviations = uniform(2, 9);
    const double inwards = deviations * std::exp(log_scale), edge = x + (k == 0 || i % 2 == 0 ? 1 : -1) / 255.0;
    const double mean = k == 0     ? edge - inwards
                        : k == 255 ? x - 1 / 255.0 + inwards
                                   : edge + (edge < x ? 1 : -1) * inwards;
    const Real exactly(log_probability(x, mean, log_scale));
    const double value = discretized_gaussian_log_likelihood(std::vector{x}, std::vector{mean}, log_scale);
    CAPTURE(x, mean, log_scale, value, exactly);
    REQUIRE(abs(value - exactly) <= (abs(exactly) < 1e-8 ? 1e-12 : 1e-14) * abs(exactly));
  }
}

TEST_CASE("bytes under N(0, 0.1^2)", "[decoder][ho2020.13]") {
  const double log_scale = std::log(0.1);
  const double expected[][2] = {
      {0.2, -5.46370126373892}, {0.4, -11.4606293006582}, {0.6, -21.4555177205947}, {1, -52.8360431484167}};
  for (const auto& [x, value] : expected) {
    REQUIRE_THAT(discretized_gaussian_log_likelihood(x, 0.0, log_scale), Catch::Matchers::WithinRel(value, 1e-14));
    REQUIRE_THAT(discretized_gaussian_log_likelihood(-x, 0.0, log_scale), Catch::Matchers::WithinRel(value, 1e-14));
  }
}

TEST_CASE("the probabilities of all grey levels sum to one", "[decoder][ho2020.13]") {
  for (const GreyLevels grey : {GreyLevels{}, GreyLevels{17, 0, 16}, GreyLevels{2, -1, 1}}) {
    for (const double log_scale : {-20.0, -8.0, -2.0, 0.0, 5.0, 20.0}) {
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
  REQUIRE(std::abs(in_float / in_double - 1) < 1e-14);
}

TEST_CASE("NaN propagates, and an infinite mean has no probability", "[decoder]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto of = [](double x, double mean, double log_scale) {
    const double one = discretized_gaussian_log_likelihood(x, mean, log_scale);
    const double of_array = discretized_gaussian_log_likelihood(std::vector{x}, std::vector{mean}, log_scale);
    REQUIRE(truth::same(one, of_array));
    return one;
  };
  for (const double value : {of(nan, 0, 0), of(0, nan, 0), of(0, 0, nan), of(1, nan, 0), of(-1, 0, nan)})
    REQUIRE(value != value);
  for (const double mean : {infinity, -infinity}) REQUIRE(of(0, mean, 0) == -infinity);
  REQUIRE(of(1, -infinity, 0) == -infinity);
  REQUIRE(of(1, infinity, 0) == 0);
}

TEST_CASE("what is no grey level is an error", "[decoder]") {
  const auto refused = [&](const auto& x, const auto& mean, const GreyLevels& grey = {}) {
    return message([&] { return discretized_gaussian_log_likelihood(x, mean, 0.0, grey); });
  };
  const std::vector<double> x{0, 1.5}, mean{0, 0}, short_mean{0};
  const std::string start = "diffusion::discretized_gaussian_log_likelihood: ";
  const std::string end = ", expected a grey level, in [grey.low, grey.high]";
  REQUIRE(refused(1.5, 0.0) == start + "x = 1.5" + end);
  REQUIRE(refused(-1.0, 0.0, {256, 0, 1}) == start + "x = -1" + end);
  REQUIRE(refused(x, mean) == start + "x[1] = 1.5" + end);
  const double beyond = 1 + 0.13 * 2 / 255;  // by more than an eighth of a bin
  for (const double value : {-beyond, beyond}) REQUIRE(refused(value, 0.0).ends_with(end));
  REQUIRE(refused(x, short_mean) == start + "mean has 1 elements, expected 2, as x");
  REQUIRE(message([&] { return discretized_gaussian_log_likelihood(mean, mean, short_mean); }) ==
          start + "log_scale has 1 elements, expected 2, as x");
  REQUIRE(refused(0.0, 0.0, {1, -1, 1}) == start + "grey.levels = 1, expected at least 2");
  const double infinity = std::numeric_limits<double>::infinity();
  for (const GreyLevels grey : {GreyLevels{256, -infinity, 1}, GreyLevels{256, -1, infinity}})
    REQUIRE(refused(0.0, 0.0, grey).ends_with("expected a finite number below grey.high"));
  REQUIRE(refused(0.0, 0.0, {256, 1, 1}) == start + "grey.low = 1, expected a finite number below grey.high");
}
