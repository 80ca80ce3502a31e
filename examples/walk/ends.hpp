// SPDX-License-Identifier: MIT
// Where the walk out ends: chains of 1000 steps, simulated step by step, in the plane and in 3072 dimensions.
#pragma once

#include <cstdio>
#include <diffusion/ddpm.hpp>
#include <diffusion/eigen.hpp>
#include <string>

#include "../support/canvas.hpp"
#include "../support/moon.hpp"
#include "../support/radius.hpp"

namespace walk {

using Schedule = diffusion::DiscreteSchedule<double>;
using Eigen::ArrayXf, Eigen::ArrayXXf, Eigen::Index;

/// The document's picture, two numbers.
inline ArrayXf plane_picture() { return ArrayXf{{1, 2}}; }

/// A full moon of 32 x 32 pixels in three colours: 3072 numbers, as large as the pictures of CIFAR-10.
inline ArrayXf moon_picture() {
  const std::vector<float> grey = examples::moon(1, 16, 16, 12, 32);
  ArrayXf picture(3 * Index(grey.size()));
  for (Index k = 0; k < picture.size(); ++k) picture(k) = grey[std::size_t(k / 3)];
  return picture;
}

/// What is measured of the walks, one a column, at one time.
struct Measured {
  int t;
  Eigen::ArrayXd along, across;   // of x_t: along the picture, and at right angles to it
  Eigen::ArrayXd radius, origin;  // the distances from the centre of q(x_t | x_0), and from the origin
  Eigen::ArrayXd start;           // the distance from the picture
};

inline Measured measure(const ArrayXXf& x, const ArrayXf& x_0, const diffusion::NoiseLevel<double>& level) {
  const Eigen::MatrixXd points = x.matrix().cast<double>();
  const Eigen::VectorXd picture = x_0.matrix().cast<double>();
  const auto from = [&](double share) { return (points.colwise() - share * picture).colwise().norm().transpose(); };
  const Eigen::ArrayXd along = points.transpose() * picture.normalized(), origin = from(0);
  return {int(level.time()),    along,  (origin.square() - along.square()).max(0).sqrt(),
          from(level.signal()), origin, from(1)};
}

/// Walks from x_0 in steps of one, measured at every tenth time and at t = 1; the ends are left in `ends`.
inline std::vector<Measured> simulate(const ArrayXf& x_0, int walks, const Schedule& schedule, std::uint64_t seed,
                                      ArrayXXf& ends) {
  std::vector<Measured> measured;
  ends = x_0.replicate(1, walks);
  const diffusion::NormalNoise noise{.seed = seed};
  for (int t = 1; t <= schedule.steps(); ++t) {
    ends = diffusion::sample(diffusion::q_transition(schedule(t - 1), schedule(t), ends), noise(t, ends));
    if (t == 1 || t % 10 == 0) measured.push_back(measure(ends, x_0, schedule(t)));
  }
  return measured;
}

// [law]
/// What the closed form says of x_t = signal x_0 + noise eps in d dimensions: the mean along the picture, mean and
/// deviation of the distance from the centre, root mean squares of the distances from the picture and from the origin.
struct Law {
  double along, radius, deviation, start, origin;
};
inline Law law(const diffusion::NoiseLevel<double>& level, double norm, int d) {
  const double mean = std::sqrt(2.0) * std::exp(std::lgamma((d + 1) / 2.0) - std::lgamma(d / 2.0));
  const double away = (1 - level.signal()) * norm, centre = level.signal() * norm;
  return {centre, level.noise() * mean, level.noise() * std::sqrt(d - mean * mean),
          std::sqrt(away * away + d * level.noise_variance()), std::sqrt(centre * centre + d * level.noise_variance())};
}
// [law]

inline void print_ends(const ArrayXf& x_0, const std::vector<Measured>& measured, const Schedule& schedule) {
  const int d = int(x_0.size());
  const double norm = double(x_0.matrix().norm());
  std::printf("\n%d dimensions, from a picture %.2f from the origin: %td walks, and the law in brackets\n", d, norm,
              measured.front().along.size());
  std::printf(
      "    t  mean along picture  distance from centre           deviation        from picture         "
      "from origin\n");
  for (const Measured& m : measured) {
    if (m.t != 1 && m.t != 10 && m.t != 100 && m.t != 300 && m.t != 1000) continue;
    const Law expected = law(schedule(m.t), norm, d);
    const double radius = m.radius.mean(), deviation = std::sqrt((m.radius - radius).square().mean());
    std::printf("%5d", m.t);
    for (const auto& [value, by_law] : {std::pair{m.along.mean(), expected.along},
                                        {radius, expected.radius},
                                        {deviation, expected.deviation},
                                        {std::sqrt(m.start.square().mean()), expected.start},
                                        {std::sqrt(m.origin.square().mean()), expected.origin}})
      std::printf("    %7.3f (%6.3f)", value, by_law);
    std::printf("\n");
  }
}

/// Ends of walks in the plane, three of the walks, and the ring of sqrt(2) deviations about the centre of the ends.
inline void draw_plane(examples::Panel plane, const ArrayXXf& ends, const Schedule& schedule, std::uint64_t seed) {
  for (Index k = 0; k < std::min<Index>(1500, ends.cols()); ++k)
    plane.disc({ends(0, k), ends(1, k)}, 1, examples::blue, 0.35f);
  const auto q = diffusion::q_marginal(schedule(schedule.steps()), plane_picture());
  const examples::Point centre{q.mean(0), q.mean(1)};
  plane.ring(centre, std::sqrt(2 * double(q.variance)), 0.8, examples::ink);
  for (const auto& [stream, colour] :
       {std::pair{1u, examples::gold}, std::pair{2u, examples::green}, std::pair{3u, examples::red}}) {
    const diffusion::NormalNoise noise{.seed = seed, .stream = stream};
    ArrayXf x = plane_picture();
    for (int t = 1; t <= schedule.steps(); ++t) {
      const ArrayXf next = diffusion::sample(diffusion::q_transition(schedule(t - 1), schedule(t), x), noise(t, x));
      plane.line({x(0), x(1)}, {next(0), next(1)}, 0.35, colour);
      x = next;
    }
    plane.disc({x(0), x(1)}, 3, colour);
  }
  plane.disc({1, 2}, 4, examples::ink);
  plane.disc(centre, 2.5, examples::ink);
  plane.frame(examples::grey);
}

/// Walks in many dimensions, by how far they are along the picture (right) and at right angles to it (up).
inline void draw_arcs(examples::Panel arcs, const std::vector<Measured>& measured, double norm) {
  arcs.line({-8, 0}, {64, 0}, 0.4, examples::grey);
  arcs.line({0, -8}, {0, 64}, 0.4, examples::grey);
  for (Index k = 0; k < 5; ++k) {
    examples::Point at{norm, 0};
    for (const Measured& m : measured) {
      const examples::Point next{m.along(k), m.across(k)};
      arcs.line(at, next, 0.5, examples::red, 0.5f);
      at = next;
    }
    arcs.disc(at, 2.5, examples::red);
  }
  arcs.disc({norm, 0}, 4, examples::ink);
  arcs.frame(examples::grey);
}

/// The distances of the ends from their centre, in units of sqrt(d) deviations: a histogram and, as a line, the law.
inline void draw_radii(examples::Panel& radii, const Eigen::ArrayXd& shares, int d, double width,
                       const examples::Colour& colour) {
  const auto density = [&](double share) { return examples::radius_density(share * std::sqrt(d), d); };
  constexpr double end = 2.199, step = 0.001;
  double most = 0;
  for (double share = 0; share < end; share += step) most = std::max(most, density(share));
  for (double low = 0; low + width < end; low += width) {
    const double count = double((shares >= low && shares < low + width).count());
    const double height = count / (double(shares.size()) * width * std::sqrt(d)) / most;
    for (double share = low; share < low + width; share += 5 * step)
      radii.line({share, 0}, {share, std::min(height, 1.15)}, 1, examples::mix(examples::white, colour, 0.35f));
  }
  for (double share = 0; share < end; share += step)
    radii.line({share, density(share) / most}, {share + step, density(share + step) / most}, 0.9, colour);
}

/// Prints and draws where walks from the two pictures end. The last panel has the plane in blue, 3072 dimensions in
/// red.
inline void show_ends(const std::string& path, const Schedule& schedule, int walks, std::uint64_t seed) {
  ArrayXXf plane_ends, moon_ends;
  const ArrayXf moon = moon_picture();
  const auto in_plane = simulate(plane_picture(), 40 * walks, schedule, seed, plane_ends);
  const auto of_moon = simulate(moon, walks, schedule, seed + 1, moon_ends);
  print_ends(plane_picture(), in_plane, schedule);
  print_ends(moon, of_moon, schedule);

  constexpr int side = 300, gap = 12;
  examples::Canvas canvas(3 * side + 2 * gap, side);
  const auto panel = [&](int k, examples::Point low, examples::Point high) {
    return examples::Panel(canvas, k * (side + gap), 0, side, side, low, high);
  };
  draw_plane(panel(0, {-4, -4}, {4, 4}), plane_ends, schedule, seed);
  draw_arcs(panel(1, {-8, -8}, {64, 64}), of_moon, double(moon.matrix().norm()));
  examples::Panel radii = panel(2, {0, 0}, {2.2, 1.15});
  const double noise = schedule(schedule.steps()).noise();
  draw_radii(radii, in_plane.back().radius / (noise * std::sqrt(2)), 2, 0.05, examples::blue);
  draw_radii(radii, of_moon.back().radius / (noise * std::sqrt(3072)), 3072, 0.01, examples::red);
  radii.frame(examples::grey);
  canvas.write(path);
}

}  // namespace walk
