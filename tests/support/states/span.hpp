// SPDX-License-Identifier: MIT
// A std::span of constant floats as a state: memory that the library does not own.
#pragma once

#include <deque>
#include <span>
#include <vector>

namespace kind {

using Scalar = float;
inline constexpr std::size_t size = 6, samples = 3;
inline std::span<const float> make(const std::vector<double>& values) {
  static std::deque<std::vector<float>> memory;
  memory.emplace_back(values.begin(), values.end());
  return memory.back();
}
inline std::vector<double> read(const auto& x) { return std::vector<double>(x.begin(), x.end()); }

}  // namespace kind
