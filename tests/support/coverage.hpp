// SPDX-License-Identifier: MIT
// Whether the standard error of an estimator is true: its 95 % intervals are counted over 1000 repetitions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "catch.hpp"

namespace coverage {

/// Requires of 1000 estimates of `truth`, with seeds of their own, that 925 to 972 of their 95 % intervals hold it:
/// more or fewer of a binomial number of mean 950 once in 2000 times. And that there is no bias: the mean of all is
/// within 3.3 standard deviations of the truth, which fails once in 1000. The seeds are fixed.
template <class Estimate>
void require(double truth, const Estimate& estimate) {
  const int repetitions = 1000;
  int covered = 0;
  double sum = 0, squares = 0;
  for (int i = 0; i < repetitions; ++i) {
    const auto result = estimate(std::uint64_t(1000 + i));
    const double error = result.total() - truth;
    covered += std::abs(error) <= result.half_width(0.95) ? 1 : 0;
    sum += error;
    squares += error * error;
  }
  CAPTURE(truth, covered, sum / repetitions, std::sqrt(squares / repetitions));
  CHECK(std::abs(sum) < 3.3 * std::sqrt(squares));
  CHECK(covered >= 925);
  CHECK(covered <= 972);
}

}  // namespace coverage
