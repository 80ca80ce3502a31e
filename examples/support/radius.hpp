// SPDX-License-Identifier: MIT
// How far from its mean a normal vector is: the law of the radius in closed form, for an even number of dimensions.
#pragma once

#include <cmath>

namespace examples {

/// P(||eps|| <= r) for eps ~ N(0, I) in d dimensions, d even: the chance that a Poisson number of mean r^2 / 2 is at
/// least d / 2.
inline double probability_within(double r, int d) {
  if (!(r > 0)) return 0;
  const double mean = r * r / 2;
  const auto term = [&](int k) { return std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0)); };
  double sum = 0;
  if (mean < d / 2) {  // from the largest term of the sum down, on the side of the mean that d / 2 is not
    for (int k = d / 2; term(k) > 1e-18 * sum; ++k) sum += term(k);
    return sum;
  }
  for (int k = d / 2 - 1; k >= 0 && term(k) > 1e-18 * sum; --k) sum += term(k);
  return 1 - sum;
}

/// The density of ||eps||.
inline double radius_density(double r, int d) {
  return r > 0 ? std::exp((d - 1) * std::log(r) - r * r / 2 - (d / 2.0 - 1) * std::log(2.0) - std::lgamma(d / 2.0)) : 0;
}

}  // namespace examples
