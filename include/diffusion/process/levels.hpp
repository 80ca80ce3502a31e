// SPDX-License-Identifier: MIT
// One noise level, or a batch with a level for each sample: how every function of levels and arrays takes them.
//
// A batch is any contiguous range of levels (std::span, std::vector, std::array). Sample k of a state is column k in
// Eigen, index k of the first axis in xtensor, the k-th equal part of plain memory.
#pragma once

#include "../state/apply.hpp"
#include "noise_level.hpp"

namespace diffusion {

namespace level_details {

template <class L>
struct BatchReal {};
template <class L>
  requires requires(const L& levels) { std::span(levels); }
struct BatchReal<L> : LevelReal<typename decltype(std::span(std::declval<const L&>()))::value_type> {};

}  // namespace level_details

/// A contiguous range of NoiseLevel<Real>.
template <class L>
concept LevelBatch = requires { typename level_details::BatchReal<L>::type; };

/// One level for all of a state, or a batch of levels for its samples.
template <class L>
concept Levels = Level<L> || LevelBatch<L>;

namespace level_details {

template <class L>
struct RealOf : LevelReal<L> {};
template <LevelBatch L>
struct RealOf<L> : BatchReal<L> {};

}  // namespace level_details

/// The Real of a level or of a batch of levels.
template <Levels L>
using level_real_t = typename level_details::RealOf<L>::type;

namespace level_details {

template <class T>
struct LevelOf {
  using type = NoiseLevel<T>;
};
template <Levels L>
struct LevelOf<L> {
  using type = NoiseLevel<level_real_t<L>>;
};

}  // namespace level_details

/// The level that a callable is given: NoiseLevel<T> of a scalar T, and the level itself of a level or a batch.
template <class T>
using level_of_t = typename level_details::LevelOf<T>::type;

/// Whether s is strictly cleaner than t: SNR_s > SNR_t, with both of them compared exactly. False where one is NaN.
template <Level L>
bool is_cleaner(const L& s, const L& t) {
  return t.working_signal_squared() * s.working_noise_squared() <
         s.working_signal_squared() * t.working_noise_squared();
}

/// Fails unless there is a level, and each is strictly cleaner than the one before it: the order of a grid.
template <LevelBatch L>
void require_noisiest_first(const char* function, const L& levels) {
  const std::size_t count = std::size(levels);
  numerics::require(count >= 1, function, "levels.size()", count, "at least one level");
  for (std::size_t k = 0; k + 1 < count; ++k) {
    if (!is_cleaner(levels[k + 1], levels[k]))
      numerics::require(false, function, "levels: a log-SNR", levels[k + 1].log_snr(),
                        "more than the one before: noisiest first");
  }
}

/// Where a formula of one level is evaluated: at `level`, or at each level of a batch.
template <Levels L>
struct At {
  static constexpr bool batch = LevelBatch<L>;
  const L& level;

  static constexpr bool may_fail = false;

  void check(const char*) const {}
  std::size_t size() const { return std::size(level); }
  template <class F>
  auto operator()(F formula, std::size_t k = 0) const {
    if constexpr (batch)
      return formula(level[k]);
    else
      return formula(level);
  }
};
template <class L>
At(const L&) -> At<L>;

/// Where a formula of two levels is evaluated: between s and t, or between s[k] and t[k] for each sample of a batch.
template <Levels S, Levels T>
  requires(Level<S> == Level<T>)
struct Between {
  static constexpr bool batch = LevelBatch<S>;
  static constexpr bool may_fail = true;  // the levels may be in the wrong order
  const S& s;
  const T& t;

  void check(const char* function) const {
    if constexpr (batch)
      if (std::size(s) != std::size(t)) numerics::fail_size(function, "t", std::size(t), std::size(s), "s");
  }
  std::size_t size() const { return std::size(s); }
  template <class F>
  auto operator()(F formula, std::size_t k = 0) const {
    if constexpr (batch)
      return formula(s[k], t[k]);
    else
      return formula(s, t);
  }
};
template <class S, class T>
Between(const S&, const T&) -> Between<S, T>;

/// The row that `row` returns at the levels of `place`, applied to the states: one row, or one for each sample.
template <class Place, class Row, class Out, class... X>
auto apply_at(const char* function, const Place& place, Row row, Out& out, const Named<X>&... states) {
  place.check(function);
  if constexpr (Place::batch && Place::may_fail && !std::same_as<Out, NewState>)
    for (std::size_t k = 0; k < place.size(); ++k) (void)place(row, k);  // fail before anything is written
  if constexpr (Place::batch)
    return apply_rows(function, place.size(), [&](std::size_t k) { return place(row, k); }, out, states...);
  else
    return apply_row(function, place(row), out, states...);
}

}  // namespace diffusion
