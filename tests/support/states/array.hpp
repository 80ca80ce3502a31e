// SPDX-License-Identifier: MIT
// A std::array as a state.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

namespace kind {

using Scalar = double;
inline constexpr std::size_t size = 6, samples = 3;
inline std::array<double, 6> make(const std::vector<double>& values) {
  std::array<double, 6> x{};
  std::copy(values.begin(), values.end(), x.begin());
  return x;
}
inline std::vector<double> read(const auto& x) { return std::vector<double>(x.begin(), x.end()); }

}  // namespace kind
