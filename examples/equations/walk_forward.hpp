// SPDX-License-Identifier: MIT
// Document 002, "Diffusion": the walk out, from a picture to where it ends.
#pragma once

#include "../support/radius.hpp"
#include "walk_common.hpp"

namespace equations::walk {

// [one_step_mean]
/// The mean after step t from x is factor(beta_t) x. (Of (1, 2), both numbers of which a rounded factor leaves
/// rounded.)
template <class Factor>
Outcome step_mean(int t, Factor factor) {
  Cases cases;
  const auto q = diffusion::q_transition(schedule()(t - 1), schedule()(t), picture);
  for (std::size_t i = 0; i < picture.size(); ++i)
    cases.equal(q.mean[i], factor(beta(t)) * W(picture[i]), text("number %zu of the mean after step %d", i + 1, t));
  return cases.outcome();
}
inline W stays(const W&) { return W(1); }
inline W shrinks(const W& beta_t) { return sqrt(W(W(1) - beta_t)); }
// [one_step_mean]

// [point_or_distribution]
/// The variance of what step 2 adds for a walk that is at a point, against that of x_2 over all walks from the picture.
inline Outcome step_from(bool distribution) {
  Cases cases;
  const double step = diffusion::q_transition(schedule()(1), schedule()(2), picture).variance;
  const double all = diffusion::q_marginal(schedule()(2), picture).variance;
  if (distribution) cases.equal(step, W(all), "variance of step 2 of a walk, and of all walks");
  cases.equal(step, beta(2));
  cases.equal(all, W(beta(2) + (W(1) - beta(2)) * beta(1)));
  return cases.outcome();
}
// [point_or_distribution]

// [isotropic]
/// Equally likely in all directions from the centre, at a given distance.
template <class Centre>
Outcome isotropic(Centre centre) {
  Cases cases;
  const auto q = diffusion::q_transition(schedule()(0), schedule()(1), picture);
  const Vector c = centre(q);
  for (const double angle : {0.0, 0.5, 1.0, 2.0, 3.0}) {
    const double x = 0.01 * std::cos(angle), y = 0.01 * std::sin(angle);
    const double ahead = diffusion::log_density(q, Vector{c[0] + x, c[1] + y});
    const double behind = diffusion::log_density(q, Vector{c[0] - x, c[1] - y});
    cases.require(std::abs(ahead - behind) < 1e-10,
                  text("log-densities %.4f and %.4f on opposite sides", ahead, behind), std::abs(ahead - behind));
  }
  return cases.outcome();
}
// [isotropic]

// [electron_cloud]
/// As in an atom: the density depends on the distance alone, and the most likely distance is not 0. In the plane it is
/// the deviation of the step.
inline Outcome electron_cloud() {
  Cases cases;
  const auto q = diffusion::q_transition(schedule()(0), schedule()(1), picture);
  const double deviation = std::sqrt(q.variance);
  double most = 0, likely = -1;
  for (int k = 1; k <= 4000; ++k) {
    const double r = k * deviation / 1000;
    const double ahead = diffusion::log_density(q, Vector{q.mean[0] + r, q.mean[1]});
    const double beside = diffusion::log_density(q, Vector{q.mean[0], q.mean[1] + r});
    cases.require(std::abs(ahead - beside) < 1e-9, text("at distance %.3g", r));
    if (2 * 3.14159265358979 * r * std::exp(ahead) > most) {
      most = 2 * 3.14159265358979 * r * std::exp(ahead);
      likely = r;
    }
  }
  cases.require(std::abs(likely / deviation - 1) < 1e-3, text("the most likely distance is %.4g", likely));
  return cases.outcome();
}
// [electron_cloud]

// [farther]
/// Walks of two steps in the plane: is each farther from its start after the second than after the first?
inline Outcome each_walk_goes_farther() {
  Cases cases;
  int nearer = 0;
  constexpr int walks = 4000;
  for (int k = 0; k < walks; ++k) {
    const diffusion::NormalNoise noise{.seed = 6, .stream = std::uint32_t(k)};
    const Vector one =
        diffusion::sample(diffusion::q_transition(schedule()(0), schedule()(1), picture), noise(1, picture));
    const Vector two = diffusion::sample(diffusion::q_transition(schedule()(1), schedule()(2), one), noise(2, picture));
    nearer += distance(two, picture) < distance(one, picture) ? 1 : 0;
  }
  cases.require(nearer == 0, text("%d of %d walks are nearer to their start after the second step", nearer, walks));
  return cases.outcome();
}
/// E ||x_t - x_0||^2 = (1 - sqrt(alpha_bar_t))^2 ||x_0||^2 + d (1 - alpha_bar_t) grows with every step.
inline Outcome farther_on_average() {
  Cases cases;
  W before(0);
  for (int t = 1; t <= 1000; ++t) {
    const auto q = diffusion::q_marginal(schedule()(t));
    const W away = W(1) - W(q.signal),
            squares = away * away * diffusion::squared_norm(picture) + W(2) * W(q.noise) * W(q.noise);
    cases.require(before < squares, text("at t = %d", t));
    before = squares;
  }
  return cases.outcome();
}
// [farther]

// [more_spread]
/// The variance 1 - alpha_bar_t of q(x_t | x_0) grows with every step, and never exceeds 1.
inline Outcome more_spread() {
  Cases cases;
  for (int t = 1; t <= 1000; ++t) {
    const double before = diffusion::q_marginal(schedule()(t - 1), picture).variance;
    const double after = diffusion::q_marginal(schedule()(t), picture).variance;
    cases.require(before < after && after < 1, text("t = %d: %.6g after %.6g", t, after, before));
  }
  return cases.outcome();
}
// [more_spread]

// [centred_at_the_picture]
/// The centre of q(x_1000 | x_0) is factor x_0.
template <class Factor>
Outcome centre_after_all_steps(Factor factor) {
  Cases cases;
  const auto q = diffusion::q_marginal(schedule()(1000), picture);
  for (std::size_t i = 0; i < picture.size(); ++i)
    cases.equal(q.mean[i], factor() * W(picture[i]), text("number %zu of the centre", i + 1));
  return cases.outcome();
}
// [centred_at_the_picture]

// [ball]
/// How far from the centre 200 walks end, in 3072 dimensions, by the radius sqrt(d (1 - alpha_bar)).
struct Ends {
  double least = 1e9, most = 0;
};
inline Ends ends_of_walks() {
  const Vector black(3072, -1);
  const auto q = diffusion::q_marginal(schedule()(1000), black);
  Ends ends;
  for (int k = 0; k < 200; ++k) {
    const double radius = distance(diffusion::sample(q, diffusion::NormalNoise{.seed = 7}(k, black)), q.mean);
    ends.least = std::min(ends.least, radius / std::sqrt(3072 * q.variance));
    ends.most = std::max(ends.most, radius / std::sqrt(3072 * q.variance));
  }
  return ends;
}
/// In a ball there are points within 9/10 of the radius. In a shell there are none.
inline Outcome ends_in_a_ball() {
  Cases cases;
  const Ends ends = ends_of_walks();
  cases.require(ends.least < 0.9, text("200 walks end at %.3f to %.3f of the radius, d = 3072", ends.least, ends.most));
  return cases.outcome();
}
inline Outcome ends_on_a_shell() {
  Cases cases;
  const Ends ends = ends_of_walks();
  cases.require(ends.least > 0.95 && ends.most < 1.05, text("%.3f to %.3f", ends.least, ends.most));
  return cases.outcome();
}
// [ball]

// [vast]
/// Ends as near to the picture as half a grey level of contrast in every number, by walks of the same width.
template <int dimensions>
Outcome ends_are_meaningless() {
  Cases cases;
  const auto level = schedule()(1000);
  const Vector x_0(dimensions, 1);
  int near = 0;
  constexpr int walks = 10000 / dimensions + 100;
  for (int k = 0; k < walks; ++k) {
    const Vector x_T = diffusion::q_sample(level, x_0, diffusion::NormalNoise{.seed = 8}(k, x_0));
    near += distance(x_T, x_0) < 0.5 * std::sqrt(dimensions) ? 1 : 0;
  }
  cases.require(level.noise_variance() < 1, "the variance");
  cases.require(near == 0, text("d = %d, variance %.5f: %d of %d walks end near the picture", dimensions,
                                level.noise_variance(), near, walks));
  // No ball is likelier than the one about the centre of a normal distribution.
  if (near == 0)
    cases.require(examples::probability_within(0.5 * std::sqrt(dimensions) / level.noise(), dimensions) < 1e-100,
                  "bound");
  return cases.outcome();
}
// [vast]

inline double correlation(const Vector& a, const Vector& b) {
  double product = 0;
  for (std::size_t i = 0; i < a.size(); ++i) product += a[i] * b[i];
  return product / (norm(a) * norm(b));
}
/// A picture of 3072 numbers, black and white.
inline Vector black_and_white() {
  Vector x(3072);
  Draw draw(9);
  for (double& e : x) e = draw.between(-1, 1) < 0 ? -1 : 1;
  return x;
}

// [mean_is_noise]
/// Is what is taken from the last distribution noise, unlike the picture? By its correlation with it.
template <class Take>
Outcome taken_from_the_end(Take take) {
  Cases cases;
  const Vector x_0 = black_and_white();
  const double like = correlation(take(diffusion::q_marginal(schedule()(1000), x_0)), x_0);
  cases.require(std::abs(like) < 0.1, text("correlation with the picture: %.3f", like), std::abs(like));
  return cases.outcome();
}
// [mean_is_noise]

// [closed_form]
/// Mean and variance carried from step to step give sqrt(alpha_bar) x_0 and 1 - alpha_bar, and the library's values.
inline Outcome closed_form() {
  Cases cases;
  W signal_squared(1), variance(0);
  for (int t = 1; t <= 1000; ++t) {
    const W kept = W(1) - beta(t);
    signal_squared = signal_squared * kept;
    variance = variance * kept + beta(t);
    cases.equal(variance, W(W(1) - signal_squared), text("t = %d", t));
    cases.equal(diffusion::q_marginal(schedule()(t)).signal, sqrt(signal_squared), text("signal at t = %d", t));
    cases.equal(diffusion::q_marginal(schedule()(t), 1.0).variance, variance, text("variance at t = %d", t));
  }
  return cases.outcome();
}
// [closed_form]

// [draw_at_the_end]
/// A draw at every step or one draw at the end: the same mean and variance, within 5 standard errors.
inline Outcome draw_at_the_end() {
  Cases cases;
  constexpr int n = 20000;
  Vector x(n, 0.7);
  for (int t = 20; t <= 1000; t += 20)
    x = diffusion::sample(diffusion::q_transition(schedule()(t - 20), schedule()(t), x),
                          diffusion::NormalNoise{.seed = 20}(t, x));
  const auto q = diffusion::q_marginal(schedule()(1000), 0.7);
  double mean = 0, squares = 0;
  for (const double e : x) mean += e / n;
  for (const double e : x) squares += (e - mean) * (e - mean) / n;
  cases.require(std::abs(mean - q.mean) < 5 * std::sqrt(q.variance / n), text("mean %.4f, %.4f", mean, q.mean));
  cases.require(std::abs(squares / q.variance - 1) < 5 * std::sqrt(2.0 / n), text("variance %.4f", squares));
  return cases.outcome();
}
// [draw_at_the_end]

// [alpha_bar_end]
inline Outcome alpha_bar_end() {
  Cases cases;
  cases.equal(schedule()(1000).alpha_bar(), alpha_bar(1000), "alpha_bar");
  cases.require(schedule()(1000).alpha_bar() < 5e-5, text("%.3g", schedule()(1000).alpha_bar()));
  return cases.outcome();
}
// [alpha_bar_end]

// [mean_near_zero]
/// Numbers of a picture are -1 to 1, those of the mean at most sqrt(alpha_bar).
inline Outcome mean_near_zero() {
  Cases cases;
  for (const double number : diffusion::q_marginal(schedule()(1000), black_and_white()).mean)
    cases.require(std::abs(number) < 0.01, text("%.4f", number));
  return cases.outcome();
}
// [mean_near_zero]

// [mean_loses_the_picture]
/// The mean is the x_t whose noise is 0, so the picture is computed from it.
inline Outcome mean_loses_the_picture() {
  Cases cases;
  const Vector x_0 = black_and_white(), mean = diffusion::q_marginal(schedule()(1000), x_0).mean;
  const double error = distance(diffusion::x0_from_noise(schedule()(1000), mean, Vector(3072)), x_0);
  cases.require(error > 1e-12, "the mean divided by sqrt(alpha_bar) is the picture to 12 digits");
  return cases.outcome();
}
inline Outcome mean_keeps_the_picture() {
  Cases cases;
  const Vector x_0 = black_and_white(), mean = diffusion::q_marginal(schedule()(1000), x_0).mean;
  cases.require(distance(mean, x_0) > 50, "the mean is another point");
  cases.require(distance(diffusion::x0_from_noise(schedule()(1000), mean, Vector(3072)), x_0) < 1e-12, "and tells it");
  return cases.outcome();
}
// [mean_loses_the_picture]

// [nearly_gaussian]
/// KL(q(x_T | x_0) || N(0, I)) of black pictures of 2 numbers, 32 x 32 in RGB, and the document's 1024 x 1024.
template <class Holds>
Outcome nearly_standard_normal(Holds holds) {
  Cases cases;
  const auto cosine = diffusion::cosine_schedule(1000);
  for (const std::size_t d : {std::size_t(2), std::size_t(3072), std::size_t(1024) * 1024}) {
    const std::vector<float> black(d, -1);
    const double linear_kl = diffusion::prior_kl(schedule()(1000), black);
    cases.require(holds(linear_kl, diffusion::prior_kl(cosine(1000), black), double(d)),
                  text("d = %zu: %.3g nats", d, linear_kl), linear_kl);
  }
  return cases.outcome();
}
// [nearly_gaussian]

inline std::vector<Check> forward_checks() {
  using Q = diffusion::Gaussian<Vector>;
  return {
      {"walk.point_or_distribution", [] { return step_from(true); }, [] { return step_from(false); }},
      {"walk.one_step_mean", [] { return step_mean(1, stays); }, [] { return step_mean(1, shrinks); }},
      {"walk.isotropic", [] { return isotropic([](const Q&) { return picture; }); },
       [] { return isotropic([](const Q& q) { return q.mean; }); }},
      {"walk.electron_cloud", electron_cloud},
      {"walk.farther", each_walk_goes_farther, farther_on_average},
      {"walk.more_spread", more_spread},
      {"walk.centred_at_the_picture", [] { return centre_after_all_steps([] { return W(1); }); },
       [] { return centre_after_all_steps([] { return sqrt(alpha_bar(1000)); }); }},
      {"walk.ball", ends_in_a_ball, ends_on_a_shell},
      {"walk.vast", ends_are_meaningless<2>, ends_are_meaningless<3072>},
      {"walk.mean_is_noise", [] { return taken_from_the_end([](const Q& q) { return q.mean; }); },
       [] {
         return taken_from_the_end(
             [](const Q& q) { return diffusion::sample(q, diffusion::NormalNoise{.seed = 10}(0, q.mean)); });
       }},
      {"walk.closed_form", closed_form},
      {"walk.draw_at_the_end", draw_at_the_end},
      {"walk.alpha_bar_end", alpha_bar_end},
      {"walk.mean_near_zero", mean_near_zero},
      {"walk.mean_loses_the_picture", mean_loses_the_picture, mean_keeps_the_picture},
      {"walk.nearly_gaussian",
       [] { return nearly_standard_normal([](double linear, double, double) { return linear < 0.1; }); },
       [] {
         return nearly_standard_normal(
             [](double linear, double cosine, double d) { return linear < 2.1e-5 * d && cosine < 0.01; });
       }},
  };
}

}  // namespace equations::walk
