// SPDX-License-Identifier: MIT
// The quantile of Student's t distribution that a confidence interval is made of.
//
// Use it for an interval around the mean of a few independent estimates whose variance is estimated, too. Not for
// tails: a probability 1 - coverage near the rounding of a double has no digits.
//
// Accuracy: relative 1e-8 for coverages in [0.1, 0.999999], and 1e-11 below 0.9999. Source: Abramowitz & Stegun
// 1964, 26.7.3 and 26.7.4 for up to 400 degrees of freedom, and 26.7.5 above.
#pragma once

#include <cstddef>

#include "libm.hpp"
#include "require.hpp"

namespace diffusion::numerics {

namespace student_details {

inline constexpr double pi = 0x1.921fb54442d18p+1, root_half = 0x1.6a09e667f3bcdp-1;

/// P(|T| <= t), t >= 0.
inline double central_probability(double t, std::size_t degrees) {
  const double n = static_cast<double>(degrees), cosine_squared = n / (n + t * t), root = libm::sqrt(n + t * t);
  const bool odd = degrees % 2 == 1;
  double term = 1, sum = 0;
  for (std::size_t k = odd ? 3 : 2; k <= degrees; k += 2) {
    sum += term;
    term *= cosine_squared * static_cast<double>(k - 1) / static_cast<double>(k);
  }
  const double sine = t / root;
  return odd ? (libm::atan(t / libm::sqrt(n)) + sine * libm::sqrt(cosine_squared) * sum) * 2 / pi : sine * sum;
}

/// The x >= 0 at which an increasing function reaches `value`, by bisection.
template <class F>
double inverse(const F& increasing, double value) {
  double low = 0, high = 1;
  while (increasing(high) < value) high *= 2;
  for (double middle = high / 2; low < middle && middle < high; middle = low + (high - low) / 2)
    (increasing(middle) < value ? low : high) = middle;
  return high;
}

}  // namespace student_details

/// The t with P(|T| <= t) = coverage for T of Student's distribution: the mean of degrees + 1 normal estimates is
/// within t standard errors of its expectation with this probability. degrees >= 1, coverage in (0, 1).
inline double student_half_width(double coverage, std::size_t degrees) {
  const char* function = "student_half_width";
  require(coverage > 0 && coverage < 1, function, "coverage", coverage, "a number in (0, 1)");
  require(degrees >= 1, function, "degrees", degrees, "at least 1");
  if (degrees <= 400)
    return student_details::inverse([&](double t) { return student_details::central_probability(t, degrees); },
                                    coverage);
  const double z =
      student_details::inverse([](double x) { return 1 - libm::erfc(x * student_details::root_half); }, coverage);
  const double n = static_cast<double>(degrees), x = z * z;
  return z * (1 + (1 + x) / (4 * n) + (3 + x * (16 + x * 5)) / (96 * n * n) +
              (-15 + x * (17 + x * (19 + x * 3))) / (384 * n * n * n) +
              (-945 + x * (-1920 + x * (1482 + x * (776 + x * 79)))) / (92160 * n * n * n * n));
}

}  // namespace diffusion::numerics
