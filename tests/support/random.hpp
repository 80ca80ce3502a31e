// SPDX-License-Identifier: MIT
// Random arguments for property tests: one engine with a fixed seed for each test program.
#pragma once

#include <cmath>
#include <random>

namespace random_arguments {

inline std::mt19937_64 engine(20260101);

/// Uniform in [low, high).
inline double uniform(double low, double high) { return low + (high - low) * std::ldexp(double(engine() >> 11), -53); }

/// Of uniform logarithm in [low, high).
inline double log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }

}  // namespace random_arguments
