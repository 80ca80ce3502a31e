// SPDX-License-Identifier: MIT
// Two independent standard normals from random bits, the same bits for every compiler, instruction set and standard
// library.
//
// Use it through noise.hpp. The logarithm, sine and cosine are polynomials of this header in Ieee arithmetic, because
// those of the C library differ between libraries. A float pair takes 2 x 32 bits and reaches 6.6 sigma; a double pair
// 2 x 64 bits, 8.5 sigma. Both have full relative accuracy near zero as well.
//
// Accuracy: within 4 units in the last place of the exact Box-Muller transform of the same bits.
// Source: Box & Muller, "A note on the generation of random normal deviates", 1958; coefficients by scripts/minimax.py.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "ieee.hpp"

namespace diffusion {

template <class F>
struct NormalPair {
  F first, second;
};

namespace box_muller_details {

template <class F, std::size_t n>
Ieee<F> polynomial(const F (&coefficient)[n], Ieee<F> x) noexcept {
  Ieee<F> sum = coefficient[n - 1];
  for (std::size_t k = n - 1; k-- > 0;) sum = sum * x + coefficient[k];
  return sum;
}

/// -log(u) = -k log 2 - log(1 + x); x in [sqrt(1/2) - 1, sqrt(2) - 1].
template <class F>
struct Reduced {
  std::int32_t k;
  F x;
};

/// The point at `radius` and an angle of quadrant + t quarter turns, |t| < 1/2.
template <class F, std::size_t n, std::size_t m>
NormalPair<F> on_circle(Ieee<F> radius, std::uint32_t quadrant, Ieee<F> t, const F (&sine)[n],
                        const F (&cosine)[m]) noexcept {
  const Ieee<F> square = t * t;
  const F c = (radius * polynomial(cosine, square)).value(), s = (radius * (t * polynomial(sine, square))).value();
  const F x = (quadrant & 1) != 0 ? s : c, y = (quadrant & 1) != 0 ? c : s;
  return {((quadrant + 1) & 2) != 0 ? -x : x, (quadrant & 2) != 0 ? -y : y};
}

}  // namespace box_muller_details

/// Normals from 2 x 32 bits. [boxmuller1958.transform]
inline NormalPair<float> box_muller(std::uint32_t radius_bits, std::uint32_t angle_bits) noexcept {
  using namespace box_muller_details;
  using Real = Ieee<float>;
  static constexpr float log1p_tail[] = {0x1.555554p-2f, -0x1.0000cep-2f, 0x1.999f14p-3f, -0x1.54d03ep-3f,
                                         0x1.231ce6p-3f, -0x1.0a33eap-3f, 0x1.02814ep-3f, -0x1.43b246p-4f};
  static constexpr float sine[] = {0x1.921fb6p+0f, -0x1.4abbbap-1f, 0x1.465ec4p-4f, -0x1.2d9b40p-8f};
  static constexpr float cosine[] = {1.0f, -0x1.3bd3ccp+0f, 0x1.03c1dcp-2f, -0x1.55c57ap-6f, 0x1.d9c2e8p-11f};

  // u = (h + 1/2) 2^-31 in (0, 1); q = min(u, 1 - u) has full relative accuracy at both ends.
  const auto h = static_cast<std::int32_t>(radius_bits >> 1);
  const std::int32_t mirrored = 0x7fffffff - h;
  const Real q = (Real(static_cast<float>(h < mirrored ? h : mirrored)) + 0.5f) * 0x1p-31f;
  Reduced<float> r;
  if (h < mirrored) {  // u = q = 2^k (1 + x)
    const auto bits = std::bit_cast<std::int32_t>(q.value());
    r.k = (bits - 0x3f3504f3) >> 23;
    r.x = (Real(std::bit_cast<float>(bits - r.k * 0x800000)) - 1.0f).value();
  } else if (q.value() < 0.29289323f) {  // u = 1 - q, with x = -q
    r = {0, -q.value()};
  } else {
    r = {-1, (Real(1.0f) - q * 2.0f).value()};
  }
  const Real x = r.x, square = x * x, k = static_cast<float>(r.k);
  const Real log1p = x - (square * 0.5f - square * x * polynomial(log1p_tail, x));
  const Real minus_log_u =
      (k * -0x1.62e4p-1f - log1p) - k * 0x1.7f7d1cp-20f;  // log 2 in two parts, the first of 15 bits
  const auto t =
      (Real(static_cast<float>(static_cast<std::int32_t>(angle_bits & 0x3fffffff) - 0x20000000)) + 0.5f) * 0x1p-30f;
  return on_circle(sqrt(minus_log_u * 2.0f), angle_bits >> 30, t, sine, cosine);
}

/// Normals from 2 x 64 bits, of which 52 and 54 are used.
inline NormalPair<double> box_muller(std::uint64_t radius_bits, std::uint64_t angle_bits) noexcept {
  using namespace box_muller_details;
  using Real = Ieee<double>;
  static constexpr double artanh_tail[] = {0x1.5555555555555p-1, 0x1.9999999999a38p-2, 0x1.2492492476cccp-2,
                                           0x1.c71c720159177p-3, 0x1.745cf9048dd95p-3, 0x1.3b1c355a8f7a2p-3,
                                           0x1.0fbe95d716020p-3, 0x1.0c039c49989c6p-3};
  static constexpr double sine[] = {0x1.921fb54442d18p+0,  -0x1.4abbce625be53p-1, 0x1.466bc6775aad9p-4,
                                    -0x1.32d2cce62ac22p-8, 0x1.50783485cbd83p-13, -0x1.e3074b4ff3058p-19,
                                    0x1.e8eed12ee00a3p-25, -0x1.6c5b875d4e739p-31};
  static constexpr double cosine[] = {1.0,
                                      -0x1.3bd3cc9be45dep+0,
                                      0x1.03c1f081b5ac4p-2,
                                      -0x1.55d3c7e3cbfedp-6,
                                      0x1.e1f5068919a8ap-11,
                                      -0x1.a6d1f29f1c7fap-16,
                                      0x1.f9d3854812ae6p-22,
                                      -0x1.b6dd6cfa280afp-28,
                                      0x1.1e2a69fa47a81p-34};

  // 52 bits as the fraction of a double in [1, 2): u = (m + 1/2) 2^-52, exact, and so is q = min(u, 1 - u).
  const std::uint64_t one = std::uint64_t(0x3ff) << 52;
  const Real u = (Real(std::bit_cast<double>(one | (radius_bits >> 12))) - 1.0) + 0x1p-53;
  const double q = u.value() < 0.5 ? u.value() : (Real(1.0) - u).value();
  Reduced<double> r;
  if (u.value() < 0.5) {
    const auto bits = std::bit_cast<std::int64_t>(q);
    const std::int64_t k = (bits - 0x3fe6a09e667f3bcd) >> 52;
    r.k = static_cast<std::int32_t>(k);
    r.x = (Real(std::bit_cast<double>(bits - k * (std::int64_t(1) << 52))) - 1.0).value();
  } else if (q < 0.29289321881345254) {
    r = {0, -q};
  } else {
    r = {-1, (Real(1.0) - Real(q) * 2.0).value()};
  }
  const Real s = Real(r.x) / (Real(r.x) + 2.0), square = s * s, k = static_cast<double>(r.k);
  const Real log1p = s * 2.0 + s * square * polynomial(artanh_tail, square);
  const Real minus_log_u = (k * -0x1.62e42fefa38p-1 - log1p) - k * 0x1.ef35793c7673p-45;
  const Real t = (Real(std::bit_cast<double>(one | ((angle_bits << 2) >> 12))) - 1.5) + 0x1p-53;
  return on_circle(sqrt(minus_log_u * 2.0), static_cast<std::uint32_t>(angle_bits >> 62), t, sine, cosine);
}

}  // namespace diffusion
