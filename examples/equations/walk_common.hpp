// SPDX-License-Identifier: MIT
// What the checks of document 002, "Diffusion", share. The document is prose about one picture, the point (1, 2), and
// the 1000 steps of Ho et al. 2020.
#pragma once

#include <cmath>
#include <diffusion/model/exact.hpp>
#include <vector>

#include "check.hpp"

namespace equations::walk {

using Vector = std::vector<double>;

inline const Vector picture{1, 2};

inline const diffusion::DiscreteSchedule<double>& schedule() {
  static const auto linear = diffusion::linear_schedule(1000);
  return linear;
}

/// The schedule's beta_t and alpha_bar_t by their definitions, in 192 bits.
inline W beta(int t) { return W(1e-4) + W(t - 1) * (W(0.02) - W(1e-4)) / W(999); }
inline W alpha_bar(int t) {
  W product(1);
  for (int k = 1; k <= t; ++k) product = product * (W(1) - beta(k));
  return product;
}

inline double norm(const Vector& x) { return std::sqrt(to_double(diffusion::squared_norm(x))); }
inline double distance(const Vector& x, const Vector& y) {
  return std::sqrt(
      to_double(diffusion::squared_distance("distance", diffusion::Named{"x", x}, diffusion::Named{"y", y})));
}

/// The document's pictures, and the denoiser that is exact where these are all the data there is.
inline const Vector other_picture{2, 4};
inline auto denoiser_of(const std::vector<Vector>& pictures) {
  return diffusion::GaussianMixtureDenoiser(Vector(pictures.size(), 1 / double(pictures.size())), pictures,
                                            Vector(pictures.size(), 0.0));
}

/// Walks back from N(0, I), or from `start(k)`, in 100 Gaussian steps; where each ends.
template <class Denoiser, class Start>
std::vector<Vector> walks_back(const Denoiser& denoiser, int walks, Start start) {
  const auto levels = diffusion::level_grid(schedule(), 100);
  std::vector<Vector> ends;
  for (int k = 0; k < walks; ++k)
    ends.push_back(diffusion::sample(diffusion::AncestralSampler{}, denoiser, levels, start(k),
                                     diffusion::NormalNoise{.seed = 11, .stream = std::uint32_t(k)}));
  return ends;
}
inline Vector from_noise(int k) {
  return diffusion::NormalNoise{.seed = 11, .stream = std::uint32_t(k)}.initial(picture);
}
inline int count_at(const std::vector<Vector>& ends, const Vector& place) {
  int count = 0;
  for (const Vector& end : ends) count += distance(end, place) < 1e-6 ? 1 : 0;
  return count;
}

}  // namespace equations::walk
