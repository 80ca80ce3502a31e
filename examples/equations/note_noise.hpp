// SPDX-License-Identifier: MIT
// Document 001, sections 1.4 and 1.5: the mean by the noise, displays 20 to 22, and the two algorithms.
#pragma once

#include <cmath>
#include <string_view>

#include "note_forward.hpp"
#include "note_posterior.hpp"

namespace equations::note {

/// x_0 from x_t and the noise in it.
inline W x0_from(const Step& s, const W& eps) { return (s.x_t - sqrt(1 - s.bar) * eps) / sqrt(s.bar); }
// [mean_by_noise]
inline W mean_by_noise(const Step& s, const W& eps) {
  return 1 / sqrt(s.alpha) * s.x_t - (1 - s.alpha) / (sqrt(s.alpha) * sqrt(1 - s.bar)) * eps;
}
// [mean_by_noise]

/// E[eps | x_t] for data N(m, v), by regression: what a perfect network answers.
inline W mean_noise(const Step& s) { return sqrt(1 - s.bar) / s.variance_t() * (s.x_t - s.mean_t()); }

/// The coefficients of q_posterior_from_noise are those of the mean, and both are functions of the library.
inline Outcome mean_of_noise() {
  return at_steps<[](Cases& cases, const Step& s) {
    cases.equal(mean_by_noise(s, s.eps), mu(s));
    const auto q = diffusion::q_posterior_from_noise(s.s, s.t);
    cases.equal(q.xt, 1 / sqrt(s.alpha));
    cases.equal(q.eps, -(1 - s.alpha) / (sqrt(s.alpha) * sqrt(1 - s.bar)));
  }>();
}

/// The exact network for data N(1/2, 1/4): E[eps | x_t].
inline double network(double x_t, const diffusion::NoiseLevel<double>& t) {
  const double bar = t.alpha_bar(), variance = bar / 4 + t.noise_variance();
  const double x_0 = 0.5 + t.signal() / 4 / variance * (x_t - t.signal() * 0.5);
  return diffusion::noise_from_x0(t, x_t, x_0);
}

/// Algorithm 2 by display 19 with the mean of display 22: x <- mean + factor(s, t) z, from x_T = 1.
template <class Factor>
double sampled_by_hand(const Chain& chain, Factor factor) {
  const diffusion::NormalNoise noise{.seed = 3};
  double x = 1;
  for (int t = chain.steps(); t >= 1; --t) {
    const auto& s = chain.schedule(t - 1);
    const auto q = diffusion::q_posterior_from_noise(s, chain.schedule(t));
    x = q.xt * x + q.eps * network(x, chain.schedule(t)) + factor(q.variance, t) * noise(chain.steps() - t, x);
  }
  return x;
}
inline double sampled(const Chain& chain) {
  return diffusion::sample(diffusion::AncestralSampler{}, diffusion::predicts_noise(network),
                           diffusion::level_grid(chain.schedule), 1.0, diffusion::NormalNoise{.seed = 3});
}
inline void same_sample(Cases& cases, double by_hand, double by_library) {
  cases.require(std::abs(by_hand - by_library) < 1e-12,
                say("x_0 after 8 steps: %.6g against %.6g", by_hand, by_library));
}

/// Where the displays of the document stand, by the key of their last line; none of them carries a number in print.
struct Display {
  const char* key;
  int printed_number = 0;
};
inline const std::vector<Display>& displays() {
  static const std::vector<Display> list{{.key = "step"},
                                         {.key = "x_2"},
                                         {.key = "x_2_expanded"},
                                         {.key = "merged_noise"},
                                         {.key = "x_t"},
                                         {.key = "marginal"},
                                         {.key = "transition_by_alpha"},
                                         {.key = "marginal_given_previous"},
                                         {.key = "joint"},
                                         {.key = "betas_increase"},
                                         {.key = "alpha_bars_decrease"},
                                         {.key = "bayes_by_q"},
                                         {.key = "posterior_bayes_by_q"},
                                         {.key = "markov_drop"},
                                         {.key = "posterior_of_normals"},
                                         {.key = "posterior_exponents"},
                                         {.key = "posterior_normal"},
                                         {.key = "sigma"},
                                         {.key = "draw"},
                                         {.key = "marginal_again"},
                                         {.key = "x0_from_noise"},
                                         {.key = "mean_by_noise"},
                                         {.key = "elbo_terms"},
                                         {.key = "step_again"},
                                         {.key = "marginal_third"}};
  return list;
}
inline int display_of(std::string_view key) {
  for (std::size_t k = 0; k < displays().size(); ++k)
    if (displays()[k].key == key) return static_cast<int>(k) + 1;
  return 0;
}

inline std::vector<Check> noise_checks() {
  using namespace diffusion;
  return {
      // [marginal_again]
      {"note.marginal_again", marginal},
      // [marginal_again]
      // [x0_from_x_t]
      {"note.x0_from_x_t", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.v - s.bar * s.v * s.v / s.variance_t(), W(0), "variance of x_0 given x_t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.v - s.bar * s.v * s.v / s.variance_t(), s.v * (1 - s.bar) / s.variance_t());
         cases.equal(x0_from(s, s.eps), s.x_0);
       }>},
      // [x0_from_x_t]
      // [x0_from_noise]
      {"note.x0_from_noise", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(1 / sqrt(s.bar) * (s.x_t - sqrt(1 - s.bar) * s.eps), s.x_0);
         cases.equal(x0_from_noise(s.t, 1.0, 0.0), 1 / sqrt(s.bar));
         cases.equal(x0_from_noise(s.t, 0.0, 1.0), -sqrt((1 - s.bar) / s.bar));
       }>},
      // [x0_from_noise]
      // [mean_repeated]
      {"note.mean_repeated", at_steps<[](Cases& cases, const Step& s) {
         cases.equal((sqrt(s.alpha) * (1 - s.bar_s) * s.x_t + sqrt(s.bar_s) * (1 - s.alpha) * s.x_0) / (1 - s.bar),
                     s.posterior_mean());
       }>},
      // [mean_repeated]
      // [mean_steps]
      {"note.mean_x0_inserted", at_steps<[](Cases& cases, const Step& s) {
         cases.equal((sqrt(s.alpha) * (1 - s.bar_s) * s.x_t +
                      sqrt(s.bar_s) * (1 - s.alpha) * (1 / sqrt(s.bar)) * (s.x_t - sqrt(1 - s.bar) * s.eps)) /
                         (1 - s.bar),
                     mu(s));
       }>},
      {"note.mean_common_root", at_steps<[](Cases& cases, const Step& s) {
         cases.equal((s.alpha * (1 - s.bar_s) * s.x_t + (1 - s.alpha) * (s.x_t - sqrt(1 - s.bar) * s.eps)) /
                         (sqrt(s.alpha) * (1 - s.bar)),
                     mu(s));
       }>},
      {"note.mean_split", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(((s.alpha - s.bar) * s.x_t + (1 - s.alpha) * s.x_t) / (sqrt(s.alpha) * (1 - s.bar)) -
                         (1 - s.alpha) * sqrt(1 - s.bar) * s.eps / (sqrt(s.alpha) * (1 - s.bar)),
                     mu(s));
       }>},
      {"note.mean_sorted", at_steps<[](Cases& cases, const Step& s) {
         cases.equal((s.alpha * s.x_t - s.bar * s.x_t + s.x_t - s.alpha * s.x_t) / (sqrt(s.alpha) * (1 - s.bar)) -
                         (1 - s.alpha) * s.eps / (sqrt(s.alpha) * sqrt(1 - s.bar)),
                     mu(s));
       }>},
      // [mean_steps]
      {"note.mean_by_noise", mean_of_noise},
      // [noise_is_predicted]
      {"note.noise_is_predicted", at_steps<[](Cases& cases, const Step& s) {  // for data N(m, v)
         cases.equal(1 - (1 - s.bar) / s.variance_t(), W(0), "variance of the noise in x_t, given x_t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // it is as uncertain as x_0 is, and its mean is known if that of x_0
                                                   // is
         const W x_0 = s.m + sqrt(s.bar) * s.v / s.variance_t() * (s.x_t - s.mean_t());
         cases.equal(mean_noise(s), (s.x_t - sqrt(s.bar) * x_0) / sqrt(1 - s.bar));
         cases.equal((1 - s.bar) * (1 - (1 - s.bar) / s.variance_t()), s.bar * (s.v * (1 - s.bar) / s.variance_t()));
       }>},
      // [noise_is_predicted]
      // [noise_gives_x0]
      {"note.noise_gives_x0",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(mean_by_noise(s, s.eps), s.x_0, "display 22 as x_0"); }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(x0_from(s, s.eps), s.x_0); }>},
      // [noise_gives_x0]
      // [noise_of_step_t]
      {"note.noise_of_step_t", at_steps<[](Cases& cases, const Step& s) {  // y: the noise of step t alone
         Step own = s;
         own.x_t = sqrt(s.alpha) * (sqrt(s.bar_s) * s.x_0 + sqrt(1 - s.bar_s) * s.eps) + sqrt(s.beta) * s.y;
         cases.equal(x0_from(own, s.y), s.x_0, "x_0 by the noise of step t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         Step own = s;
         own.x_t = sqrt(s.alpha) * (sqrt(s.bar_s) * s.x_0 + sqrt(1 - s.bar_s) * s.eps) + sqrt(s.beta) * s.y;
         const W all = (sqrt(s.alpha * (1 - s.bar_s)) * s.eps + sqrt(s.beta) * s.y) / sqrt(1 - s.bar);
         cases.equal(x0_from(own, all), s.x_0);
       }>},
      // [noise_of_step_t]
      // [x0_at_once]
      {"note.x0_at_once", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.bar * s.v * s.v / s.variance_t(), s.v, "variance of the estimate E[x_0 | x_t] and of the data");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // law of total variance: what the estimate lacks is Var(x_0 | x_t)
         cases.equal(s.bar * s.v * s.v / s.variance_t() + s.v * (1 - s.bar) / s.variance_t(), s.v);
       }>},
      // [x0_at_once]
      // [why_iterate]
      {"note.why_iterate",
       at_steps<[](Cases& cases, const Step& s) {  // exact reverse kernels, with and without a stop at s
         const W once = s.v * (1 - s.bar) / s.variance_t(), gain = sqrt(s.bar_s) * s.v / s.variance_s();
         const W twice = s.v * (1 - s.bar_s) / s.variance_s() + gain * gain * s.reverse_variance();
         cases.require(
             absolute(once - twice) > W(0x1p-140),
             say("variance of x_0 given x_t by one step %.6g, by two %.6g", to_double(once), to_double(twice)));
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         const W gain = sqrt(s.bar_s) * s.v / s.variance_s();
         cases.equal(s.v * (1 - s.bar_s) / s.variance_s() + gain * gain * s.reverse_variance(),
                     s.v * (1 - s.bar) / s.variance_t());
         cases.equal(gain * s.gain(), sqrt(s.bar) * s.v / s.variance_t());
       }>},
      // [why_iterate]
      // [algorithm1]
      {"note.algorithm1", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         const std::vector<double> x_0{0.1, -0.2, 0.3, 0.4, -0.5, 0.6};
         const auto batch = training_batch(NoisePrediction{}, schedule, 3, x_0, NormalNoise{.seed = 5}, 0);
         for (std::size_t k = 0; k < 6; ++k) {
           const auto& level = batch.levels[k / 2];
           const W x_t = level.signal() * W(x_0[k]) + level.noise() * W(batch.eps[k]);
           cases.require(level.time() >= 1 && level.time() <= 1000, "t in 1..T");
           cases.require(absolute(x_t - batch.x_t[k]) <= W(0x1p-51), "x_t is made of x_0, eps and t");
           cases.equal(W(batch.target[k]), W(batch.eps[k]), "the target is the noise");
         }
       }>},
      // [algorithm1]
      // [t_uniform]
      {"note.t_uniform", once<[](Cases& cases) {  // chi-square with 9 degrees of freedom; 27.9 is exceeded once in 1000
         int counts[10] = {};
         for (const auto& level : uniform_levels(linear_schedule(10), 100000, NormalNoise{.seed = 5}, 0))
           ++counts[static_cast<int>(level.time()) - 1];
         double chi_square = 0;
         for (const int count : counts) chi_square += (count - 10000.0) * (count - 10000.0) / 10000;
         cases.require(chi_square < 27.9, say("chi-square %.3g", chi_square));
       }>},
      // [t_uniform]
      // [t_is_the_strength]
      {"note.t_is_the_strength", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         for (int t = 1; t <= 1000; ++t)
           cases.equal(sqrt(schedule(t).working_noise_squared()), W(t) / 1000, say("noise at t = %d, and t / T", t));
       }>,
       once<[](Cases& cases) {  // the strength is sqrt(1 - alpha_bar_t): it grows with t, unevenly
         const auto schedule = linear_schedule(1000);
         for (int t = 1; t <= 1000; ++t) cases.require(schedule(t).noise() > schedule(t - 1).noise(), "it grows");
         cases.require(schedule(500).noise() > 0.95, "above 0.95 in half of the steps");
       }>},
      // [t_is_the_strength]
      // [noise_from_a_gaussian]
      {"note.noise_from_a_gaussian", at_steps<[](Cases& cases, const Step& s) {  // N(0, 4) is one, too
         cases.equal(s.bar * 1 + (1 - s.bar) * 4, W(1), "variance of x_t with noise N(0, 4), for data of variance one");
       }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(s.bar * 1 + (1 - s.bar) * 1, W(1)); }>},
      // [noise_from_a_gaussian]
      // [mse]
      {"note.mse", once<[](Cases& cases) {
         const std::vector<double> eps{1, 2, 3}, answer{0, 0, 0};
         cases.equal(W(simple_loss(answer, eps)), squared_norm(eps), "loss in three dimensions, mean and squared norm");
       }>,
       once<[](Cases& cases) {
         const std::vector<double> eps{1, 2, 3}, answer{0, 0, 0};
         cases.equal(simple_loss(answer, eps), squared_norm(eps) / 3);
       }>},
      // [mse]
      // [training_input]
      {"note.training_input", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(q_sample(s.t, 1.0, 0.0), sqrt(s.bar));
         cases.equal(q_sample(s.t, 0.0, 1.0), sqrt(1 - s.bar));
       }>},
      // [training_input]
      // [algorithm2]
      {"note.algorithm2", at_chains<[](Cases& cases, const Chain& chain) {  // sigma_t = Sigma(t), noise at every t
         same_sample(cases, sampled_by_hand(chain, [](double variance, int) { return variance; }), sampled(chain));
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         const auto root = [](double variance, int t) { return t == 1 ? 0 : std::sqrt(variance); };
         same_sample(cases, sampled_by_hand(chain, root), sampled(chain));
       }>},
      // [algorithm2]
      // [algorithm2_mean]
      {"note.algorithm2_mean", at_steps<[](Cases& cases, const Step& s) {  // display 22 has the noise itself
         cases.equal(mean_by_noise(s, mean_noise(s)), mean_by_noise(s, s.eps), "mean by the network and by display 22");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // a perfect network makes of it the mean of q(x_{t-1} | x_t)
         cases.equal(mean_by_noise(s, mean_noise(s)), s.gain() * s.x_t + s.offset());
       }>},
      // [algorithm2_mean]
      // [network_gives_a_distribution]
      {"note.network_gives_a_distribution", once<[](Cases& cases) {
         const auto level = linear_schedule(1000)(500);
         cases.require(network(1, level) < network(1, level) || network(1, level) > network(1, level),
                       say("two answers at x_t = 1, t = 500: %.6g and %.6g", network(1, level), network(1, level)));
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the answer sets the mean; the variance is the schedule's
         for (const double x_0_hat : {-1.0, 2.0})
           cases.require(
               std::abs(ancestral_step(s.s, s.t, 0.5, x_0_hat, 1.0) - ancestral_step(s.s, s.t, 0.5, x_0_hat, 0.0) -
                        ancestral_coefficients(s.s, s.t).noise) < 1e-14,
               "the same deviation");
       }>},
      // [network_gives_a_distribution]
      // [model_gives_x_before]
      {"note.model_gives_x_before",
       at_steps<[](Cases& cases, const Step& s) {  // a network for noise that is always right
         cases.equal(s.eps, s.posterior_mean(), "answer of the network, and mean of x_{t-1}");
       }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(mean_by_noise(s, s.eps), s.posterior_mean()); }>},
      // [model_gives_x_before]
      // [equation_numbers]
      {"note.equation_numbers", once<[](Cases& cases) {
         for (const int cited : {12, 13, 14, 18, 19, 22})
           cases.require(displays()[std::size_t(cited) - 1].printed_number == cited,
                         say("number printed at display %d: none", cited));
       }>,
       once<[](Cases& cases) {
         cases.equal(W(display_of("bayes_by_q")), W(12));
         cases.equal(W(display_of("markov_drop")), W(14));
         cases.equal(W(display_of("sigma")), W(18));
         cases.equal(W(display_of("draw")), W(19));
         cases.equal(W(display_of("mean_by_noise")), W(22));
       }>},
      // [equation_numbers]
      // [sigma_t_is_sigma]
      {"note.sigma_t_is_sigma",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(sigma(s), sqrt(sigma(s)), "factor of z"); }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(ancestral_coefficients(s.s, s.t).noise, sqrt(sigma(s)));
         cases.equal(ancestral_coefficients(s.s, s.t, TransitionVariance{}).noise, sqrt(s.beta));
       }>},
      // [sigma_t_is_sigma]
      // [noise_in_the_last_step]
      {"note.noise_in_the_last_step", at_chains<[](Cases& cases, const Chain& chain) {  // with sigma_1^2 = beta_1
         cases.equal(sqrt(chain.beta[1]),
                     W(ancestral_coefficients(chain.schedule(0), chain.schedule(1), TransitionVariance{}).noise),
                     "factor of z at t = 1");
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         cases.equal(W(ancestral_coefficients(chain.schedule(0), chain.schedule(1), TransitionVariance{}).noise), W(0));
       }>},
      // [noise_in_the_last_step]
      // [z_makes_it_normal]
      {"note.z_makes_it_normal",
       at_steps<[](Cases& cases, const Step& s) {  // without z: normal as well, but too narrow
         cases.equal(s.slope() * s.slope() * (1 - s.bar), 1 - s.bar_s, "variance of x_{t-1} given x_0, without z");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.slope() * s.slope() * (1 - s.bar) + sigma(s), 1 - s.bar_s);
       }>},
      // [z_makes_it_normal]
  };
}

}  // namespace equations::note
