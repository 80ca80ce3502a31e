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

}  // namespace diffusion::kernels

// kernel_loop.inl, once for each instruction set: that of the command line, and those that a machine may have besides.
#if !defined(__GNUC__)
#define DIFFUSION_KERNEL_BYTES 0
#elif defined(__AVX512F__)
#define DIFFUSION_KERNEL_BYTES 64
#elif defined(__AVX__)
#define DIFFUSION_KERNEL_BYTES 32
#else
#define DIFFUSION_KERNEL_BYTES 16
#endif
#define DIFFUSION_KERNEL_SET compiled_for
#define DIFFUSION_KERNEL_TARGET
#include "kernel_loop.inl"

#if defined(__GNUC__) && defined(__x86_64__)
#if DIFFUSION_KERNEL_BYTES < 32
#define DIFFUSION_KERNEL_AVX2
#undef DIFFUSION_KERNEL_BYTES
#undef DIFFUSION_KERNEL_SET
#undef DIFFUSION_KERNEL_TARGET
#define DIFFUSION_KERNEL_BYTES 32
#define DIFFUSION_KERNEL_SET avx2
#define DIFFUSION_KERNEL_TARGET __attribute__((target("avx2")))
#include "kernel_loop.inl"
#endif
#if DIFFUSION_KERNEL_BYTES < 64
#define DIFFUSION_KERNEL_AVX512
#undef DIFFUSION_KERNEL_BYTES
#undef DIFFUSION_KERNEL_SET
#undef DIFFUSION_KERNEL_TARGET
#define DIFFUSION_KERNEL_BYTES 64
#define DIFFUSION_KERNEL_SET avx512
#define DIFFUSION_KERNEL_TARGET __attribute__((target("avx512f")))
#include "kernel_loop.inl"
#endif
#endif
#undef DIFFUSION_KERNEL_BYTES
#undef DIFFUSION_KERNEL_SET
#undef DIFFUSION_KERNEL_TARGET

namespace diffusion::kernels {

/// Bytes of traffic from which on outputs go past the caches: they would not be found there again, and an ordinary
/// store reads each line before it writes it. Measured, docs/performance.md.
inline constexpr std::size_t streaming_bytes = std::size_t(32) << 20;

/// The instruction sets that a pass can run on here, by how wide their registers are.
enum class InstructionSet { compiled_for, avx2, avx512 };

inline InstructionSet instruction_set() noexcept {
#ifdef DIFFUSION_KERNEL_AVX512
  // AVX-512 of the first generation slows the clock down; the one that has VBMI2 does not.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vbmi2")) return InstructionSet::avx512;
#endif
#ifdef DIFFUSION_KERNEL_AVX2
  if (__builtin_cpu_supports("avx2")) return InstructionSet::avx2;
#endif
  return InstructionSet::compiled_for;
}

/// The pass on one instruction set, which the machine must have.
template <Second second, bool kept, bool streaming, class T, std::size_t terms>
void run_on(InstructionSet set, const Pass<T, terms>& pass) {
#ifdef DIFFUSION_KERNEL_AVX512
  if (set == InstructionSet::avx512) return avx512::run<second, kept, streaming>(pass);
#endif
#ifdef DIFFUSION_KERNEL_AVX2
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
  const InstructionSet set = instruction_set();
  if (streaming)
    run_on<second, kept, true>(set, pass);
  else
    run_on<second, kept, false>(set, pass);
}

}  // namespace diffusion::kernels
