// SPDX-License-Identifier: MIT
// Document 002, "Diffusion": where the walk back ends, and what lies between two pictures.
#pragma once

#include "../support/moon.hpp"
#include "walk_common.hpp"

namespace equations::walk {

// [back_to_its_start]
/// Walks back from the ends of 200 walks that left the picture (1, 2), where (2, 4) is the only other one.
inline std::vector<Vector> walks_back_from_the_picture() {
  const auto start = [](int k) {
    return diffusion::q_sample(schedule()(1000), picture, diffusion::NormalNoise{.seed = 16}(k, picture));
  };
  return walks_back(denoiser_of({picture, other_picture}), 200, start);
}
inline Outcome back_to_its_start() {
  Cases cases;
  const int returned = count_at(walks_back_from_the_picture(), picture);
  cases.require(returned == 200, text("%d of 200 walks end where they came from", returned));
  return cases.outcome();
}
inline Outcome back_to_the_data() {
  Cases cases;
  const auto ends = walks_back_from_the_picture();
  const int one = count_at(ends, picture), other = count_at(ends, other_picture);
  cases.require(one + other == 200 && std::abs(one - 100) < 5 * std::sqrt(50), text("%d and %d", one, other));
  return cases.outcome();
}
// [back_to_its_start]

// [between_reached]
/// Do walks end between the pictures, where the network has learnt its loss to the end?
inline Outcome between_is_reached() {
  Cases cases;
  const auto ends = walks_back(denoiser_of({picture, other_picture}), 200, from_noise);
  const int between = 200 - count_at(ends, picture) - count_at(ends, other_picture);
  cases.require(between > 0, text("%d of 200 walks end between the pictures", between));
  return cases.outcome();
}
inline Outcome only_pictures_are_reached() {
  Cases cases;
  for (const Vector& end : walks_back(denoiser_of({picture, other_picture}), 200, from_noise)) {
    const double off = std::min(distance(end, picture), distance(end, other_picture));
    cases.require(off < 1e-6, text("%.3g off", off));
  }
  return cases.outcome();
}
// [between_reached]

/// A moon of 16 x 16 pixels. Full and half are the data.
inline Vector moon(double lit) {
  const auto pixels = examples::moon(lit, 8, 8, 5, 16);
  return {pixels.begin(), pixels.end()};
}
inline double light(const Vector& moon) {
  double sum = 0;
  for (const double pixel : moon) sum += (pixel + 1) / 2;
  return sum;
}

// [moons]
/// How much of the disc is lit where walks back end that know the full and the half moon.
inline std::vector<double> moons_of_walks() {
  const Vector full = moon(1), half = moon(0.5);
  const auto start = [&](int k) {
    return diffusion::NormalNoise{.seed = 17, .stream = std::uint32_t(k)}.initial(full);
  };
  std::vector<double> lit;
  for (const Vector& end : walks_back(denoiser_of({full, half}), 40, start)) lit.push_back(light(end) / light(full));
  return lit;
}
inline Outcome three_quarters_of_a_moon() {
  Cases cases;
  int full = 0, half = 0, between = 0;
  for (const double lit : moons_of_walks()) (lit > 0.99 ? full : lit < 0.51 ? half : between) += 1;
  cases.require(between > 0, text("40 walks: %d full moons, %d half moons, %d between", full, half, between));
  return cases.outcome();
}
/// And the point halfway between the two has three quarters of the light, but is no three-quarter moon: the left half
/// is grey.
inline Outcome full_or_half() {
  Cases cases;
  for (const double lit : moons_of_walks())
    cases.require(std::abs(lit - 1) < 1e-6 || std::abs(lit - 0.5) < 0.01, text("lit %.3f", lit));
  const Vector full = moon(1), half = moon(0.5);
  Vector middle = full;
  for (std::size_t i = 0; i < full.size(); ++i) middle[i] = (full[i] + half[i]) / 2;
  cases.require(std::abs(light(middle) / light(full) - 0.75) < 0.01, text("light %.3f", light(middle) / light(full)));
  cases.require(distance(middle, moon(0.75)) > 0.5 * distance(full, half) / std::sqrt(2),
                text("%.2f from it, and %.2f between the two", distance(middle, moon(0.75)), distance(full, half)));
  return cases.outcome();
}
// [moons]

// [between_is_noise]
/// The mean difference between neighbouring pixels: about 1.13 for noise.
inline double roughness(const Vector& x, std::size_t side = 16) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % side + 1 < side) sum += std::abs(x[i] - x[i + 1]);
    if (i + side < x.size()) sum += std::abs(x[i] - x[i + side]);
  }
  return sum / double(2 * side * (side - 1));
}
inline Vector between(double share) {
  Vector x = moon(1);
  const Vector half = moon(0.5);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (1 - share) * x[i] + share * half[i];
  return x;
}
inline Outcome between_is_noise() {
  Cases cases;
  const double noise = roughness(diffusion::NormalNoise{.seed = 18}(0, between(0)));
  int noisy = 0;
  for (int k = 1; k < 100; ++k) noisy += roughness(between(k / 100.0)) > noise / 2 ? 1 : 0;
  cases.require(noisy > 49, text("%d of 99 points are noise; roughness %.3f in the middle, %.3f of noise", noisy,
                                 roughness(between(0.5)), noise));
  return cases.outcome();
}
/// Blends are no rougher than the pictures that they are blends of.
inline Outcome between_is_smooth() {
  Cases cases;
  for (int k = 1; k < 100; ++k)
    cases.require(roughness(between(k / 100.0)) <=
                      (1 - k / 100.0) * roughness(between(0)) + k / 100.0 * roughness(between(1)) + 1e-12,
                  text("%d %%", k));
  return cases.outcome();
}
// [between_is_noise]

// [apart]
/// Two pictures are two points: so far apart, and the centres of where their walks end are alpha_bar^(1/2) times that.
inline Outcome apart() {
  Cases cases;
  const Vector full = moon(1), half = moon(0.5);
  const double start = distance(full, half);
  const double end =
      distance(diffusion::q_marginal(schedule()(1000), full).mean, diffusion::q_marginal(schedule()(1000), half).mean);
  cases.require(start > 10, text("%.2f", start));
  cases.require(std::abs(end / start / schedule()(1000).signal() - 1) < 1e-12, text("%.4f", end));
  return cases.outcome();
}
// [apart]

inline std::vector<Check> between_checks() {
  return {
      {"walk.back_to_its_start", back_to_its_start, back_to_the_data},
      {"walk.between_reached", between_is_reached, only_pictures_are_reached},
      {"walk.moons", three_quarters_of_a_moon, full_or_half},
      {"walk.between_is_noise", between_is_noise, between_is_smooth},
      {"walk.apart", apart},
  };
}

}  // namespace equations::walk
