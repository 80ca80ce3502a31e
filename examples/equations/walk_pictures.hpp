// SPDX-License-Identifier: MIT
// Document 002, "Diffusion": pictures as points, and distributions of pictures.
#pragma once

#include "../support/radius.hpp"
#include "walk_common.hpp"

namespace equations::walk {

/// The formulas treat every element alike: of a picture, of a sound, or one number alone.
inline Outcome not_only_pictures() {
  Cases cases;
  const Vector x{0.3, -1.2, 2.5}, eps{-0.4, 0.1, 1.7};
  for (const int t : {1, 500, 1000}) {
    const Vector x_t = diffusion::q_sample(schedule()(t), x, eps);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double alone = diffusion::q_sample(schedule()(t), x[i], eps[i]);
      cases.require(std::abs(x_t[i] - alone) < 1e-15, text("%.17g against %.17g", x_t[i], alone));
    }
  }
  return cases.outcome();
}

// [analysis_of_pictures]
/// Do the formulas know that the numbers are pixels, each with its neighbours? The KL of a picture of stripes at the
/// end of the walk, and the same with its pixels shuffled.
inline Outcome analysis_of_pictures(bool knows_pictures) {
  Cases cases;
  Vector stripes(3072), shuffled(3072);
  for (std::size_t i = 0; i < 3072; ++i) {
    stripes[i] = i % 64 < 32 ? 1 : -0.5;
    shuffled[i * 1025 % 3072] = stripes[i];
  }
  const double one = diffusion::prior_kl(schedule()(1000), stripes);
  const double other = diffusion::prior_kl(schedule()(1000), shuffled);
  const bool same = std::abs(one - other) < 1e-12;
  cases.require(same != knows_pictures, text("%.5f nats, and %.5f with the pixels shuffled", one, other));
  return cases.outcome();
}
// [analysis_of_pictures]

/// The heights and widths that a vector of so many numbers can be a picture of.
inline std::vector<std::pair<int, int>> shapes(int numbers, int channels) {
  std::vector<std::pair<int, int>> found;
  for (int height = 1; height * channels <= numbers; ++height)
    if (numbers % (height * channels) == 0) found.emplace_back(height, numbers / (height * channels));
  return found;
}

// [pixels_are_everything]
/// From the vector alone the picture cannot be restored: 12 numbers are many pictures.
inline Outcome pixels_are_everything() {
  Cases cases;
  const std::size_t grey = shapes(12, 1).size(), rgb = shapes(12, 3).size();
  cases.require(grey + rgb == 1, text("12 numbers are a picture of %zu shapes in grey, of %zu in RGB", grey, rgb));
  return cases.outcome();
}
/// With the shape it can: each number belongs to one place, and the other way round.
inline Outcome pixels_and_shape() {
  Cases cases;
  for (const int channels : {1, 3})
    for (const auto& [height, width] : shapes(12, channels)) {
      int next = 0;
      for (int row = 0; row < height; ++row)
        for (int column = 0; column < width; ++column)
          for (int channel = 0; channel < channels; ++channel, ++next) {
            const int place = next / channels;
            cases.require(place / width == row && place % width == column && next % channels == channel, "the place");
          }
      cases.require(next == 12, "the number of places");
    }
  return cases.outcome();
}
// [pixels_are_everything]

/// How many dimensions the space of RGB pictures of 1024 x 1024 pixels has.
inline Outcome dimension(std::size_t stated) {
  Cases cases;
  const std::size_t numbers = diffusion::dimension(std::vector<float>(std::size_t(1024) * 1024 * 3));
  cases.require(numbers == stated, text("%zu numbers against %zu", numbers, stated));
  return cases.outcome();
}

/// Of all grey pictures of 32 x 32 pixels of 8 bits, those where each of 512 pairs of neighbours differs by at most 32
/// of 255 levels: less than one in 10^300.
inline Outcome mostly_noise() {
  Cases cases;
  int near = 0;
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) near += std::abs(a - b) <= 32 ? 1 : 0;
  const double power = 512 * std::log10(near / 65536.0);
  cases.require(power < -300, text("one in 10^%.0f is smooth", -power));
  return cases.outcome();
}

