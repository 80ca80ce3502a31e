// SPDX-License-Identifier: MIT
// Compiles a file of loops once for each instruction set of instruction_set.hpp; no header by itself.
//
//   #define DIFFUSION_LOOPS "../state/kernel_loop.inl"  // the file, as seen from this folder
//   #include "../numerics/each_instruction_set.inl"     // where the sets are to be namespaces
//
// Each time DIFFUSION_BYTES is the size of a register, 0 where there are scalars only, and DIFFUSION_REGISTER the
// constraint of one in assembly. The target is set for all that the file contains, templates and lambdas too: g++ takes
// vectors that a function's own target lacks apart before it inlines, so one template for all sets would be SSE2
// everywhere. What is small must be DIFFUSION_INLINE.

#ifdef __GNUC__
#define DIFFUSION_INLINE inline __attribute__((always_inline))
#define DIFFUSION_BYTES 16
#else
#define DIFFUSION_INLINE inline
#define DIFFUSION_BYTES 0
#endif
#ifdef __aarch64__
#define DIFFUSION_REGISTER "w"
#else
#define DIFFUSION_REGISTER "x"
#endif
namespace compiled_for {
#include DIFFUSION_LOOPS
}
#undef DIFFUSION_BYTES

#ifdef DIFFUSION_HAS_SETS
#define DIFFUSION_BYTES 32
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#include DIFFUSION_LOOPS
}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef DIFFUSION_BYTES
#undef DIFFUSION_REGISTER

#define DIFFUSION_BYTES 64
#define DIFFUSION_REGISTER "v"
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
namespace avx512 {
#include DIFFUSION_LOOPS
}
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef DIFFUSION_BYTES
#endif
#undef DIFFUSION_REGISTER
#undef DIFFUSION_INLINE
#undef DIFFUSION_LOOPS
