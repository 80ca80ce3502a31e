// SPDX-License-Identifier: MIT
// A std::vector of doubles as a state.
#pragma once

#include <vector>

namespace kind {

using Scalar = double;
inline constexpr std::size_t size = 6, samples = 3;
inline std::vector<double> make(const std::vector<double>& values) {
  return std::vector<double>(values.begin(), values.end());
}
inline std::vector<double> read(const auto& x) { return std::vector<double>(x.begin(), x.end()); }

}  // namespace kind