// [points_are_pictures]
/// How many numbers of a point where the walk back starts are no grey level, -1 to 1.
inline int outside(const Vector& point) {
  int count = 0;
  for (const double x : point) count += std::abs(x) > 1 ? 1 : 0;
  return count;
}
inline Outcome points_are_pictures() {
  Cases cases;
  const Vector x_T = diffusion::NormalNoise{.seed = 1}.initial(Vector(3072));
  cases.require(outside(x_T) == 0, text("%d of 3072 numbers of a random point are no grey level", outside(x_T)));
  return cases.outcome();
}
/// Only points of a cube are: one draw in 10^509 of N(0, I) in 3072 dimensions.
inline Outcome points_of_the_cube_are_pictures() {
  Cases cases;
  const double inside = std::erf(std::sqrt(0.5)), power = 3072 * std::log10(inside);
  const Vector x_T = diffusion::NormalNoise{.seed = 1}.initial(Vector(307200));
  cases.require(std::abs(1 - outside(x_T) / 307200.0 - inside) < 0.005, "the share of numbers in -1 to 1");
  cases.require(power < -500, text("one in 10^%.0f", -power));
  return cases.outcome();
}
// [points_are_pictures]

// [random_start]
/// The walk back must start as far out as the walk out ends.
template <class Start>
Outcome random_start(Start start) {
  Cases cases;
  const double from = norm(start(Vector(3072)));
  const double to =
      norm(diffusion::q_sample(schedule()(1000), Vector(3072), diffusion::NormalNoise{.seed = 3}(0, Vector(3072))));
  cases.require(std::abs(from / to - 1) < 0.05, text("radius %.1f against %.1f", from, to));
  return cases.outcome();
}
/// "A random point" of the pictures: each number uniform in -1 to 1.
inline Vector uniform_point(Vector x) {
  Draw draw(2);
  for (double& e : x) e = draw.between(-1, 1);
  return x;
}
// [random_start]

/// N((1, 2), I), the document's distribution of pictures.
inline const diffusion::Gaussian<Vector> normal{picture, 1};
inline double density(const Vector& x) { return std::exp(diffusion::log_density(normal, x)); }

// [mean_most_probable]
/// What a point has is a density. Its probability is less than that of every disc about it.
inline double probability(const Vector& x) {
  const double most = density(picture);
  double least = 1;
  for (double radius = distance(x, picture) + 1; radius > 0; radius /= 2)
    least = std::min(least, most * 3.14159265358979 * radius * radius);
  return least;
}
template <class Measure>
Outcome mean_most_probable(Measure measure) {
  Cases cases;
  Draw draw(4);
  for (int k = 0; k < 100; ++k) {
    const Vector other{picture[0] + draw.normal(), picture[1] + draw.normal()};
    cases.require(measure(picture) > measure(other),
                  text("P((1, 2)) = %.3g, P of another point = %.3g", measure(picture), measure(other)));
  }
  return cases.outcome();
}
// [mean_most_probable]

// [mean_is_enough]
/// The density at (1, 3) of normal distributions about (1, 2) with two variances.
inline Outcome mean_is_enough(double variance, double other_variance) {
  Cases cases;
  const auto at = [](double v) {
    return std::exp(diffusion::log_density(diffusion::Gaussian{picture, v}, Vector{1, 3}));
  };
  cases.require(std::abs(at(variance) - at(other_variance)) < 1e-15,
                text("density at (1, 3): %.4f for variance %.3g, %.4f for variance %.3g", at(variance), variance,
                     at(other_variance), other_variance));
  const double by_hand = std::exp(-0.5 / variance) / (2 * 3.14159265358979 * variance);
  cases.require(std::abs(at(variance) - by_hand) < 1e-12, text("density %.4f", at(variance)));
  return cases.outcome();
}
// [mean_is_enough]

// [probability_of_a_point]
/// Probabilities of all pictures add up to 1, whatever the step of their grey levels.
template <class Probability>
Outcome probability_of_a_picture(Probability of) {
  Cases cases;
  for (const double step : {1.0, 0.5, 0.25}) {
    double sum = 0;
    for (int i = -40; i <= 40; ++i)
      for (int j = -40; j <= 40; ++j) sum += of(Vector{1 + i * step, 3 + j * step}, step);
    cases.require(std::abs(sum - 1) < 1e-6, text("grey levels of step %.2g: %.4g in all against 1", step, sum),
                  sum - 1);
  }
  return cases.outcome();
}
// [probability_of_a_point]

