// SPDX-License-Identifier: MIT
// What the functions of vector_math.inl are made of: coefficients, and the bits of a number.
//
// Not for users, and no functions by itself: likelihood_kernels.hpp includes it, and vector_math.inl once for each
// width of registers.
//
// Source: coefficients by scripts/minimax.py, which prints how near the polynomials are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace diffusion::numerics::vector_math {

/// exp(r) = 1 + r + r^2 exp_tail(r) for |r| <= log(2) / 2; 2 artanh(s) = 2 s + s^3 artanh_tail(s^2) for
/// |s| <= sqrt(2) - 1 over sqrt(2) + 1; (x + 4) (1 - Phi(x)) / phi(x) = mills((x - 4) / (x + 4)) for x >= 0. log 2 is
/// in two parts, of which the first has so few bits that its multiples by exponents are exact. A number is 2^(e - bias)
/// times its fraction, e in the bits from `fraction_bits` on.
template <class S>
struct Constants;

template <>
struct Constants<float> {
  using Bits = std::uint32_t;
  static constexpr int fraction_bits = 23;
  static constexpr Bits bias = 127, root_half = 0x3f3504f3;
  static constexpr float round = 0x1.8p23f, whole = 0x1p23f;  // x + round has the integer nearest to x in its last bits
  static constexpr float log2_e = 0x1.715476p+0f, log_two_high = 0x1.62e4p-1f, log_two_low = 0x1.7f7d1cp-20f;
  static constexpr float inverse_root_two_pi = 0x1.988454p-2f;
  static constexpr float exp_tail[] = {0x1.000000p-1f, 0x1.5554dep-3f, 0x1.55551ap-5f, 0x1.120b62p-7f, 0x1.6d10fcp-10f};
  static constexpr float artanh_tail[] = {0x1.55555cp-1f, 0x1.997c30p-2f, 0x1.2ee610p-2f};
  static constexpr float mills[] = {0x1.e4aa02p+0f,  -0x1.8615d8p+0f, 0x1.f0d992p-1f,  -0x1.dec496p-2f,
                                    0x1.360b3ap-3f,  -0x1.34e32ep-6f, -0x1.1d8668p-7f, 0x1.02db10p-8f,
                                    0x1.53f4d2p-12f, -0x1.ab6b4cp-12f};
};

template <>
struct Constants<double> {
  using Bits = std::uint64_t;
  static constexpr int fraction_bits = 52;
  static constexpr Bits bias = 1023, root_half = 0x3fe6a09e667f3bcd;
  static constexpr double round = 0x1.8p52, whole = 0x1p52;
  static constexpr double log2_e = 0x1.71547652b82fep+0, log_two_high = 0x1.62e42fefa38p-1,
                          log_two_low = 0x1.ef35793c7673p-45;
  static constexpr double inverse_root_two_pi = 0x1.9884533d43651p-2;
  static constexpr double exp_tail[] = {0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,
                                        0x1.11111111100dfp-7,  0x1.6c16c16c162d6p-10, 0x1.a01a01abe62ddp-13,
                                        0x1.a01a01a6d7808p-16, 0x1.71de02375656cp-19, 0x1.27e4db67b4303p-22,
                                        0x1.af4ddd84882fep-26, 0x1.1f72fc730b4ffp-29};
  static constexpr double artanh_tail[] = {0x1.5555555555555p-1, 0x1.9999999999a38p-2, 0x1.2492492476cccp-2,
                                           0x1.c71c720159177p-3, 0x1.745cf9048dd95p-3, 0x1.3b1c355a8f7a2p-3,
                                           0x1.0fbe95d716020p-3, 0x1.0c039c49989c6p-3};
  static constexpr double mills[] = {
      0x1.e4aa012912ddep+0,  -0x1.8615d9b49165fp+0,  0x1.f0d9856bc3b07p-1,   -0x1.dec30ee67901ap-2,
      0x1.360ce26020a85p-3,  -0x1.35aa3c9530225p-6,  -0x1.1dcfea79f1044p-7,  0x1.0be6d6773e171p-8,
      0x1.5e7b1bb21fefap-12, -0x1.2fb435fa902a6p-11, -0x1.4100a93735555p-18, 0x1.7180198c884c3p-14,
      0x1.e2431ed1d8839p-20, -0x1.f20f61cccd065p-17, -0x1.a7e7b13763430p-20, 0x1.58c9d7de095c3p-19,
      0x1.6f017f72bb694p-21, -0x1.ae2b50fabb13ap-22, -0x1.d5081db108779p-23, 0x1.81074648ce9aap-25,
      0x1.d12e7e2fec4a8p-25, -0x1.9edb739154363p-30, -0x1.471d42bc6d2adp-27, -0x1.439eced185599p-32,
      0x1.e479640555c3bp-31};
};

}  // namespace diffusion::numerics::vector_math
