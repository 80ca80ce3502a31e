// SPDX-License-Identifier: MIT
// Runs of normals in vector registers: the numbers of box_muller.hpp and philox.hpp, many at a time.
//
// Use it through noise.hpp. With g++ and clang on x86-64 there is a version for registers of 128, 256 and 512 bits, all
// of them compiled whatever the flags; the widest that the processor has is chosen when the program runs. On arm64
// there is the one of 128 bits; elsewhere the numbers are made one by one. All make the same bits.
#pragma once

#include "../numerics/instruction_set.hpp"
#include "box_muller.hpp"
#include "philox.hpp"

namespace diffusion::vector_normals {

/// The order of elements: four blocks of Philox make one group, of 16 floats or 8 doubles. Element lane + 4 slot of a
/// group is number `slot` of block 4 group + lane.
template <class F>
inline constexpr std::size_t group_size = sizeof(F) == 4 ? 16 : 8;

/// Rows of groups: `groups` of each step from `step` on, those from `group` on.
struct Rows {
  std::uint64_t seed;
  std::uint32_t stream, step;
  std::uint64_t group;
  std::size_t groups;
};

/// The words of a block by its address.
inline PhiloxCounter block(std::uint64_t seed, std::uint32_t stream, std::uint32_t step, std::uint64_t index) noexcept {
  return philox4x32({std::uint32_t(index), std::uint32_t(index >> 32), step, stream},
                    {std::uint32_t(seed), std::uint32_t(seed >> 32)});
}

namespace one_by_one {

/// Block `lane` of the k-th group of rows.
inline PhiloxCounter block(const Rows& rows, std::size_t k, std::size_t lane) noexcept {
  return vector_normals::block(rows.seed, rows.stream, rows.step + static_cast<std::uint32_t>(k / rows.groups),
                               4 * (rows.group + k % rows.groups) + lane);
}

inline void normals(const Rows& rows, std::size_t groups, float* out) noexcept {
  for (std::size_t k = 0; k < groups; ++k, out += 16)
    for (std::size_t lane = 0; lane < 4; ++lane) {
      const PhiloxCounter bits = block(rows, k, lane);
      const NormalPair<float> a = box_muller(bits[0], bits[1]), b = box_muller(bits[2], bits[3]);
      out[lane] = a.first;
      out[4 + lane] = a.second;
      out[8 + lane] = b.first;
      out[12 + lane] = b.second;
    }
}
inline void normals(const Rows& rows, std::size_t groups, double* out) noexcept {
  for (std::size_t k = 0; k < groups; ++k, out += 8)
    for (std::size_t lane = 0; lane < 4; ++lane) {
      const PhiloxCounter bits = block(rows, k, lane);
      const NormalPair<double> pair =
          box_muller(bits[0] | std::uint64_t(bits[1]) << 32, bits[2] | std::uint64_t(bits[3]) << 32);
      out[lane] = pair.first;
      out[4 + lane] = pair.second;
    }
}

}  // namespace one_by_one

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))
#define DIFFUSION_VECTOR_NORMALS
#define DIFFUSION_LOOPS "../random/vector_normals.inl"
#include "../numerics/each_instruction_set.inl"
#endif
#undef DIFFUSION_UNROLL

using numerics::InstructionSet;

/// The groups of a run: those of the blocks in four registers.
constexpr std::size_t groups_in(InstructionSet set) noexcept {
#ifdef DIFFUSION_VECTOR_NORMALS
  return set == InstructionSet::avx512 ? 8 : set == InstructionSet::avx2 ? 4 : 2;
#else
  return 1 + 0 * std::size_t(set);
#endif
}

/// The first `runs` runs of groups of these rows, for a set that the processor has.
template <class F>
void fill(InstructionSet set, const Rows& rows, std::size_t runs, F* out) noexcept {
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512) return avx512::normals(rows, runs, out);
  if (set == InstructionSet::avx2) return avx2::normals(rows, runs, out);
#endif
#ifdef DIFFUSION_VECTOR_NORMALS
  compiled_for::normals(rows, runs, out);
#else
  one_by_one::normals(rows, runs, out);
#endif
}

}  // namespace diffusion::vector_normals
