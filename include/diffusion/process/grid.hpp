// SPDX-License-Identifier: MIT
// Grids of levels for a sampler: noisiest first, the level to end on last.
//
// Use level_grid(schedule) for all T steps, level_grid(schedule, trailing_steps(T, n)) for n of them. The steps are
// found in integer arithmetic, are strictly decreasing and are exactly n for every n from 1 to T. There is no rule for
// a "previous step": a sampler goes from each level of the grid to the next, and the network is told the original time
// of each.
//
// Exact. Source: the spacings of Lin et al. 2023, table 2 (leading, linspace, trailing).
#pragma once

#include "discrete_schedule.hpp"

namespace diffusion {

namespace grid_details {

inline void require_count(const char* function, int steps, int n) {
  numerics::require(steps >= 1, function, "steps", steps, "at least 1");
  numerics::require(n >= 1 && n <= steps, function, "n", n, "a number of steps in 1..T");
}

/// numerator / denominator to the nearest integer, ties to even.
inline int rounded_quotient(long long numerator, long long denominator) {
  const long long floor = numerator / denominator, twice_rest = 2 * (numerator % denominator);
  return static_cast<int>(floor + (twice_rest > denominator || (twice_rest == denominator && floor % 2 != 0)));
}

}  // namespace grid_details

/// n of the steps 1..steps, T, T - T/n, T - 2 T/n, ..., rounded: starts at the noisiest, the choice of Lin et al. 2023.
inline std::vector<int> trailing_steps(int steps, int n) {
  grid_details::require_count("trailing_steps", steps, n);
  std::vector<int> grid;
  for (int k = n; k >= 1; --k) grid.push_back(grid_details::rounded_quotient(static_cast<long long>(k) * steps, n));
  return grid;
}

/// n of the steps 1..steps, multiples of floor(T / n) plus 1: ends at step 1, and starts below T unless n = T.
inline std::vector<int> leading_steps(int steps, int n) {
  grid_details::require_count("leading_steps", steps, n);
  std::vector<int> grid;
  for (int k = n - 1; k >= 0; --k) grid.push_back(k * (steps / n) + 1);
  return grid;
}

/// n of the steps 1..steps, evenly from T to 1, both included; T alone for n = 1.
inline std::vector<int> linspace_steps(int steps, int n) {
  grid_details::require_count("linspace_steps", steps, n);
  if (n == 1) return {steps};
  std::vector<int> grid;
  for (int k = n - 1; k >= 0; --k)
    grid.push_back(1 + grid_details::rounded_quotient(static_cast<long long>(k) * (steps - 1), n - 1));
  return grid;
}

/// The levels of the given steps, noisiest first, and clean data after them. The steps are strictly decreasing in 1..T.
template <DiscreteTimeSchedule S>
auto level_grid(const S& schedule, std::span<const int> steps) {
  std::vector<decltype(schedule(0))> levels;
  levels.reserve(steps.size() + 1);
  numerics::require(!steps.empty(), "level_grid", "steps.size()", steps.size(), "at least one step");
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const int bound = k == 0 ? schedule.steps() + 1 : steps[k - 1];
    numerics::require(steps[k] >= 1 && steps[k] < bound, "level_grid", "steps", steps[k],
                      "strictly decreasing steps in 1..T");
    levels.push_back(schedule(steps[k]));
  }
  levels.push_back(schedule(0));
  return levels;
}

/// All levels T, T - 1, ..., 0 of a discrete schedule.
template <DiscreteTimeSchedule S>
auto level_grid(const S& schedule) {
  return level_grid(schedule, trailing_steps(schedule.steps(), schedule.steps()));
}

}  // namespace diffusion
