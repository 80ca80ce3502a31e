// SPDX-License-Identifier: MIT
// Document 001, what section 1.6 leaves out after display 23: the terms of the bound in closed form, their weights, and
// what the loss of algorithm 1 makes of them.
#pragma once

#include "note_elbo.hpp"

namespace equations::note {

inline std::vector<Check> loss_checks() {
  using namespace diffusion;
  return {
      // [elbo_prior]
      {"note.elbo_prior", at_models<[](Cases& cases, const Model& m) {
         const auto level = m.chain.schedule(m.steps());
         cases.equal(prior_kl(level, to_double(m.x_0)), m.prior());
       }>},
      // [elbo_prior]
      // [elbo_denoising]
      {"note.elbo_denoising", at_steps<[](Cases& cases, const Step& s) {  // a model that is the posterior at x_0_hat
         const double x_0_hat = to_double(s.x);
         const W slope = sqrt(s.bar_s) * (1 - s.alpha) / (1 - s.bar), miss = slope * (s.x_0 - x_0_hat);
         cases.equal(denoising_kl(s.s, s.t, to_double(s.x_0), x_0_hat), miss * miss / (2 * sigma(s)));
         cases.equal(slope * slope / sigma(s), s.bar_s / (1 - s.bar_s) - s.bar / (1 - s.bar));
       }>},
      // [elbo_denoising]
      // [elbo_step_constant]
      {"note.elbo_step_constant",
       at_steps<[](Cases& cases, const Step& s) {  // x and y: the means of q and of the model
         const W ratio = sigma(s) / s.v, constant = (ratio - 1 - log(ratio)) / 2;
         cases.equal(kl_divergence(Gaussian<W>{s.x, sigma(s)}, Gaussian<W>{s.y, s.v}),
                     (s.x - s.y) * (s.x - s.y) / (2 * s.v) + constant);
         cases.require(constant > W(0), "only the variance of q has the constant zero");
         cases.equal(kl_divergence(Gaussian<W>{s.x, sigma(s)}, Gaussian<W>{s.y, sigma(s)}),
                     (s.x - s.y) * (s.x - s.y) / (2 * sigma(s)));
       }>},
      // [elbo_step_constant]
      // [elbo_weight_by_noise]
      {"note.elbo_weight_by_noise", at_steps<[](Cases& cases, const Step& s) {  // y: the network's noise
         const W miss = mean_by_noise(s, s.eps) - mean_by_noise(s, s.y), noises = (s.eps - s.y) * (s.eps - s.y);
         for (const W& variance : {s.beta, sigma(s), s.v})
           cases.equal(miss * miss / (2 * variance), s.beta * s.beta / (2 * variance * s.alpha * (1 - s.bar)) * noises);
         cases.equal(s.beta * s.beta / (sigma(s) * s.alpha * (1 - s.bar)),
                     s.bar_s / (1 - s.bar_s) / (s.bar / (1 - s.bar)) - 1);
       }>},
      // [elbo_weight_by_noise]
      // [elbo_weights_telescope]
      {"note.elbo_weights_telescope", at_chains<[](Cases& cases, const Chain& chain) {
         const auto snr = [&](int t) {
           return chain.alpha_bar[std::size_t(t)] / (1 - chain.alpha_bar[std::size_t(t)]);
         };
         W sum;  // twice the divergence of a network whose x_0 is off by one at every step
         for (int t = 2; t <= chain.steps(); ++t) {
           cases.equal(2 * denoising_kl(chain.schedule(t - 1), chain.schedule(t), 0.0, 1.0), snr(t - 1) - snr(t));
           sum += snr(t - 1) - snr(t);
         }
         cases.equal(sum, snr(1) - snr(chain.steps()));
       }>},
      // [elbo_weights_telescope]
      // [simple_loss_weights]
      {"note.simple_loss_weights", once<[](Cases& cases) {  // which the simple loss replaces by one at every t
         const auto schedule = linear_schedule(1000);
         const auto weight = [&](int t) {  // of ||eps - eps_theta||^2 in the bound, for sigma_t^2 = beta_t
           return schedule.beta(t) / (2 * schedule.alpha(t) * schedule(t).noise_variance());
         };
         int least = 1;
         for (int t = 2; t <= 1000; ++t) {
           cases.require(weight(t) < weight(1), "the bound looks most at t = 1");
           least = weight(t) < weight(least) ? t : least;
         }
         cases.require(std::abs(weight(1) - 0.50005) < 1e-6 && std::abs(weight(1000) - 0.0102045) < 1e-6, "the ends");
         cases.require(least == 349 && weight(1) > 100 * weight(least), say("the least is at t = %d", least));
       }>},
      // [simple_loss_weights]
  };
}

}  // namespace equations::note
