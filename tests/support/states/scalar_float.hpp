// SPDX-License-Identifier: MIT
// A float as a state.
#pragma once

#include <vector>

namespace kind {

using Scalar = float;
inline constexpr std::size_t size = 1, samples = 1;
inline float make(const std::vector<double>& values) { return static_cast<float>(values.at(0)); }
inline std::vector<double> read(float x) { return {static_cast<double>(x)}; }

}  // namespace kind
