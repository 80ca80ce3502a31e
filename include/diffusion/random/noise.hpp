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
#include "box_muller.hpp"
#include "philox.hpp"

namespace diffusion {

/// noise(k, x): standard normals for step k, shaped like x.
template <class N, class X>
concept NoiseSource = requires(N& noise, int k, const value_t<X>& x) {
  { noise(k, x) } -> CompatibleState<X>;
};

namespace noise_details {

inline PhiloxCounter block(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t index) noexcept {
  return philox4x32({std::uint32_t(index), std::uint32_t(index >> 32), step, stream},
                    {std::uint32_t(seed), std::uint32_t(seed >> 32)});
}

/// The order of elements: four blocks make one group, and run in parallel; a group is 16 floats or 8 doubles.
template <class F>
struct Group {
  static constexpr std::size_t lanes = 4, slots = sizeof(F) == 4 ? 4 : 2, size = lanes * slots;
};

/// The group that starts at element group * Group<F>::size.
inline void fill_group(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                       float (&out)[16]) noexcept {
  for (std::size_t lane = 0; lane < 4; ++lane) {
    const PhiloxCounter bits = block(seed, stream, step, 4 * group + lane);
    const NormalPair<float> a = box_muller(bits[0], bits[1]), b = box_muller(bits[2], bits[3]);
    out[lane] = a.first;
    out[4 + lane] = a.second;
    out[8 + lane] = b.first;
    out[12 + lane] = b.second;
  }
}
inline void fill_group(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                       double (&out)[8]) noexcept {
  for (std::size_t lane = 0; lane < 4; ++lane) {
    const PhiloxCounter bits = block(seed, stream, step, 4 * group + lane);
    const NormalPair<double> a =
        box_muller(bits[0] | std::uint64_t(bits[1]) << 32, bits[2] | std::uint64_t(bits[3]) << 32);
    out[lane] = a.first;
    out[4 + lane] = a.second;
  }
}

}  // namespace noise_details

struct NormalNoise {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  /// The address of the first element of a state: a part of a larger state, or of a batch, draws what is its own.
  std::uint64_t first_element = 0;

  /// Writes the normals of elements first_element, first_element + 1, ... of one step.
  template <class F, std::size_t extent>
    requires(std::same_as<F, float> || std::same_as<F, double>)
  void fill(int step, std::span<F, extent> out) const noexcept {
    constexpr std::size_t size = noise_details::Group<F>::size;
    std::size_t done = 0;
    while (done < out.size()) {
      const std::uint64_t element = first_element + done;
      const std::size_t skip = static_cast<std::size_t>(element % size);
      F group[size];
      noise_details::fill_group(seed, stream, static_cast<std::uint32_t>(step), element / size, group);
      for (std::size_t i = skip; i < size && done < out.size(); ++i) out[done++] = group[i];
    }
  }

  /// Normals for step k = 0, 1, ..., shaped like x; what sample() calls. X is float, double or a stored state of them.
  template <State X>
    requires(NormedState<X> && (std::same_as<scalar_t<X>, float> || std::same_as<scalar_t<X>, double>))
  value_t<X> operator()(int step, const X& like) const {
    using F = scalar_t<X>;
    if constexpr (StoredState<X>) {
      using V = value_t<X>;
      V result = state_traits<X>::like(like);
      if constexpr (requires { requires !std::same_as<typename state_traits<V>::canonical, V>; }) {
        typename state_traits<V>::canonical ordered = result;
        fill(step, state_traits<decltype(ordered)>::elements(ordered));
        result = ordered;
      } else {
        fill(step, state_traits<V>::elements(result));
      }
      return result;
    } else {
      F result[1];
      fill(step, std::span<F>(result));
      return result[0];
    }
  }

  /// The noise that sampling starts from, x_T ~ N(0, I): step -1 of this address.
  template <State X>
  value_t<X> initial(const X& like) const {
    return (*this)(-1, like);
  }
};

}  // namespace diffusion
