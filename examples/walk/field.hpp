// SPDX-License-Identifier: MIT
// The field that leads back: E[x_0 | x_t] of three pictures in the plane, by the exact denoiser, at five times; and
// walks back in it.
#pragma once

#include <Eigen/LU>
#include <array>
#include <cstdio>
#include <diffusion/eigen.hpp>
#include <diffusion/model/exact.hpp>
#include <string>

#include "../support/canvas.hpp"

namespace walk {

using Eigen::ArrayXf, Eigen::ArrayXXf, Eigen::Index;

inline const Eigen::Array<float, 2, 3> pictures{{1, -2, 1}, {2, 0.5f, -2}};
inline const std::array<examples::Colour, 3> colours{examples::blue, examples::green, examples::red};

/// What a network would have learnt that has minimised its loss: the mean of the pictures that x_t may have come from.
inline auto exact_denoiser() {
  const std::vector<ArrayXf> means{pictures.col(0), pictures.col(1), pictures.col(2)};
  return diffusion::GaussianMixtureDenoiser(std::vector<double>{1, 1, 1}, means, std::vector<double>{0, 0, 0});
}

/// The share of each picture in an estimate, which is their mean by these shares.
inline Eigen::Array3f shares(const Eigen::Array2f& estimate) {
  Eigen::Matrix3f system = Eigen::Matrix3f::Ones();
  system.topRows(2) = pictures.matrix();
  return (system.inverse() * Eigen::Vector3f(estimate(0), estimate(1), 1)).array();
}

/// The estimates at points of the plane, a column each.
inline ArrayXXf estimates(const auto& denoiser, const std::vector<examples::Point>& points, const auto& level) {
  ArrayXXf x_t(2, Index(points.size()));
  for (std::size_t k = 0; k < points.size(); ++k) x_t.col(Index(k)) << float(points[k].x), float(points[k].y);
  return denoiser(x_t, level);
}

/// A panel for a level: colours say which picture a point comes from, arrows a sixth of the way to the estimate, and
/// rings where the walks from each picture are at that time, sqrt(2) deviations about signal x_0.
inline void draw_field(examples::Panel& panel, const auto& denoiser, const diffusion::NoiseLevel<double>& level) {
  std::vector<examples::Point> points;
  panel.fill([&](examples::Point at) {
    points.push_back(at);
    return examples::white;
  });
  ArrayXXf estimate = estimates(denoiser, points, level);
  Index next = 0;
  panel.fill([&](examples::Point) {
    const Eigen::Array3f share = shares(estimate.col(next++));
    examples::Colour mixed{0, 0, 0};
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t channel = 0; channel < 3; ++channel)
        mixed[channel] += std::round(5 * share(Index(k))) / 5 * colours[k][channel];
    return examples::mix(examples::white, mixed, 0.22f);
  });
  for (std::size_t k = 0; k < 3; ++k) {
    const Eigen::Array2d centre = level.signal() * pictures.col(Index(k)).cast<double>();
    panel.ring({centre(0), centre(1)}, std::sqrt(2.0) * level.noise(), 0.4, colours[k]);
  }
  points.clear();
  for (double y = -3; y < 3.1; y += 0.6)
    for (double x = -3; x < 3.1; x += 0.6) points.push_back({x, y});
  estimate = estimates(denoiser, points, level);
  for (std::size_t k = 0; k < points.size(); ++k) {
    const examples::Point from = points[k];
    const double x = double(estimate(0, Index(k))) - from.x, y = double(estimate(1, Index(k))) - from.y;
    panel.arrow(from, {from.x + x / 6, from.y + y / 6}, 0.45, examples::ink);
  }
  for (std::size_t k = 0; k < 3; ++k) panel.disc({pictures(0, Index(k)), pictures(1, Index(k))}, 3.5, colours[k]);
  panel.frame(examples::grey);
}

/// Prints and draws the field at five times, and walks back in it.
inline void show_way_back(const std::string& path, const diffusion::DiscreteSchedule<double>& schedule,
                          std::uint64_t seed) {
  constexpr int side = 240, gap = 12;
  examples::Canvas canvas(3 * side + 2 * gap, 2 * side + gap);
  const auto panel = [&](int k) {
    return examples::Panel(canvas, k % 3 * (side + gap), k / 3 * (side + gap), side, side, {-3.5, -3.5}, {3.5, 3.5});
  };
  const auto denoiser = exact_denoiser();
  std::printf(
      "\nthe estimate of x_0 where x_t = (0.5, 0.5), and the shares of the pictures (1, 2), (-2, 0.5), (1, -2)\n");
  int k = 0;
  for (const int t : {900, 700, 500, 300, 100}) {
    examples::Panel field = panel(k++);
    draw_field(field, denoiser, schedule(t));
    const Eigen::Array2f estimate = estimates(denoiser, {{0.5, 0.5}}, schedule(t)).col(0);
    const Eigen::Array3f share = shares(estimate);
    std::printf("t = %3d  (%6.3f, %6.3f)   %5.3f %5.3f %5.3f\n", t, double(estimate(0)), double(estimate(1)),
                double(share(0)), double(share(1)), double(share(2)));
  }

  // Walks back in 50 steps from N(0, I): thousands for the count, the first twelve for the picture.
  constexpr Index walks = 3000, drawn = 12;
  const diffusion::NormalNoise noise{.seed = seed, .stream = 4};
  const ArrayXXf start = noise.initial(ArrayXXf(2, walks));
  std::vector<ArrayXXf> ways{start.leftCols(drawn)};
  const ArrayXXf ends =
      diffusion::sample(diffusion::AncestralSampler{}, denoiser, diffusion::level_grid(schedule, 50), start, noise,
                        [&](const auto& progress) { ways.emplace_back(progress.x.leftCols(drawn)); });
  std::array<int, 3> counts{};
  float farthest = 0;
  std::vector<std::size_t> arrived;
  for (Index j = 0; j < walks; ++j) {
    Index nearest = 0;
    farthest = std::max(farthest, (pictures.colwise() - ends.col(j)).matrix().colwise().norm().minCoeff(&nearest));
    counts[std::size_t(nearest)] += 1;
    arrived.push_back(std::size_t(nearest));
  }
  std::printf("%td walks back end at the three pictures %d, %d and %d times, at most %.1e off\n", walks, counts[0],
              counts[1], counts[2], double(farthest));
  examples::Panel back = panel(k);
  for (Index j = 0; j < drawn; ++j) {
    const auto point = [&](std::size_t step) { return examples::Point{ways[step](0, j), ways[step](1, j)}; };
    for (std::size_t step = 1; step < ways.size(); ++step)
      back.line(point(step - 1), point(step), 0.35, colours[arrived[std::size_t(j)]], 0.8f);
    back.disc(point(0), 2, examples::ink);
  }
  for (std::size_t p = 0; p < 3; ++p) back.disc({pictures(0, Index(p)), pictures(1, Index(p))}, 3.5, colours[p]);
  back.frame(examples::grey);
  canvas.write(path);
}

}  // namespace walk
