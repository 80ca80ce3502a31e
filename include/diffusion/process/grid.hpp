// SPDX-License-Identifier: MIT
// Grids of levels for a sampler: noisiest first, the level to end on last.
//
// Use level_grid(schedule) for all T steps, level_grid(schedule, n) for n of them, level_grid(schedule, steps) for a
// spacing of the names below or of your own; for a schedule in continuous time level_grid(schedule, n). The steps are
// found in integer arithmetic, are strictly decreasing and are exactly n for every n from 1 to T. There is no rule for
// a "previous step": a sampler goes from each level of the grid to the next, and the network is told the original time
// of each.
//
// Exact. Source: Lin et al. 2023, table 2 (leading, linspace, trailing); Song et al. 2020, appendix D.2 (quadratic).
#pragma once

#include "continuous_schedules.hpp"
#include "discrete_schedule.hpp"

namespace diffusion {

namespace grid_details {

inline void require_count(const char* function, int steps, int n) {
  numerics::require(steps >= 1, function, "steps", steps, "at least 1");
  numerics::require(n >= 1 && n <= steps, function, "n", n, "a number of steps in 1..T");
}

/// a b / c to the nearest integer, ties to even, for a b / c < 2^31 and 0 < c < 2^62; the product may have 128 bits.
inline int rounded_quotient(numerics::Limb a, numerics::Limb b, numerics::Limb c) {
  const numerics::LimbPair product = numerics::multiply_limbs(a, b);
  const int shift = std::countl_zero(c);
  const numerics::LimbPair result =
      numerics::divide_limbs((product.high << shift) | (product.low >> (64 - shift)), product.low << shift, c << shift);
  const numerics::Limb floor = result.low, twice_rest = 2 * (result.high >> shift);
  return static_cast<int>(floor + numerics::Limb(twice_rest > c || (twice_rest == c && floor % 2 != 0)));
}

}  // namespace grid_details

/// n of the steps 1..steps, T, T - T/n, T - 2 T/n, ..., rounded: starts at the noisiest. [lin2023.table2]
inline std::vector<int> trailing_steps(int steps, int n) {
  grid_details::require_count("trailing_steps", steps, n);
  std::vector<int> grid;
  const auto last = static_cast<numerics::Limb>(steps), count = static_cast<numerics::Limb>(n);
  for (numerics::Limb k = count; k >= 1; --k) grid.push_back(grid_details::rounded_quotient(k, last, count));
  return grid;
}

/// n of the steps 1..steps, multiples of floor(T / n) plus 1: ends at step 1, and starts below T unless n = T.
/// [lin2023.table2]
inline std::vector<int> leading_steps(int steps, int n) {
  grid_details::require_count("leading_steps", steps, n);
  std::vector<int> grid;
  for (int k = n - 1; k >= 0; --k) grid.push_back(k * (steps / n) + 1);
  return grid;
}

/// n of the steps 1..steps, evenly from T to 1, both included; T alone for n = 1. [lin2023.table2]
inline std::vector<int> linspace_steps(int steps, int n) {
  grid_details::require_count("linspace_steps", steps, n);
  if (n == 1) return {steps};
  std::vector<int> grid;
  const auto last = static_cast<numerics::Limb>(steps - 1), count = static_cast<numerics::Limb>(n - 1);
  for (numerics::Limb k = count + 1; k-- > 0;) grid.push_back(1 + grid_details::rounded_quotient(k, last, count));
  return grid;
}

/// n of the steps 1..steps, k^2 T / n^2 for k = n, ..., 1, rounded: dense at the clean end. Where that is less than k,
/// it is k. [ddim2020.quadratic]
inline std::vector<int> quadratic_steps(int steps, int n) {
  grid_details::require_count("quadratic_steps", steps, n);
  std::vector<int> grid;
  const auto last = static_cast<numerics::Limb>(steps), count = static_cast<numerics::Limb>(n);
  for (numerics::Limb k = count; k >= 1; --k) {
    const int t = grid_details::rounded_quotient(k * k, last, count * count), least = static_cast<int>(k);
    grid.push_back(t < least ? least : t);
  }
  return grid;
}

/// The levels of the given steps, noisiest first, and clean data after them. The steps are strictly decreasing in 1..T.
/// Transitions and posteriors between them are those of the respaced chain. [nichol2021.respaced]
template <DiscreteTimeSchedule S>
auto level_grid(const S& schedule, const std::vector<int>& steps) {
  std::vector<decltype(schedule(0))> levels;
  levels.reserve(steps.size() + 1);
  numerics::require(!steps.empty(), "level_grid", "steps.size()", steps.size(), "at least one step");
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const int bound = k == 0 ? schedule.steps() + 1 : steps[k - 1];
    numerics::require_element(steps[k] >= 1 && steps[k] < bound, "level_grid", "steps", k, steps[k],
                              "strictly decreasing steps in 1..T");
    levels.push_back(schedule(steps[k]));
  }
  levels.push_back(schedule(0));
  return levels;
}

/// n steps. Of a discrete schedule, 1 <= n <= T, in the spacing that starts at T, and clean data after them. In
/// continuous time the n + 1 levels of t = 1, (n - 1) / n, ..., 0: it ends where the schedule does, at clean data or
/// not. (A template, so that {500} is a list of one step and not a number of steps.)
template <class S, std::same_as<int> N>
  requires DiscreteTimeSchedule<S> || ContinuousTimeSchedule<S>
auto level_grid(const S& schedule, N n) {
  if constexpr (DiscreteTimeSchedule<S>) {
    return level_grid(schedule, trailing_steps(schedule.steps(), n));
  } else {
    using Level = decltype(schedule(0.5));
    using Real = typename level_details::LevelReal<Level>::type;
    numerics::require(n >= 1, "level_grid", "n", n, "at least 1");
    std::vector<Level> levels;
    levels.reserve(static_cast<std::size_t>(n) + 1);
    for (int k = n; k >= 0; --k) levels.push_back(schedule(Real(k) / Real(n)));
    return levels;
  }
}

/// All levels T, T - 1, ..., 0 of a discrete schedule.
template <DiscreteTimeSchedule S>
auto level_grid(const S& schedule) {
  return level_grid(schedule, schedule.steps());
}

}  // namespace diffusion
