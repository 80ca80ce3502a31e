// SPDX-License-Identifier: MIT
// NormalNoise: standard normals addressed by (seed, stream, step, element), the noise of every sampler and training
// step.
//
// Use it as the `noise` argument of sample(), or call it with a step and a state of the shape that is wanted. A value
// is a pure function of its address: the same for any batch size, chunking, number of threads, kind of array, compiler
// and standard library. Elements count sample by sample: column by column in Eigen, in row-major order in xtensor,
// whatever the storage order. float and double states have different numbers, made of the same random bits. These
// numbers are part of the library's contract: a change of them is a change of its major version.
//
// Accuracy: see box_muller.hpp. Period: 2^64 elements of 2^32 steps of 2^32 streams of 2^64 seeds.
// Source: philox.hpp, box_muller.hpp.
#pragma once

#include "../state/state.hpp"
#include "vector_normals.hpp"

namespace diffusion {

/// noise(k, x): standard normals for step k, shaped like x.
template <class N, class X>
concept NoiseSource = requires(N& noise, int k, const value_t<X>& x) {
  { noise(k, x) } -> CompatibleState<X>;
};

struct StepNormals;

struct NormalNoise {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  /// The address of the first element of a state: a part of a larger state, or of a batch, draws what is its own.
  std::uint64_t first_element = 0;

  /// Writes the normals of elements first_element, first_element + 1, ... of one step.
  template <class F, std::size_t extent>
    requires(std::same_as<F, float> || std::same_as<F, double>)
  void fill(int step, std::span<F, extent> out) const noexcept {
    using namespace vector_normals;
    constexpr std::size_t size = group_size<F>;
    const InstructionSet set = numerics::widest();
    const std::size_t run = groups_in(set) * size;
    const auto at = static_cast<std::uint32_t>(step);
    std::uint64_t group = first_element / size;
    std::size_t done = 0, skip = static_cast<std::size_t>(first_element % size);
    while (done < out.size()) {
      const std::size_t left = out.size() - done, runs = skip == 0 ? left / run : 0;
      if (runs > 0) {
        vector_normals::fill(set, {seed, stream, at, group, runs * groups_in(set)}, runs, out.data() + done);
        group += runs * groups_in(set);
        done += runs * run;
      } else {  // the ends of the span lie within a run
        F whole[groups_in(InstructionSet::avx512) * size];
        vector_normals::fill(set, {seed, stream, at, group, groups_in(set)}, 1, whole);
        const std::size_t used = run - skip < left ? run - skip : left;
        for (std::size_t i = 0; i < used; ++i) out[done + i] = whole[skip + i];
        group += groups_in(set);
        done += used;
        skip = 0;
      }
    }
  }

  /// Normals for step k = 0, 1, ..., shaped like x; what sample() calls. X is float, double or a stored state of them.
  template <State X>
    requires(NormedState<X> && (std::same_as<scalar_t<X>, float> || std::same_as<scalar_t<X>, double>))
  value_t<X> operator()(int step, const X& like) const {
    auto result = [&] {
      if constexpr (StoredState<X>)
        return state_traits<X>::like(like);
      else
        return X(0);
    }();
    write(step, result);
    return result;
  }

  /// The same, written into a state of the caller's of the shape of the second argument. What sample() calls where it
  /// can: nothing is allocated, unless elements have to be put into another order.
  template <State X>
    requires(NormedState<X> && (std::same_as<scalar_t<X>, float> || std::same_as<scalar_t<X>, double>))
  void operator()(int step, const value_t<X>&, Into<X&> out) const {
    write(step, out.target);
  }

  /// The normals of step k as the z of a step of a sampler, which makes them in the pass that uses them: they are never
  /// in memory as a whole, and cost little more than their computation. The bits are those of noise(k, x).
  StepNormals at(int step) const noexcept;

  /// The noise that sampling starts from, x_T ~ N(0, I): step -1 of this address.
  template <State X>
  value_t<X> initial(const X& like) const {
    return (*this)(-1, like);
  }

 private:
  template <class X>
  void write(int step, X& x) const {
    if constexpr (!StoredState<X>) {
      fill(step, std::span<X, 1>(&x, 1));
    } else if constexpr (requires { requires !std::same_as<typename state_traits<X>::canonical, X>; }) {
      typename state_traits<X>::canonical ordered = x;
      fill(step, state_traits<decltype(ordered)>::elements(ordered));
      x = ordered;
    } else {
      fill(step, state_traits<X>::elements(x));
    }
  }
};

/// The elements of one step of a NormalNoise.
struct StepNormals {
  NormalNoise noise;
  int step;

  template <class F, std::size_t extent>
    requires(std::same_as<F, float> || std::same_as<F, double>)
  const F* elements(std::size_t first, std::span<F, extent> room) const noexcept {
    NormalNoise part = noise;
    part.first_element += first;
    part.fill(step, room);
    return room.data();
  }
};
inline StepNormals NormalNoise::at(int step) const noexcept { return {*this, step}; }

/// The noise of a loop over small states: made for several steps at a time, because a run of numbers is longer than a
/// small state, and takes the longest when it is alone.
template <class F>
class NormalsAhead {
  static constexpr std::size_t size = vector_normals::group_size<F>, room = 4096 / sizeof(F);

 public:
  /// States of so many elements are small.
  static constexpr std::size_t most = room / 4 - size;

  /// The normals of elements 0..elements-1 of a step; those of the steps up to `steps` may be wanted later.
  const F* operator()(const NormalNoise& noise, int step, int steps, std::size_t elements) noexcept {
    const std::size_t skip = static_cast<std::size_t>(noise.first_element % size),
                      groups = (skip + elements + size - 1) / size;
    if (step < first_ || step >= end_) {
      const std::size_t fit = room / size / groups, left = static_cast<std::size_t>(steps - step);
      const std::size_t count = fit < left ? fit : left;
      const auto set = numerics::widest();
      const std::size_t in_run = vector_normals::groups_in(set);
      vector_normals::fill(
          set, {noise.seed, noise.stream, static_cast<std::uint32_t>(step), noise.first_element / size, groups},
          (count * groups + in_run - 1) / in_run, made_);
      first_ = step;
      end_ = step + static_cast<int>(count);
    }
    return made_ + static_cast<std::size_t>(step - first_) * groups * size + skip;
  }

 private:
  int first_ = 0, end_ = 0;
  alignas(64) F made_[room];
};

}  // namespace diffusion
