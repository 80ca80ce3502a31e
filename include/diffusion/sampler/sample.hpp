// SPDX-License-Identifier: MIT
// sample(): the one loop that turns noise into data, for every sampler, denoiser and kind of state.
//
// A sampler is a value with step(denoiser, s, t, x, x_0_hat, draw, history): it moves x from level t to the cleaner
// level s, leaves the x_0 estimate that it used in x_0_hat, and calls draw() only if it needs noise. Multistep samplers
// keep what they remember in a nested `template <class X> struct History`. A new sampler is one header in this folder
// and edits none.
//
// Where states are small, or a grid of levels is used more than once, see plan.hpp: coefficients are then computed
// once. Nothing is allocated in the loop where noise and network can write into memory that is there: writes(f) of
// model/estimate.hpp.
//
// Source: Ho et al. 2020, algorithm 2.
#pragma once

#include "../model/estimate.hpp"
#include "../numerics/loop.hpp"
#include "../random/noise.hpp"

namespace diffusion {

struct NoHistory {};

/// One step of a plan: from t to s, with what was computed of the two levels, and the row of the network's prediction
/// at t. It stands for s and t in step(denoiser, planned, x, x_0_hat, draw, history) of a sampler that has
/// coefficients(s, t).
template <class Real, class Coefficients, class Row>
struct PlannedStep {
  const NoiseLevel<Real>&s, &t;
  const Coefficients& coefficients;
  const Row& row;
};

/// A source of noise that can also write where it is told: noise(k, x, into(out)).
template <class N, class X>
concept WritingNoise = requires(N& noise, int k, const value_t<X>& x, Into<value_t<X>&> out) { noise(k, x, out); };

/// A source of noise by address: noise.at(k) is an ElementSource, which a step takes in pieces.
template <class N, class X>
concept AddressedNoise = requires(const N& noise, int k) {
  { noise.at(k) } -> ElementSource<value_t<X>>;
};

namespace sample_details {

template <class S, class X>
struct HistoryOf {
  using type = NoHistory;
};
template <class S, class X>
  requires requires { typename S::template History<X>; }
struct HistoryOf<S, X> {
  using type = typename S::template History<X>;
};

template <class X>
struct Draw {
  X operator()() const;
};

/// What the draws of a run have in common: a state that noise is written to, and the noise of steps to come.
template <class N, class V>
struct DrawRoom {
  static constexpr bool writes = WritingNoise<N, V>;
  static constexpr bool ahead = std::same_as<std::remove_cvref_t<N>, NormalNoise> && AddressedNoise<N, V>;
  std::conditional_t<writes, V, NoHistory> z{};
  bool shaped = false;
  std::size_t size = 1;
  typename std::conditional_t<ahead, std::type_identity<NormalsAhead<scalar_t<V>>>, std::type_identity<NoHistory>>::type
      normals;

  explicit DrawRoom(const V& x) {
    if constexpr (StoredState<V>) size = state_traits<V>::view(x).size();
  }
};

/// The noise of one step, when the step asks for it: as a state, written where the source can write, or, where the
/// source is addressed, by elements.
template <class N, class V>
struct DrawFrom {
  N& noise;
  int k, steps;
  const V& x;
  DrawRoom<N, V>& room;

  decltype(auto) operator()() const {
    if constexpr (WritingNoise<N, V>) {
      if (!room.shaped) room.z = x;
      room.shaped = true;
      noise(k, x, Into<V&>{room.z});
      return static_cast<const V&>(room.z);
    } else {
      return static_cast<V>(noise(k, x));
    }
  }
  template <class T>
    requires AddressedNoise<N, V>
  const T* elements(std::size_t first, std::span<T> out) const {
    if constexpr (DrawRoom<N, V>::ahead)
      if (room.size <= room.normals.most) return room.normals(noise, k, steps, room.size) + first;
    return noise.at(k).elements(first, out);
  }
};

}  // namespace sample_details

/// What a sampler remembers of earlier steps.
template <class S, class X>
using sampler_history_t = typename sample_details::HistoryOf<S, X>::type;

/// A rule for one step from a level to a cleaner one.
template <class S, class D, class X, class L = double>
concept Sampler = requires(const S& sampler, D& denoiser, const level_of_t<L>& level, value_t<X>& x,
                           const sample_details::Draw<value_t<X>>& draw, sampler_history_t<S, value_t<X>>& history) {
  sampler.step(denoiser, level, level, x, x, draw, history);
};

/// What an observer sees after step k = 0..steps-1: x is now at `to`; x_0_hat is the estimate made at `from`.
template <class X, class Real>
struct Progress {
  int step, steps;
  const NoiseLevel<Real>&from, &to;
  const X &x, &x_0_hat;
};

namespace sample_details {

/// The loop. step(k, x, x_0_hat, draw) moves x from levels[k] to levels[k + 1].
template <class D, class L, class X, class N, class Observer, class Step>
value_t<X> run(const L& levels, const X& x_start, N& noise, Observer& observer, const Step& step) {
  using V = value_t<X>;
  using Real = level_real_t<L>;
  using Verdict = std::invoke_result_t<Observer&, const Progress<V, Real>&>;
  static_assert(std::same_as<Verdict, Loop> || std::same_as<Verdict, void>,
                "an observer returns Loop::proceed, Loop::stop or nothing");
  const std::size_t count = std::size(levels);
  if constexpr (requires { requires prediction_t<D>::needs_signal; })
    numerics::require(levels[0].working_signal_squared() > numerics::Working<Real>(0), "sample", "levels: a signal",
                      levels[0].signal(), "more than 0 for a prediction of noise or score: predict v or x_0");
  NewState fresh;
  V x = apply_row("sample", std::array{sum_t<X>(1)}, fresh, Named{"x", x_start});
  V x_0_hat = x;
  DrawRoom<N, V> room(x);
  for (std::size_t k = 0; k + 1 < count; ++k) {
    step(k, x, x_0_hat, DrawFrom<N, V>{noise, static_cast<int>(k), static_cast<int>(count - 1), x, room});
    const Progress<V, Real> progress{
        static_cast<int>(k), static_cast<int>(count - 1), levels[k], levels[k + 1], x, x_0_hat};
    if constexpr (std::same_as<Verdict, Loop>) {
      if (observer(progress) == Loop::stop) break;
    } else {
      observer(progress);
    }
  }
  return x;
}

}  // namespace sample_details

/// Takes x from levels.front() to levels.back(), one sampler step from each level to the next; returns x there, or
/// where the observer stopped. levels: noisiest first, strictly cleaner from one to the next, at least one. noise(k, x)
/// is called for step k only if the step needs noise, which none does that ends at clean data. [ho2020.alg2]
template <class S, State X, class D, LevelBatch L, NoiseSource<X> N, class Observer = NoObserver>
  requires Denoiser<D, X, L> && Sampler<S, D, X, L>
value_t<X> sample(const S& sampler, D&& denoiser, const L& levels, const X& x_start, N&& noise,
                  Observer&& observer = {}) {
  require_noisiest_first("sample", levels);
  sampler_history_t<S, value_t<X>> history{};
  return sample_details::run<D>(levels, x_start, noise, observer,
                                [&](std::size_t k, auto& x, auto& x_0_hat, const auto& draw) {
                                  sampler.step(denoiser, levels[k + 1], levels[k], x, x_0_hat, draw, history);
                                });
}

}  // namespace diffusion
