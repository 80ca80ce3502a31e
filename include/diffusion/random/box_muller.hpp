// SPDX-License-Identifier: MIT
// Two independent standard normals from random bits, the same bits for every compiler, instruction set and standard
// library.
//
// Use it through noise.hpp. The logarithm, sine and cosine are polynomials of this header in IEEE arithmetic exactly as
// written, because those of the C library differ between libraries. A float pair takes 2 x 32 bits and reaches 6.6
// sigma; a double pair 2 x 64 bits, 8.5 sigma. Both have full relative accuracy near zero as well.
//
// Accuracy: within 4 units in the last place of the exact Box-Muller transform of the same bits.
// Source: Box & Muller, "A note on the generation of random normal deviates", 1958; coefficients by scripts/minimax.py.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "../numerics/libm.hpp"

namespace diffusion {

template <class F>
struct NormalPair {
  F first, second;
};

namespace box_muller_details {

// log(1 + x) = x - x^2 / 2 + x^3 log1p_tail(x), and by artanh, = 2 s + s^3 artanh_tail(s^2) with s = x / (x + 2); sine
// and cosine of t quarter turns are t sine(t^2) and cosine(t^2).
inline constexpr float log1p_tail[] = {0x1.555554p-2f, -0x1.0000cep-2f, 0x1.999f14p-3f, -0x1.54d03ep-3f,
                                       0x1.231ce6p-3f, -0x1.0a33eap-3f, 0x1.02814ep-3f, -0x1.43b246p-4f};
inline constexpr float sine_f[] = {0x1.921fb6p+0f, -0x1.4abbbap-1f, 0x1.465ec4p-4f, -0x1.2d9b40p-8f};
inline constexpr float cosine_f[] = {1.0f, -0x1.3bd3ccp+0f, 0x1.03c1dcp-2f, -0x1.55c57ap-6f, 0x1.d9c2e8p-11f};
inline constexpr double artanh_tail[] = {0x1.5555555555555p-1, 0x1.9999999999a38p-2, 0x1.2492492476cccp-2,
                                         0x1.c71c720159177p-3, 0x1.745cf9048dd95p-3, 0x1.3b1c355a8f7a2p-3,
                                         0x1.0fbe95d716020p-3, 0x1.0c039c49989c6p-3};
inline constexpr double sine_d[] = {0x1.921fb54442d18p+0,  -0x1.4abbce625be53p-1, 0x1.466bc6775aad9p-4,
                                    -0x1.32d2cce62ac22p-8, 0x1.50783485cbd83p-13, -0x1.e3074b4ff3058p-19,
                                    0x1.e8eed12ee00a3p-25, -0x1.6c5b875d4e739p-31};
inline constexpr double cosine_d[] = {1.0,
                                      -0x1.3bd3cc9be45dep+0,
                                      0x1.03c1f081b5ac4p-2,
                                      -0x1.55d3c7e3cbfedp-6,
                                      0x1.e1f5068919a8ap-11,
                                      -0x1.a6d1f29f1c7fap-16,
                                      0x1.f9d3854812ae6p-22,
                                      -0x1.b6dd6cfa280afp-28,
                                      0x1.1e2a69fa47a81p-34};

#ifdef __GNUC__
#define DIFFUSION_INLINE inline __attribute__((always_inline))
#else
#define DIFFUSION_INLINE inline
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define DIFFUSION_UNROLL _Pragma("GCC unroll 10")  // at -O2 it would keep the loop
#else
#define DIFFUSION_UNROLL
#endif
#ifdef __aarch64__
#define DIFFUSION_REGISTER "w"
#else
#define DIFFUSION_REGISTER "x"
#endif
#define DIFFUSION_BYTES 0
namespace one {
#include "box_muller.inl"
}
#undef DIFFUSION_BYTES
#undef DIFFUSION_REGISTER
#undef DIFFUSION_INLINE

}  // namespace box_muller_details

/// Normals from 2 x 32 bits. [boxmuller1958.transform]
inline NormalPair<float> box_muller(std::uint32_t radius_bits, std::uint32_t angle_bits) noexcept {
  const auto pair = box_muller_details::one::box_muller(radius_bits, angle_bits);
  return {pair.first, pair.second};
}

/// Normals from 2 x 64 bits, of which 52 and 54 are used.
inline NormalPair<double> box_muller(std::uint64_t radius_bits, std::uint64_t angle_bits) noexcept {
  const auto pair = box_muller_details::one::box_muller(radius_bits, angle_bits);
  return {pair.first, pair.second};
}

}  // namespace diffusion
