// SPDX-License-Identifier: MIT
// A double as a state.
#pragma once

#include <vector>

namespace kind {

using Scalar = double;
inline constexpr std::size_t size = 1, samples = 1;
inline double make(const std::vector<double>& values) { return static_cast<double>(values.at(0)); }
inline std::vector<double> read(double x) { return {static_cast<double>(x)}; }

}  // namespace kind
