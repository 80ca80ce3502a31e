// SPDX-License-Identifier: MIT
// A state whose samples are interleaved, as those of a row-major array of columns are.
#pragma once

#include <diffusion/state/state.hpp>
#include <vector>

struct Interleaved {
  std::vector<double> numbers;
};

template <>
struct diffusion::state_traits<Interleaved> {
  using scalar = double;
  using value = Interleaved;
  static std::span<const double> view(const Interleaved& x) { return x.numbers; }
  static std::span<double> elements(Interleaved& x) { return x.numbers; }
  static Interleaved like(const Interleaved& x) { return x; }
  static BatchLayout batch_layout(const Interleaved& x, std::size_t samples) {
    return {samples, x.numbers.size() / samples, true};
  }
};
