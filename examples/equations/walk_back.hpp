// SPDX-License-Identifier: MIT
// Document 002, "Diffusion": the walk back.
#pragma once

#include <diffusion/ddim.hpp>

#include "walk_common.hpp"

namespace equations::walk {

// [ends_alike]
/// What the ends of the walks from a picture and from its negative have in common: 1 if they are alike, 0 if each end
/// tells where it came from. Black pictures of 2 numbers, of 32 x 32 in RGB, of 1024 x 1024.
inline Outcome ends_alike(const diffusion::DiscreteSchedule<double>& chain) {
  Cases cases;
  const auto end = chain(1000);
  for (const int d : {2, 3072, 1024 * 1024}) {
    const double apart = 2 * end.signal() * std::sqrt(d) / end.noise(), common = std::erfc(apart / std::sqrt(8));
    cases.require(common > 0.5, text("d = %d: they share %.2g, being %.3g deviations apart", d, common, apart));
  }
  return cases.outcome();
}
// [ends_alike]

// [step_501]
/// Step 501 goes from x_500 = 1 to a mean of factor(beta); 1000 such steps end at a variance that must stay below 1.
template <class Factor>
Outcome step_501(Factor factor) {
  Cases cases;
  const double mean = diffusion::q_transition(schedule()(500), schedule()(501), 1.0).mean;
  W variance(0);
  for (int t = 1; t <= 1000; ++t) variance = variance * factor(beta(t)) * factor(beta(t)) + beta(t);
  cases.require(mean == to_double(factor(beta(501))) &&
                    diffusion::q_marginal(schedule()(1000), 1.0).variance == to_double(variance),
                text("the mean of step 501 is %.5f x_500; about x itself, 1000 steps would spread to variance %.2f",
                     mean, to_double(variance)));
  return cases.outcome();
}
// [step_501]

// [forward_needs_no_network]
/// A step of the walk out is known in closed form: draws have its mean and variance, within 5 standard errors.
inline Outcome forward_needs_no_network() {
  Cases cases;
  constexpr int n = 100000;
  const auto q = diffusion::q_transition(schedule()(500), schedule()(501), Vector(n, 0.7));
  const Vector x = diffusion::sample(q, diffusion::NormalNoise{.seed = 12}(0, q.mean));
  double mean = 0, squares = 0;
  for (const double e : x) mean += e / n;
  for (const double e : x) squares += (e - mean) * (e - mean) / n;
  const double variance = to_double(beta(501));
  cases.require(std::abs(mean - 0.7 * std::sqrt(1 - variance)) < 5 * std::sqrt(variance / n), text("mean %.5f", mean));
  cases.require(std::abs(squares / variance - 1) < 5 * std::sqrt(2.0 / n), text("variance %.6f", squares));
  return cases.outcome();
}
// [forward_needs_no_network]

// [no_gaussian_steps_back]
/// Walks back of which every step is a draw from a Gaussian: do they end at points without meaning?
inline Outcome gaussian_steps_back() {
  Cases cases;
  const auto ends = walks_back(denoiser_of({picture, other_picture}), 100, from_noise);
  const int there = count_at(ends, picture) + count_at(ends, other_picture);
  cases.require(there == 0, text("%d of 100 walks of Gaussian steps end at a picture", there));
  return cases.outcome();
}
/// What does not lead back is the Gaussian of the walk out.
inline Outcome forward_steps_again() {
  Cases cases;
  for (int k = 0; k < 100; ++k) {
    Vector x = from_noise(k);
    for (int t = 1; t <= 1000; t += 10)
      x = diffusion::sample(diffusion::q_transition(schedule()(t - 1), schedule()(t), x),
                            diffusion::NormalNoise{.seed = 13, .stream = std::uint32_t(k)}(t, x));
    cases.require(distance(x, picture) > 1e-6 && distance(x, other_picture) > 1e-6, "a walk arrived by chance");
  }
  return cases.outcome();
}
// [no_gaussian_steps_back]

// [most_probable_place]
/// Two pictures of one number, 0.02 and -0.02, and a walk that is at 0 at t = 2. Where was it at t = 1? The density of
/// the answer at its mean, which is where the network sends it, and at the place x.
struct Answer {
  diffusion::Gaussian<double> one, other;
  double weight;  // of the first
  double density(double x) const {
    return weight * std::exp(diffusion::log_density(one, x)) +
           (1 - weight) * std::exp(diffusion::log_density(other, x));
  }
  double mean() const { return weight * one.mean + (1 - weight) * other.mean; }
};
inline Answer where_from(double x_t, double a = 0.02) {
  const auto s = schedule()(1), t = schedule()(2);
  const double more = diffusion::log_density(diffusion::q_marginal(t, a), x_t) -
                      diffusion::log_density(diffusion::q_marginal(t, -a), x_t);
  return {diffusion::q_posterior(s, t, x_t, a), diffusion::q_posterior(s, t, x_t, -a), 1 / (1 + std::exp(-more))};
}
inline Outcome mean_is_most_probable() {
  Cases cases;
  const Answer from = where_from(0);
  const double at_mean = from.density(from.mean()), at_other = from.density(from.one.mean);
  cases.require(at_mean >= at_other, text("density %.3g at the mean, %.3g at %.4f", at_mean, at_other, from.one.mean));
  return cases.outcome();
}
/// The step goes to the mean: the posterior's, with E[x_0 | x_t] for x_0, which is all that a network must know.
inline Outcome step_goes_to_the_mean() {
  Cases cases;
  const diffusion::GaussianMixtureDenoiser denoiser(Vector{0.5, 0.5}, Vector{0.02, -0.02}, Vector{0, 0});
  const auto c = diffusion::q_posterior(schedule()(1), schedule()(2));
  const auto by_noise = diffusion::q_posterior_from_noise(schedule()(1), schedule()(2));
  for (const double x_t : {-0.05, -0.004, 0.0, 0.01, 0.03}) {
    const double x_0 = denoiser(x_t, schedule()(2)), eps = diffusion::noise_from_x0(schedule()(2), x_t, x_0);
    const double mean = where_from(x_t).mean();
    cases.require(std::abs(c.x0 * x_0 + c.xt * x_t - mean) < 1e-15, text("x_t = %.3f", x_t));
    cases.require(std::abs(by_noise.xt * x_t + by_noise.eps * eps - mean) < 1e-15, text("x_t = %.3f, by noise", x_t));
  }
  return cases.outcome();
}
// [most_probable_place]

// [network_predicts_place]
/// What the network of Ho et al. learns at x_t: where x_{t-1} was, or the noise in x_t?
inline Outcome network_predicts(bool place) {
  Cases cases;
  const std::vector<diffusion::NoiseLevel<double>> levels{schedule()(500)}, cleaner{schedule()(499)};
  const Vector eps{0.3, -1.1};
  const auto batch = diffusion::training_batch(diffusion::NoisePrediction{}, levels, picture, eps);
  const Vector target = place ? diffusion::q_posterior(cleaner[0], levels[0], batch.x_t, picture).mean : eps;
  cases.require(batch.target == target, text("it learns (%.2f, %.2f), the place is (%.2f, %.2f)", batch.target[0],
                                             batch.target[1], target[0], target[1]));
  return cases.outcome();
}
// [network_predicts_place]

// [go_there]
/// Data N(0, 1), of which the exact estimate is signal x_t. Steps back to the mean, adding `variance`: what is the
/// variance of what comes out?
template <class Variance>
Outcome go_there(Variance variance) {
  Cases cases;
  double out = 1;
  for (int t = 1000; t >= 1; --t) {
    const auto c = diffusion::q_posterior(schedule()(t - 1), schedule()(t));
    const double slope = c.x0 * schedule()(t).signal() + c.xt;
    out = slope * slope * out + variance(t);
  }
  cases.require(std::abs(out - 1) < 1e-12, text("deviation %.5f against 1", std::sqrt(out)), std::abs(out - 1));
  return cases.outcome();
}
// [go_there]

// [above_down]
/// One number, one picture at 2, and the mean of the step back from x_t: it goes towards `centre`.
template <class Centre>
Outcome goes_towards(Centre centre) {
  Cases cases;
  for (const int t : {1000, 900, 500, 100}) {
    const auto level = schedule()(t), cleaner = schedule()(t - 1);
    for (const double x_t : {-1.0, 0.5, 1.0, 3.0}) {
      const double x_s = diffusion::q_posterior(cleaner, level, x_t, 2.0).mean;
      const double before = x_t - centre(level), after = x_s - centre(cleaner);
      cases.require(std::abs(after) < std::abs(before),
                    text("t = %d: from %.1f the step goes to %.4f, the picture is at 2", t, x_t, x_s));
    }
  }
  return cases.outcome();
}
// [above_down]

// [needs_place_and_time]
/// The estimate from two pictures of one number, 1 and -1: another at another place, and at another time.
inline Outcome depends_on_place() {
  Cases cases;
  const diffusion::GaussianMixtureDenoiser denoiser(Vector{0.5, 0.5}, Vector{1, -1}, Vector{0, 0});
  for (const int t : {100, 500, 900}) {
    double before = -1;
    for (const double x_t : {-0.5, -0.1, 0.0, 0.2, 0.5}) {
      const double estimate = denoiser(x_t, schedule()(t));
      cases.require(estimate > before, text("t = %d, x_t = %.1f: %.4f after %.4f", t, x_t, estimate, before));
      before = estimate;
    }
    cases.require(denoiser(-0.5, schedule()(t)) < 0 && denoiser(0.5, schedule()(t)) > 0, "which way");
  }
  return cases.outcome();
}
inline Outcome needs_place_and_time() {
  Cases cases;
  const diffusion::GaussianMixtureDenoiser denoiser(Vector{0.5, 0.5}, Vector{1, -1}, Vector{0, 0});
  const double early = denoiser(0.2, schedule()(200)), late = denoiser(0.2, schedule()(800));
  cases.require(early > 0.4 && late < 0.1, text("at x_t = 0.2: %.3f at t = 200, %.3f at t = 800", early, late));
  return depends_on_place().holds ? cases.outcome() : depends_on_place();
}
// [needs_place_and_time]

// [up_step_by_step]
/// Of the 1000 steps of a walk, those whose noise goes up.
inline Outcome steps_up(int least, int most) {
  Cases cases;
  double x = 0;
  int up = 0;
  for (int t = 1; t <= 1000; ++t) {
    const auto q = diffusion::q_transition(schedule()(t - 1), schedule()(t), x);
    x = diffusion::sample(q, diffusion::NormalNoise{.seed = 21}(t, x));
    up += x > q.mean ? 1 : 0;
  }
  cases.require(up >= least && up <= most, text("%d of 1000 steps go up", up));
  return cases.outcome();
}
// [up_step_by_step]

// [trained_along_paths]
/// Of the times of 1000 samples of training, how many follow the one before by a step.
inline Outcome trained_along_paths() {
  Cases cases;
  const auto levels = diffusion::uniform_levels(schedule(), 1000, diffusion::NormalNoise{.seed = 14}, 0);
  int steps = 0;
  for (std::size_t k = 1; k < levels.size(); ++k) steps += levels[k].time() - levels[k - 1].time() == 1 ? 1 : 0;
  cases.require(steps == 999, text("%d of 999 samples are one step after the one before", steps));
  return cases.outcome();
}
/// Times are independent and uniform: mean (T + 1) / 2, and no correlation with the one before.
inline Outcome trained_at_random_times() {
  Cases cases;
  constexpr int n = 20000;
  const auto levels = diffusion::uniform_levels(schedule(), n, diffusion::NormalNoise{.seed = 14}, 0);
  double mean = 0, together = 0;
  for (std::size_t k = 0; k < n; ++k) mean += levels[k].time() / n;
  for (std::size_t k = 1; k < n; ++k) together += (levels[k].time() - 500.5) * (levels[k - 1].time() - 500.5) / n;
  const double variance = (1000.0 * 1000 - 1) / 12;
  cases.require(std::abs(mean - 500.5) < 5 * std::sqrt(variance / n), text("mean %.1f", mean));
  cases.require(std::abs(together) < 5 * variance / std::sqrt(n), text("covariance %.0f", together));
  return cases.outcome();
}
// [trained_along_paths]

// [back_from_any_point]
/// Data N(0, 0.5^2) and their exact denoiser: DDIM from x_T ends within 5 deviations of the data.
template <class Start>
Outcome back_from(Start start, int walks) {
  Cases cases;
  const diffusion::GaussianDenoiser denoiser(0.0, 0.25);
  const auto levels = diffusion::level_grid(schedule(), 250);
  for (int k = 0; k < walks; ++k) {
    const double x_0 =
        diffusion::sample(diffusion::DdimSampler{}, denoiser, levels, start(k), diffusion::NormalNoise{});
    cases.require(std::abs(x_0) < 5 * 0.5, text("from %.0f it ends %.1f deviations off the data", start(k), x_0 / 0.5));
  }
  return cases.outcome();
}
// [back_from_any_point]

// [loss]
/// The simple loss leads to the right answer: of all multiples of x_t as a prediction of the noise in N(0, 1) data, it
/// is least for the exact one, noise x_t.
inline Outcome loss() {
  Cases cases;
  constexpr int n = 20000;
  const std::vector<diffusion::NoiseLevel<double>> levels(n, schedule()(300));
  const diffusion::NormalNoise noise{.seed = 15};
  const auto batch =
      diffusion::training_batch(diffusion::NoisePrediction{}, levels, noise(0, Vector(n)), noise(1, Vector(n)));
  const auto loss_of = [&](double factor) {
    Vector output = batch.x_t;
    for (double& e : output) e *= factor;
    return diffusion::simple_loss(output, batch.target);
  };
  const double exact = schedule()(300).noise();
  for (const double off : {-0.5, -0.1, -0.05, 0.05, 0.1, 0.5})
    cases.require(loss_of(exact) < loss_of(exact + off), text("%.5f at %+.2f", loss_of(exact + off), off));
  return cases.outcome();
}
// [loss]

inline std::vector<Check> back_checks() {
  return {
      {"walk.ends_alike", [] { return ends_alike(schedule()); },
       [] { return ends_alike(diffusion::cosine_schedule(1000)); }},
      {"walk.step_501", [] { return step_501([](const W&) { return W(1); }); },
       [] { return step_501([](const W& beta_t) { return sqrt(W(W(1) - beta_t)); }); }},
      {"walk.forward_needs_no_network", forward_needs_no_network},
      {"walk.no_gaussian_steps_back", gaussian_steps_back, forward_steps_again},
      {"walk.most_probable_place", mean_is_most_probable, step_goes_to_the_mean},
      {"walk.network_predicts_place", [] { return network_predicts(true); }, [] { return network_predicts(false); }},
      {"walk.go_there", [] { return go_there([](int) { return 0.0; }); },
       [] {
         return go_there([](int t) { return diffusion::q_transition(schedule()(t - 1), schedule()(t)).variance; });
       }},
      {"walk.above_down", [] { return goes_towards([](const auto&) { return 2.0; }); },
       [] { return goes_towards([](const auto& level) { return 2 * level.signal(); }); }},
      {"walk.depends_on_place", depends_on_place},
      {"walk.needs_place_and_time", needs_place_and_time},
      {"walk.up_step_by_step", [] { return steps_up(1000, 1000); }, [] { return steps_up(421, 579); }},
      {"walk.trained_along_paths", trained_along_paths, trained_at_random_times},
      {"walk.back_from_any_point", [] { return back_from([](int) { return 10.0; }, 1); },
       [] { return back_from([](int k) { return diffusion::NormalNoise{.seed = 19}(k, 0.0); }, 50); }},
      {"walk.loss", loss},
  };
}

}  // namespace equations::walk
