// SPDX-License-Identifier: MIT
// Document 001, section 0 and the first lines of 1.1: what diffusion is said to do.
#pragma once

#include "note_steps.hpp"

namespace equations::note {

/// Correlation of x_0 with what comes back when it is noised to x_T and the exact reverse kernels take x_T to data,
/// for data N(0, 1), where q(x_{t-1} | x_t) = N(sqrt(alpha_t) x_t, beta_t).
inline W correlation_of_both_ways() {
  const auto schedule = diffusion::linear_schedule(1000);
  W there = 1, back = 1;
  for (int t = 1; t <= schedule.steps(); ++t) {
    const W scale = sqrt(schedule(t).working_signal_squared() / schedule(t - 1).working_signal_squared());
    there *= scale;
    back *= scale;
  }
  return there * back;
}

inline W mean_of_draws(int n) {
  const auto draws = diffusion::NormalNoise{.seed = 1}(0, std::vector<double>(static_cast<std::size_t>(n)));
  W sum;
  for (const double x : draws) sum += x;
  return sum / n;
}

/// Started from N(0, 1) in place of q(x_T), exact reverse kernels miss the data by no more than that start misses
/// q(x_T), which goes to nothing as the chain grows.
// [data_are_approximated]
inline Outcome data_are_approximated() {
  using diffusion::Gaussian;
  Cases cases;
  W least = 1;
  for (const int steps : {10, 100, 1000}) {
    const auto schedule = diffusion::linear_schedule(steps);
    const W bar = schedule(steps).working_signal_squared();
    const W start = kl_divergence(Gaussian<W>{sqrt(bar), bar / 4 + 1 - bar}, Gaussian<W>{0, 1});
    const W end = kl_divergence(Gaussian<W>{1, W(1) / 4}, generated(schedule, {0, 1}));
    cases.require(end <= start && start < least, "nearer with every start that is nearer");
    least = start;
  }
  cases.require(least < W(2.1e-5), "T = 1000");
  return cases.outcome();
}
// [data_are_approximated]

inline std::vector<Check> overview_checks() {
  using namespace diffusion;
  return {
      // [true_distribution]
      {"note.true_distribution", at_chains<[](Cases& cases, const Chain& chain) {
         cases.equal(kl_divergence(Gaussian<W>{1, W(1) / 4}, generated(chain.schedule, {0, 1})), W(0),
                     "KL of the data N(1, 1/4) and what exact reverse kernels generate in 8 steps");
       }>,
       data_are_approximated},
      // [true_distribution]
      // A draw is no element of a distribution, and the distribution of x_T is not quite N(0, I).
      // [final_membership]
      {"note.final_membership", once<[](Cases& cases) {
         cases.equal(W(prior_kl(linear_schedule(1000)(1000), 1.0)), W(0),
                     "KL(q(x_T | x_0 = 1) || N(0, 1)) at T = 1000");
       }>,
       once<[](Cases& cases) {
         for (const double x_0 : {-1.0, 0.0, 1.0})
           cases.require(prior_kl(linear_schedule(1000)(1000), x_0) < 3e-5, "the prior KL is small");
       }>},
      // [final_membership]
      // [final_unit]
      {"note.final_unit", once<[](Cases& cases) {
         const std::vector<double> x(3, 0.0);
         cases.equal(W(log_density(Gaussian{0.0, 1.0}, 0.0)), W(log_density(Gaussian{x, 1.0}, x)),
                     "log-density at 0 of N(0, 1) and of N(0, I) in three dimensions");
       }>,
       once<[](Cases& cases) {
         const std::vector<double> x(3, 0.0);
         cases.equal(log_density(Gaussian{x, 1.0}, x), 3 * log_normal(0, 0, 1));
       }>},
      // [final_unit]
      // [final_is_pure_noise]
      {"note.final_is_pure_noise", once<[](Cases& cases) {
         cases.equal(sqrt(linear_schedule(1000)(1000).working_signal_squared()), W(0), "signal in x_T, T = 1000");
       }>,
       once<[](Cases& cases) {
         cases.require(linear_schedule(1000)(1000).signal() < 0.0064, "little signal is left");
         cases.equal(W(rescale_zero_terminal_snr(linear_schedule(1000))(1000).signal()), W(0), "none, if so arranged");
       }>},
      // [final_is_pure_noise]
      // [after_t_steps]
      {"note.after_t_steps", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         cases.equal(schedule(500).working_noise_squared(), schedule(1000).working_noise_squared(),
                     "noise variance after t = 500 steps and after T = 1000");
       }>,
       once<[](Cases& cases) { cases.equal(W(linear_schedule(1000)(1000).time()), W(1000)); }>},
      // [after_t_steps]
      // [noise_at_every_step_suffices]
      {"note.noise_at_every_step_suffices", once<[](Cases& cases) {
         const double noise = summable_betas()(60).noise_variance();
         cases.require(noise > 0.99, say("beta_t = 2^-(t+1): the noise variance stays at %.6g", noise), 1 - noise);
       }>,
       once<[](Cases& cases) {  // the betas must have a divergent sum: 1 - alpha_bar_T >= 1 - exp(-sum)
         W sum;
         for (int t = 1; t <= 1000; ++t) sum += W(1) / W(t + 1);
         cases.require(harmonic_betas(1000)(1000).working_noise_squared() >= 1 - exp(-sum), "the bound by the sum");
         cases.require(harmonic_betas(1000)(1000).noise_variance() > 0.999, "beta_t = 1 / (t + 1)");
       }>},
      // [noise_at_every_step_suffices]
      // [start_from_a_gaussian]
      {"note.start_from_a_gaussian", data_are_approximated},
      // [start_from_a_gaussian]
      // [reverse_ends_at_0]
      {"note.reverse_ends_at_0", once<[](Cases& cases) {
         const auto levels = level_grid(linear_schedule(1000));
         cases.equal(W(levels.size()), W(1001));
         cases.equal(W(levels.front().time()), W(1000));
         cases.equal(levels.back().working_noise_squared(), W(0));
       }>},
      // [reverse_ends_at_0]
      // [step_noise_is_subtracted]
      {"note.step_noise_is_subtracted", at_steps<[](Cases& cases, const Step& s) {  // eps here: the noise of this step
         const W x_t = sqrt(s.alpha) * s.x + sqrt(s.beta) * s.eps;
         cases.equal(x_t - sqrt(s.beta) * s.eps, s.x, "x_{t-1}");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         const W x_t = sqrt(s.alpha) * s.x + sqrt(s.beta) * s.eps;
         cases.equal((x_t - sqrt(s.beta) * s.eps) / sqrt(s.alpha), s.x);
       }>},
      // [step_noise_is_subtracted]
      // [predicted_noise_is_subtracted]
      {"note.predicted_noise_is_subtracted",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(s.x_t - s.eps, s.posterior_mean(), "mean of x_{t-1}"); }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal((s.x_t - s.beta / sqrt(1 - s.bar) * s.eps) / sqrt(s.alpha), s.posterior_mean());
       }>},
      // [predicted_noise_is_subtracted]
      // [original_comes_back]
      {"note.original_comes_back",
       once<[](Cases& cases) { cases.equal(correlation_of_both_ways(), W(1), "correlation"); }>,
       once<[](Cases& cases) {  // for data N(0, 1), with the exact reverse kernels
         const W bar = linear_schedule(1000)(1000).working_signal_squared();
         cases.equal(correlation_of_both_ways(), bar);
       }>},
      // [original_comes_back]
      // [distribution_at_the_step_before]
      {"note.distribution_at_the_step_before", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.reverse_variance(), s.variance_s(), "variance of x_{t-1} given x_t, and of x_{t-1}");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the laws of total mean and variance
         cases.equal(s.gain() * s.mean_t() + s.offset(), s.mean_s());
         cases.equal(s.gain() * s.gain() * s.variance_t() + s.reverse_variance(), s.variance_s());
       }>},
      // [distribution_at_the_step_before]
      // [every_step_draws]
      {"note.every_step_draws", at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = chain.steps(); t >= 1; --t)
           cases.require(q_posterior(chain.schedule(t - 1), chain.schedule(t)).variance > 0,
                         say("variance of the step from t = %d: 0", t));
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = chain.steps(); t >= 2; --t)
           cases.require(ancestral_coefficients(chain.schedule(t - 1), chain.schedule(t)).noise > 0, "t >= 2");
         cases.equal(W(ancestral_coefficients(chain.schedule(0), chain.schedule(1)).noise), W(0));
       }>},
      // [every_step_draws]
      // [q_is_the_data_set]
      {"note.q_is_the_data_set",
       once<[](Cases& cases) { cases.equal(mean_of_draws(1000), W(0), "mean of 1000 draws of q = N(0, 1) and of q"); }>,
       once<[](Cases& cases) {  // a data set is a sample of q: its mean differs by some 1 / sqrt(n)
         cases.require(absolute(mean_of_draws(1000)) < W(4) / sqrt(W(1000)), "within four deviations");
       }>},
      // [q_is_the_data_set]
      // [steps_from_0]
      {"note.steps_from_0", once<[](Cases& cases) {
         cases.require(linear_schedule(1000)(0).noise_variance() > 0, "noise variance at t = 0: 0");
       }>,
       once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         cases.equal(schedule(0).noise_variance(), W(0));
         cases.equal(schedule(1).noise_variance(), W(1e-4));
       }>},
      // [steps_from_0]
      // [noise_on_the_original]
      {"note.noise_on_the_original", at_chains<[](Cases& cases, const Chain& chain) {
         W sum;
         for (const W& beta : chain.beta) sum += beta;
         cases.equal(sum, 1 - chain.alpha_bar.back(), "noise variance of x_T");
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         W variance;
         for (int t = 1; t <= chain.steps(); ++t)
           variance = chain.alpha[std::size_t(t)] * variance + chain.beta[std::size_t(t)];
         cases.equal(variance, 1 - chain.alpha_bar.back());
       }>},
      // [noise_on_the_original]
      // [noise_has_the_shape]
      {"note.noise_has_the_shape", once<[](Cases& cases) {
         for (const std::size_t n : {1u, 7u, 3072u})
           cases.equal(W(NormalNoise{.seed = 1}(0, std::vector<double>(n)).size()), W(n));
       }>},
      // [noise_has_the_shape]
      // [nearer_to_noise]
      {"note.nearer_to_noise", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         for (int t = 2; t <= 1000; ++t)
           cases.require(prior_kl(schedule(t), 0.5) < prior_kl(schedule(t - 1), 0.5), "the prior KL falls");
       }>},
      // [nearer_to_noise]
      // [sequence_of_noises]
      {"note.sequence_of_noises", once<[](Cases& cases) {
         cases.equal(sqrt(linear_schedule(1000)(1).working_signal_squared()), W(0), "signal in x_1");
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = 1; t <= chain.steps(); ++t)
           cases.require(chain.schedule(t).signal() > 0, "every x_t has a part of x_0");
       }>},
      // [sequence_of_noises]
      // [step_size]
      {"note.step_size",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(q_transition(s.s, s.t).variance, s.beta); }>},
      // [step_size]
  };
}

}  // namespace equations::note
