// SPDX-License-Identifier: MIT
// The one pass over memory that steps are made of, in vector registers: out = row[0] x[0] + row[1] e + row[2] x[2] +
// ..., where e is x[1], or x[1] clipped, or the clipped combination of x[0] and x[1], which may be an output as well.
//
// apply.hpp calls it for contiguous float and double; call apply.hpp. The instruction set is chosen at run time, once a
// call: a program built for any x86-64 uses AVX2 or AVX-512 where they are there. On other machines the registers are
// those that the compiler has, and other compilers than g++ and clang get plain loops.
//
// Accuracy: every product and every sum is rounded by itself, from left to right. The bits are the same for every
// instruction set, length, alignment and number of parts that a state is split into. An FMA instruction would save one
// rounding of two, and cost that: memory is what a step waits for, not arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../numerics/instruction_set.hpp"

namespace diffusion::kernels {

/// What enters the sum in the place of the second input, or of the only one.
enum class Second { plain, clipped, combined, combined_and_clipped };
constexpr bool clips(Second s) { return s == Second::clipped || s == Second::combined_and_clipped; }
constexpr bool combines(Second s) { return s == Second::combined || s == Second::combined_and_clipped; }

/// The arguments of one pass over n elements. An output may be one of the inputs, but must not overlap one in part.
template <class T, std::size_t terms>
struct Pass {
  std::size_t n = 0;
  T row[terms]{};
  const T* x[terms]{};
  T* out = nullptr;
  T* second_out = nullptr;  // where e is written, if it is kept
  T of_first{}, of_second{}, low{}, high{};

  Pass part(std::size_t first, std::size_t size) const {
    Pass p = *this;
    p.n = size;
    for (const T*& input : p.x) input += first;
    p.out += first;
    if (second_out != nullptr) p.second_out += first;
    return p;
  }
};

#define DIFFUSION_LOOPS "../state/kernel_loop.inl"
#include "../numerics/each_instruction_set.inl"

/// Bytes of traffic from which on outputs go past the caches: they would not be found there again, and an ordinary
/// store reads each line before it writes it. Measured, docs/performance.md.
inline constexpr std::size_t streaming_bytes = std::size_t(32) << 20;

using numerics::InstructionSet;

/// The pass on one instruction set, which the machine must have.
template <Second second, bool kept, bool streaming, class T, std::size_t terms>
void run_on(InstructionSet set, const Pass<T, terms>& pass) {
#ifdef DIFFUSION_HAS_SETS
  if (set == InstructionSet::avx512) return avx512::run<second, kept, streaming>(pass);
  if (set == InstructionSet::avx2) return avx2::run<second, kept, streaming>(pass);
#endif
  (void)set;
  compiled_for::run<second, kept, streaming>(pass);
}

/// Whether a pass is so large that its outputs should go past the caches. Not one that writes what it has read: those
/// lines are there. Both outputs must be aligned alike.
template <class T, std::size_t terms>
bool is_streaming(const Pass<T, terms>& pass) {
  const std::size_t streams = terms + 1 + (pass.second_out != nullptr);
  if (pass.n < streaming_bytes / sizeof(T) / streams) return false;
  for (const T* input : pass.x)
    if (input == pass.out || input == pass.second_out) return false;
  return pass.second_out == nullptr ||
         (reinterpret_cast<std::uintptr_t>(pass.out) - reinterpret_cast<std::uintptr_t>(pass.second_out)) % 64 == 0;
}

/// The pass on the widest instruction set of the machine.
template <Second second, bool kept, class T, std::size_t terms>
void run(const Pass<T, terms>& pass, bool streaming) {
  const InstructionSet set = numerics::widest_at_full_clock();
  if (streaming)
    run_on<second, kept, true>(set, pass);
  else
    run_on<second, kept, false>(set, pass);
}

}  // namespace diffusion::kernels
