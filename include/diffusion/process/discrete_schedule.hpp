// SPDX-License-Identifier: MIT
// DiscreteSchedule: the levels t = 0..T of a chain x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) eps_t.
//
// Use it for models trained on T steps; t = 0 is clean data and t = T the noisiest. The named schedules are in
// schedules.hpp, continuous time is in continuous_schedules.hpp. A DiscreteSchedule is immutable, and a respaced chain
// is just a choice of its levels (grid.hpp), so nothing here is ever overwritten.
//
// Accuracy: beta(t), alpha(t) and all that the levels return are exact values, rounded once. Construction is linear in
// T; memory is 96 bytes a step. Source: Ho et al. 2020, section 2, eq. 4.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "noise_level.hpp"

namespace diffusion {

template <class Real = double>
class DiscreteSchedule {
 public:
  using Working = numerics::Working<Real>;

  struct Squares {
    Working signal, noise;  // signal^2 and noise^2 of one level
  };

  /// From betas of the user, beta_1 first, taken as exact; each in (0, 1], at least one.
  explicit DiscreteSchedule(std::span<const Real> betas)
      : DiscreteSchedule(from_betas(checked_steps(betas.size()), [&betas](int t) {
          const auto k = static_cast<std::size_t>(t - 1);
          numerics::require_element(betas[k] > Real(0) && betas[k] <= Real(1), "DiscreteSchedule", "betas", k, betas[k],
                                    "a number in (0, 1]");
          return Working(betas[k]);
        })) {}
  explicit DiscreteSchedule(std::initializer_list<Real> betas)
      : DiscreteSchedule(std::span(betas.begin(), betas.size())) {}

  /// The exact product over beta(t), t = 1..steps, given in working precision. [ho2020.alpha_bar]
  template <class BetaOfStep>
  static DiscreteSchedule from_betas(int steps, BetaOfStep beta) {
    DiscreteSchedule schedule(steps);
    for (int t = 1; t <= steps; ++t) schedule.append(Working(beta(t)));
    return schedule;
  }

  /// From squares(t), t = 0..steps, that decrease from signal^2 = 1: beta_t = 1 - signal^2(t) / signal^2(t-1), or
  /// beta_max if that is less. The squares are taken as they are up to the first beta that is cut, and only ratios
  /// after it.
  template <class SquaresOfStep>
  static DiscreteSchedule from_squares(int steps, SquaresOfStep squares, const Working& beta_max = Working(1)) {
    DiscreteSchedule schedule(steps);
    Squares before = squares(0);
    bool cut = false;
    for (int t = 1; t <= steps; ++t) {
      const Squares now = squares(t);
      const Working beta = (before.signal - now.signal) / before.signal;
      cut = cut || beta > beta_max;
      if (!cut) {
        schedule.betas_.push_back(beta);
        schedule.squares_.push_back(now);
      } else {
        schedule.append(beta > beta_max ? beta_max : beta);
      }
      before = now;
    }
    return schedule;
  }

  /// T, the number of steps.
  int steps() const { return static_cast<int>(betas_.size()); }

  /// beta_t for t = 1..T.
  Real beta(int t) const { return numerics::round_to<Real>(working_beta("DiscreteSchedule::beta", t)); }

  /// alpha_t = 1 - beta_t for t = 1..T.
  Real alpha(int t) const {
    return numerics::round_to<Real>(Working(Working(1) - working_beta("DiscreteSchedule::alpha", t)));
  }

  /// The level at t = 0..T; its time() is t.
  NoiseLevel<Real> operator()(int t) const {
    numerics::require(t >= 0 && t <= steps(), "DiscreteSchedule", "t", t, "a step in 0..T");
    const Squares& squares = squares_[static_cast<std::size_t>(t)];
    return NoiseLevel<Real>(squares.signal, squares.noise, Real(t));
  }

 private:
  explicit DiscreteSchedule(int steps) {
    betas_.reserve(static_cast<std::size_t>(steps));
    squares_.reserve(static_cast<std::size_t>(steps) + 1);
    squares_.push_back({Working(1), Working(0)});
  }

  static int checked_steps(std::size_t size) {
    numerics::require(size >= 1 && size <= 0x7fffffff, "DiscreteSchedule", "betas.size()", size, "at least one beta");
    return static_cast<int>(size);
  }

  // noise^2 grows by a sum of positive terms: to take it as 1 - signal^2 would lose digits where it is small.
  void append(const Working& beta) {
    const Squares& last = squares_.back();
    squares_.push_back({last.signal * (Working(1) - beta), last.noise + last.signal * beta});
    betas_.push_back(beta);
  }

  const Working& working_beta(const char* function, int t) const {
    numerics::require(t >= 1 && t <= steps(), function, "t", t, "a step in 1..T");
    return betas_[static_cast<std::size_t>(t - 1)];
  }

  std::vector<Working> betas_;    // beta_1 .. beta_T
  std::vector<Squares> squares_;  // of the levels 0 .. T
};

template <class Real>
DiscreteSchedule(std::span<Real>) -> DiscreteSchedule<std::remove_const_t<Real>>;
template <class Real>
DiscreteSchedule(const std::vector<Real>&) -> DiscreteSchedule<Real>;
template <class Real>  // a vector in braces is a range of betas, not one beta
DiscreteSchedule(std::initializer_list<std::vector<Real>>) -> DiscreteSchedule<Real>;

/// A schedule in discrete time: steps() and a level for every t = 0..steps().
template <class S>
concept DiscreteTimeSchedule = requires(const S& schedule, int t) {
  int(schedule.steps());
  { schedule(t) } -> Level;
};

}  // namespace diffusion