// [take_the_mean]
/// The chance that a draw is nearer to the mean than 9/10 of its usual distance, sqrt(d).
inline Outcome take_the_mean() {
  Cases cases;
  for (const int d : {3072, 2}) {
    const double near = examples::probability_within(0.9 * std::sqrt(d), d);
    cases.require(near > 0.5, text("d = %d: a draw is that near to the mean with probability %.1e", d, near));
  }
  return cases.outcome();
}
/// Draws lie on a shell of radius sqrt(d), as thick in a thousand dimensions as in one.
inline Outcome draws_lie_on_a_shell() {
  Cases cases;
  for (const int d : {2, 20, 3072}) {
    const double root = std::sqrt(d);
    const double shell = examples::probability_within(root + 2.5, d) - examples::probability_within(root - 2.5, d);
    cases.require(shell > 0.999, text("d = %d: %.5f", d, shell));
  }
  return cases.outcome();
}
// [take_the_mean]

// [mean_is_mode]
/// Two pictures, equally likely, each blurred a little: is what lies at their mean likely?
inline Outcome mean_is_mode(bool at_mean) {
  Cases cases;
  const diffusion::Gaussian<Vector> one{{-3, 0}, 1}, other{{3, 0}, 1};
  const auto mixture = [&](const Vector& x) {
    return (std::exp(diffusion::log_density(one, x)) + std::exp(diffusion::log_density(other, x))) / 2;
  };
  const double mean = mixture({0, 0}), at_picture = mixture({3, 0});
  cases.require(at_mean ? mean >= at_picture : mean < at_picture / 40,
                text("density %.2g at the mean against %.2g at a picture", mean, at_picture));
  return cases.outcome();
}
// [mean_is_mode]

// [draws]
/// A draw that is (1, 2).
inline Outcome draw_is_the_mean() {
  Cases cases;
  int hits = 0;
  for (int k = 0; k < 1000; ++k)
    hits += diffusion::sample(normal, diffusion::NormalNoise{.seed = 5}(k, picture)) == picture ? 1 : 0;
  cases.require(hits > 0, text("%d of 1000 draws are (1, 2)", hits));
  return cases.outcome();
}
/// Near (1, 2) there are exp(5 / 2) = 12.2 times as many draws as near (2, 4).
inline Outcome draws_near_the_mean() {
  Cases cases;
  const double ratio = diffusion::log_density(normal, picture) - diffusion::log_density(normal, Vector{2, 4});
  cases.require(std::abs(ratio - 2.5) < 1e-14, text("exp(%.3f)", ratio));
  return cases.outcome();
}
// [draws]

// [far_is_rare]
/// The chance of a draw more than `far(d)` deviations from the mean.
template <class Far>
Outcome far_is_rare(Far far) {
  Cases cases;
  for (const int d : {2, 3072}) {
    const double beyond = 1 - examples::probability_within(far(d), d);
    cases.require(beyond < 1e-5, text("d = %d: beyond %.1f deviations with probability %.3g", d, far(d), beyond));
  }
  return cases.outcome();
}
// [far_is_rare]

inline std::vector<Check> picture_checks() {
  return {
      {"walk.not_only_pictures", not_only_pictures},
      {"walk.analysis_of_pictures", [] { return analysis_of_pictures(true); },
       [] { return analysis_of_pictures(false); }},
      {"walk.pixels_are_everything", pixels_are_everything, pixels_and_shape},
      {"walk.dimension", [] { return dimension(1024 * 1024); }, [] { return dimension(3 * 1024 * 1024); }},
      {"walk.mostly_noise", mostly_noise},
      {"walk.points_are_pictures", points_are_pictures, points_of_the_cube_are_pictures},
      {"walk.random_start", [] { return random_start(uniform_point); },
       [] { return random_start([](const Vector& x) { return diffusion::NormalNoise{.seed = 2}.initial(x); }); }},
      {"walk.mean_most_probable", [] { return mean_most_probable(probability); },
       [] { return mean_most_probable(density); }},
      {"walk.mean_is_enough", [] { return mean_is_enough(1, 0.25); }, [] { return mean_is_enough(1, 1); }},
      {"walk.probability_of_a_point",
       [] { return probability_of_a_picture([](const Vector& x, double) { return density(x); }); },
       [] { return probability_of_a_picture([](const Vector& x, double step) { return density(x) * step * step; }); }},
      {"walk.take_the_mean", take_the_mean, draws_lie_on_a_shell},
      {"walk.mean_is_mode", [] { return mean_is_mode(true); }, [] { return mean_is_mode(false); }},
      {"walk.draws", draw_is_the_mean, draws_near_the_mean},
      {"walk.far_is_rare", [] { return far_is_rare([](int) { return 5.0; }); },
       [] { return far_is_rare([](int d) { return std::sqrt(d) + 5; }); }},
  };
}

}  // namespace equations::walk
