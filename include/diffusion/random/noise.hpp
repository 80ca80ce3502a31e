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
    const Registers registers = widest();
    const std::size_t run = groups_in(registers) * size;
    const auto at = static_cast<std::uint32_t>(step);
    std::uint64_t group = first_element / size;
    std::size_t done = 0, skip = static_cast<std::size_t>(first_element % size);
    while (done < out.size()) {
      const std::size_t left = out.size() - done, runs = skip == 0 ? left / run : 0;
      if (runs > 0) {
        vector_normals::fill(registers, seed, stream, at, group, runs, out.data() + done);
        group += runs * groups_in(registers);
        done += runs * run;
      } else {  // the ends of the span lie within a run
        F whole[groups_in(Registers::avx512) * size];
        vector_normals::fill(registers, seed, stream, at, group, 1, whole);
        const std::size_t used = run - skip < left ? run - skip : left;
        for (std::size_t i = 0; i < used; ++i) out[done + i] = whole[skip + i];
        group += groups_in(registers);
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

}  // namespace diffusion
