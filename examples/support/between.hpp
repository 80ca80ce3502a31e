// SPDX-License-Identifier: MIT
// What lies between two images: both walk to noise, the noises are blended, and the blends walk back.
//
// The way to noise and back is DDIM with eta = 0, which has an inverse, so that the ends of the way are the two images.
// Source: Song et al. 2020, section 5.3. Ho et al. 2020, section 4.3, draw the encodings from q(x_t | x_0) instead.
#pragma once

#include <algorithm>
#include <cmath>
#include <diffusion/ddim.hpp>
#include <diffusion/eigen.hpp>
#include <span>
#include <vector>

namespace examples {

using Levels = std::vector<diffusion::NoiseLevel<double>>;

/// The columns of x_0 at the noisiest level, by DDIM backwards: the estimate of x_0 at each level tells the noise in x,
/// and both make x at the next. `levels` as for sample(), noisiest first and clean data last. The images are taken for
/// x at the first level that has noise.
template <class D>
Eigen::ArrayXXf encode(const D& denoiser, const Levels& levels, const Eigen::ArrayXXf& x_0) {
  Eigen::ArrayXXf x = x_0;
  for (std::size_t k = levels.size() - 2; k > 0; --k) {
    const Eigen::ArrayXXf estimate = denoiser(x, levels[k]);
    x = diffusion::q_sample(levels[k - 1], estimate, diffusion::noise_from_x0(levels[k], x, estimate));
  }
  return x;
}

/// Back from the noisiest level.
template <class D>
Eigen::ArrayXXf decode(const D& denoiser, const Levels& levels, const Eigen::ArrayXXf& x_T) {
  return diffusion::sample(diffusion::DdimSampler{}, denoiser, levels, x_T, diffusion::NormalNoise{});
}

/// `points` columns on the segment from a to b, both included.
inline Eigen::ArrayXXf segment(const Eigen::ArrayXf& a, const Eigen::ArrayXf& b, int points) {
  Eigen::ArrayXXf way(a.size(), points);
  for (int k = 0; k < points; ++k) {
    const float share = float(k) / float(points - 1);
    way.col(k) = (1 - share) * a + share * b;
  }
  return way;
}

/// The same on the arc, which keeps the length that noise has: a segment leaves the shell that noise lies on.
inline Eigen::ArrayXXf arc(const Eigen::ArrayXf& a, const Eigen::ArrayXf& b, int points) {
  const float cosine = a.matrix().normalized().dot(b.matrix().normalized());
  const float angle = std::acos(std::min(std::max(cosine, -1.0f), 1.0f));
  if (angle < 1e-3f) return segment(a, b, points);
  Eigen::ArrayXXf way(a.size(), points);
  for (int k = 0; k < points; ++k) {
    const float share = float(k) / float(points - 1);
    way.col(k) = (std::sin((1 - share) * angle) * a + std::sin(share * angle) * b) / std::sin(angle);
  }
  return way;
}

/// The ways from the columns of one array to those of another, `points` columns each, one way after the other.
struct Ways {
  Eigen::ArrayXXf blended;           // the pixels
  Eigen::ArrayXXf by_arc, straight;  // the noises, on an arc and on a segment, walked back
  Eigen::ArrayXXf halfway;  // the images with the same noise at the middle level, walked back by ancestral steps
  double return_error;      // root mean square of what encoding and decoding the ends changes
  double noise_size;        // root mean square of the ends' noises: 1 for draws of N(0, I)
};

template <class D>
Ways ways(const D& denoiser, const Levels& levels, const Eigen::ArrayXXf& from, const Eigen::ArrayXXf& to, int points) {
  const Eigen::ArrayXXf noise_from = encode(denoiser, levels, from), noise_to = encode(denoiser, levels, to);
  const auto all = [&](auto way, const Eigen::ArrayXXf& a, const Eigen::ArrayXXf& b) {
    Eigen::ArrayXXf columns(a.rows(), points * a.cols());
    for (Eigen::Index k = 0; k < a.cols(); ++k)
      columns.middleCols(points * k, points) = way(Eigen::ArrayXf(a.col(k)), Eigen::ArrayXf(b.col(k)), points);
    return columns;
  };
  Ways found;
  found.blended = all(segment, from, to);
  found.by_arc = decode(denoiser, levels, all(arc, noise_from, noise_to));
  found.straight = decode(denoiser, levels, all(segment, noise_from, noise_to));
  const std::span cleaner = std::span(levels).subspan(levels.size() / 2);
  const diffusion::NormalNoise noise{.seed = 6, .stream = 1};
  const Eigen::ArrayXXf one = noise(0, from);  // for both images of a pair
  const Eigen::ArrayXXf blend =
      all(segment, diffusion::q_sample(cleaner[0], from, one), diffusion::q_sample(cleaner[0], to, one));
  found.halfway = diffusion::sample(diffusion::AncestralSampler{}, denoiser, cleaner, blend, noise);
  double squares = 0;
  for (Eigen::Index k = 0; k < from.cols(); ++k)
    squares += double((found.by_arc.col(points * k) - from.col(k)).square().sum()) +
               double((found.by_arc.col(points * (k + 1) - 1) - to.col(k)).square().sum());
  found.return_error = std::sqrt(squares / double(2 * from.size()));
  found.noise_size = std::sqrt(double(noise_from.square().mean() + noise_to.square().mean()) / 2);
  return found;
}

}  // namespace examples
