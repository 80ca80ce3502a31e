// SPDX-License-Identifier: MIT
// Runs of normals in vector registers: the numbers of box_muller.hpp and philox.hpp, many at a time.
//
// Use it through noise.hpp. With g++ and clang on x86-64 there is a version for registers of 128, 256 and 512 bits, all
// of them compiled whatever the flags; the widest that the processor has is chosen when the program runs. Elsewhere the
// numbers are made one by one. All make the same bits.
#pragma once

#include "box_muller.hpp"
#include "philox.hpp"

namespace diffusion::vector_normals {

/// The order of elements: four blocks of Philox make one group, of 16 floats or 8 doubles. Element lane + 4 slot of a
/// group is number `slot` of block 4 group + lane.
template <class F>
inline constexpr std::size_t group_size = sizeof(F) == 4 ? 16 : 8;

/// The words of a block by its address.
inline PhiloxCounter block(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t index) noexcept {
  return philox4x32({std::uint32_t(index), std::uint32_t(index >> 32), step, stream},
                    {std::uint32_t(seed), std::uint32_t(seed >> 32)});
}

namespace one_by_one {

inline void normals(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                    std::size_t groups, float* out) noexcept {
  for (; groups > 0; --groups, ++group, out += 16)
    for (std::size_t lane = 0; lane < 4; ++lane) {
      const PhiloxCounter bits = block(seed, stream, step, 4 * group + lane);
      const NormalPair<float> a = box_muller(bits[0], bits[1]), b = box_muller(bits[2], bits[3]);
      out[lane] = a.first;
      out[4 + lane] = a.second;
      out[8 + lane] = b.first;
      out[12 + lane] = b.second;
    }
}
inline void normals(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
                    std::size_t groups, double* out) noexcept {
  for (; groups > 0; --groups, ++group, out += 8)
    for (std::size_t lane = 0; lane < 4; ++lane) {
      const PhiloxCounter bits = block(seed, stream, step, 4 * group + lane);
      const NormalPair<double> pair =
          box_muller(bits[0] | std::uint64_t(bits[1]) << 32, bits[2] | std::uint64_t(bits[3]) << 32);
      out[lane] = pair.first;
      out[4 + lane] = pair.second;
    }
}

}  // namespace one_by_one

#if defined(__GNUC__) && defined(__x86_64__)
#ifdef __AVX__
#define DIFFUSION_VEX "v"
#else
#define DIFFUSION_VEX
#endif
#define DIFFUSION_REGISTER "x"
#define DIFFUSION_LANES 4
namespace sse2 {
#include "box_muller.inl"
}
#undef DIFFUSION_LANES
#undef DIFFUSION_VEX

#define DIFFUSION_VEX "v"
#define DIFFUSION_LANES 8
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#include "box_muller.inl"
}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef DIFFUSION_LANES
#undef DIFFUSION_REGISTER

#define DIFFUSION_REGISTER "v"
#define DIFFUSION_LANES 16
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
namespace avx512 {
#include "box_muller.inl"
}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef DIFFUSION_LANES
#undef DIFFUSION_REGISTER
#undef DIFFUSION_VEX
#endif
#undef DIFFUSION_INLINE
#undef DIFFUSION_UNROLL

/// What a run of numbers is made in.
enum class Registers { none, sse2, avx2, avx512 };

/// The groups of a run.
constexpr std::size_t groups_in(Registers registers) noexcept {
  return registers == Registers::avx512 ? 4 : registers == Registers::avx2 ? 2 : 1;
}

inline bool has(Registers registers) noexcept {
#if defined(__GNUC__) && defined(__x86_64__)
  if (registers == Registers::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return registers != Registers::avx2 || __builtin_cpu_supports("avx2");
#else
  return registers == Registers::none;
#endif
}

inline Registers widest() noexcept {
  for (const Registers registers : {Registers::avx512, Registers::avx2, Registers::sse2})
    if (has(registers)) return registers;
  return Registers::none;
}

/// The normals of `runs` runs from a group on, for registers that the processor has.
template <class F>
void fill(Registers registers, std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t group,
          std::size_t runs, F* out) noexcept {
#if defined(__GNUC__) && defined(__x86_64__)
  if (registers == Registers::avx512) return avx512::normals(seed, stream, step, group, runs, out);
  if (registers == Registers::avx2) return avx2::normals(seed, stream, step, group, runs, out);
  if (registers == Registers::sse2) return sse2::normals(seed, stream, step, group, runs, out);
#endif
  one_by_one::normals(seed, stream, step, group, runs, out);
}

}  // namespace diffusion::vector_normals
