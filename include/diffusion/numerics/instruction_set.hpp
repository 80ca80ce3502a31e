// SPDX-License-Identifier: MIT
// Which vector registers a program has when it runs: the one choice for all loops that are compiled for several.
//
// Use it with each_instruction_set.inl, which compiles such a loop for each of them; the flags of most programs ask for
// registers of 128 bits only. Not for loops whose results depend on the width of a register: all sets give the same
// bits.
#pragma once

// The sets besides the one of the command line are compiled by g++ and clang on x86-64.
#if defined(__GNUC__) && defined(__x86_64__)
#define DIFFUSION_HAS_SETS
#endif

namespace diffusion::numerics {

/// compiled_for: registers of 128 bits, with the instructions that the compiler was told to use: SSE2 on any x86-64,
/// NEON on arm64; plain scalars where the compiler is not g++ or clang.
enum class InstructionSet { compiled_for, avx2, avx512 };

/// Whether there is code for a set, and the processor to run it.
inline bool has(InstructionSet set) noexcept {
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (set == InstructionSet::avx2) return __builtin_cpu_supports("avx2");
#endif
  return set == InstructionSet::compiled_for;
}

/// The widest set, for work that is limited by arithmetic.
inline InstructionSet widest() noexcept {
  return has(InstructionSet::avx512) ? InstructionSet::avx512
         : has(InstructionSet::avx2) ? InstructionSet::avx2
                                     : InstructionSet::compiled_for;
}

/// The widest set that leaves the clock as it is, for work that is limited by memory: the first generation of AVX-512
/// slows it down, the one that has VBMI2 does not.
inline InstructionSet widest_at_full_clock() noexcept {
  const InstructionSet set = widest();
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512 && !__builtin_cpu_supports("avx512vbmi2")) return InstructionSet::avx2;
#endif
  return set;
}

}  // namespace diffusion::numerics
