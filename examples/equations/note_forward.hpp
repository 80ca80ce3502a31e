// SPDX-License-Identifier: MIT
// Document 001, section 1.1: the forward process, displays 1 to 11.
#pragma once

#include "note_steps.hpp"
#include "quadratic.hpp"

namespace equations::note {

/// Mean factor and variance of x_t given x_0 by the recursion x_t = sqrt(alpha_t) x_{t-1} + sqrt(beta_t) eps_t.
struct Composed {
  W factor = 1, variance = 0;
  void step(const W& alpha, const W& beta) {
    factor *= sqrt(alpha);
    variance = alpha * variance + beta;
  }
};

/// x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) eps.
inline Outcome transition_step() {
  return at_steps<[](Cases& cases, const Step& s) {
    const auto q = diffusion::q_transition(s.s, s.t);
    cases.equal(q.scale, sqrt(1 - s.beta));
    cases.equal(q.variance, s.beta);
  }>();
}

/// x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps has the law of t steps one after the other.
// [marginal]
inline Outcome marginal() {
  return at_chains<[](Cases& cases, const Chain& chain) {
    Composed steps;
    for (int t = 1; t <= chain.steps(); ++t) {
      const auto k = static_cast<std::size_t>(t);
      steps.step(chain.alpha[k], chain.beta[k]);
      cases.equal(steps.factor, sqrt(chain.alpha_bar[k]));
      cases.equal(steps.variance, 1 - chain.alpha_bar[k]);
      cases.equal(diffusion::q_marginal(chain.schedule(t)).signal, sqrt(chain.alpha_bar[k]));
      cases.equal(diffusion::q_marginal(chain.schedule(t)).noise, sqrt(1 - chain.alpha_bar[k]));
    }
  }>();
}
// [marginal]

/// log q(x_1, x_2, x_3 | x_0) as a product of steps.
inline Quadratic chain_of_three(const Chain& chain) {
  Quadratic q(4);
  for (int t = 1; t <= 3; ++t) q.add({{t, 1}, {t - 1, -sqrt(chain.alpha[std::size_t(t)])}}, chain.beta[std::size_t(t)]);
  return q;
}

inline W product_of_roots(const Chain& chain, int t) {
  W product = 1;
  for (int s = 1; s <= t; ++s) product *= sqrt(1 - chain.beta[std::size_t(s)]);
  return product;
}

inline std::vector<Check> forward_checks() {
  using namespace diffusion;
  return {
      // [step]
      {"note.step", transition_step},
      // [step]
      // [step_is_a_draw]
      {"note.step_is_a_draw", at_steps<[](Cases& cases, const Step& s) {  // two draws from one x_{t-1}
         cases.equal(sqrt(1 - s.beta) * s.x + sqrt(s.beta) * s.eps, sqrt(1 - s.beta) * s.x + sqrt(s.beta) * s.y,
                     "x_t of one x_{t-1}, twice");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the density of such a draw is that of its noise, moved
         const W x_t = sqrt(1 - s.beta) * s.x + sqrt(s.beta) * s.eps;
         cases.equal(log_normal(x_t, sqrt(1 - s.beta) * s.x, s.beta), log_normal(s.eps, 0, 1) - log(s.beta) / 2);
       }>},
      // [step_is_a_draw]
      // [jump]
      {"note.jump", marginal},
      // [jump]
      // [trick]
      {"note.trick", at_two_steps<[](Cases& cases, const TwoSteps& s) {  // weights renormalised to sum to one
         const W total = s.a() + s.b();
         cases.equal((s.a() * s.a() + s.b() * s.b()) / (total * total), s.merged() * s.merged(),
                     "noise variance of x_2");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(s.a() * s.a() + s.b() * s.b(), s.merged() * s.merged());
       }>},
      // [trick]
      // [x_1]
      {"note.x_1", at_two_steps<[](Cases& cases, const TwoSteps& s) {
         const auto schedule = s.schedule();
         cases.equal(q_transition(schedule(0), schedule(1)).scale, sqrt(1 - s.beta_1));
         cases.equal(q_transition(schedule(0), schedule(1)).variance, s.beta_1);
       }>},
      // [x_1]
      // [x_2]
      {"note.x_2", at_two_steps<[](Cases& cases, const TwoSteps& s) {
         const auto schedule = s.schedule();
         cases.equal(q_transition(schedule(1), schedule(2)).scale, sqrt(1 - s.beta_2));
         cases.equal(q_transition(schedule(1), schedule(2)).variance, s.beta_2);
       }>},
      // [x_2]
      // [x_2_inserted]
      {"note.x_2_inserted", at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(
             sqrt(1 - s.beta_2) * (sqrt(1 - s.beta_1) * s.x_0 + sqrt(s.beta_1) * s.eps_1) + sqrt(s.beta_2) * s.eps_2,
             s.x_2());
       }>},
      // [x_2_inserted]
      // [x_2_expanded]
      {"note.x_2_expanded", at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(sqrt(1 - s.beta_2) * sqrt(1 - s.beta_1) * s.x_0 + sqrt(1 - s.beta_2) * sqrt(s.beta_1) * s.eps_1 +
                         sqrt(s.beta_2) * s.eps_2,
                     s.x_2());
       }>},
      // [x_2_expanded]
      // [weighted_average_of_noises]
      {"note.weighted_average_of_noises",
       at_two_steps<[](Cases& cases, const TwoSteps& s) { cases.equal(s.a() + s.b(), W(1), "sum of the weights"); }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {  // a sum: the squares of the weights add up to a variance
         cases.equal(s.a() * s.a() + s.b() * s.b(), 1 - (1 - s.beta_1) * (1 - s.beta_2));
       }>},
      // [weighted_average_of_noises]
      // [same_normal_suffices]
      {"note.same_normal_suffices", at_two_steps<[](Cases& cases, const TwoSteps& s) {  // eps_2 = -eps_1
         cases.equal((s.a() - s.b()) * (s.a() - s.b()), s.merged() * s.merged(),
                     "variance of the sum if eps_2 = -eps_1");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(s.a() * s.a() + s.b() * s.b(), s.merged() * s.merged());
       }>},
      // [same_normal_suffices]
      // [one_epsilon]
      {"note.one_epsilon", at_two_steps<[](Cases& cases, const TwoSteps& s) {  // eps_2 = eps_1
         cases.equal((s.a() + s.b()) * (s.a() + s.b()), s.merged() * s.merged(),
                     "noise variance of x_2 if eps_2 = eps_1");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(s.a() * s.a() + s.b() * s.b(), s.merged() * s.merged());
       }>},
      // [one_epsilon]
      // [another_distribution]
      {"note.another_distribution",
       at_two_steps<[](Cases& cases, const TwoSteps& s) {  // a fresh draw: that of x_0 here
         cases.equal(s.a() * s.eps_1 + s.b() * s.eps_2, s.merged() * s.x_0, "the sum, and a new draw in its place");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {  // in law: second and fourth moment
         const W a2 = s.a() * s.a(), b2 = s.b() * s.b(), m2 = s.merged() * s.merged();
         cases.equal(a2 + b2, m2);
         cases.equal(3 * a2 * a2 + 6 * a2 * b2 + 3 * b2 * b2, 3 * m2 * m2);
       }>},
      // [another_distribution]
      // [merged_noise]
      {"note.merged_noise", at_two_steps<[](Cases& cases, const TwoSteps& s) {  // eps* so defined has variance one
         const W variance = (1 - s.beta_2) * s.beta_1 + s.beta_2;
         cases.equal(variance, 1 - (1 - s.beta_2) * (1 - s.beta_1));
         cases.equal(s.schedule()(2).noise(), s.merged());
       }>},
      // [merged_noise]
      // [x_t]
      {"note.x_t", at_chains<[](Cases& cases, const Chain& chain) {
         Composed steps;
         W product = 1;
         for (int t = 1; t <= chain.steps(); ++t) {
           const auto k = static_cast<std::size_t>(t);
           steps.step(chain.alpha[k], chain.beta[k]);
           product *= 1 - chain.beta[k];
           cases.equal(product_of_roots(chain, t), steps.factor);
           cases.equal(1 - product, steps.variance);
           cases.equal(q_marginal(chain.schedule(t)).noise, sqrt(1 - product));
         }
       }>},
      // [x_t]
      // [epsilon_of_all_steps]
      {"note.epsilon_of_all_steps", at_steps<[](Cases& cases, const Step& s) {  // as if they were one variable
         cases.equal(sqrt(s.beta / (1 - s.bar)), W(1), "correlation of the noise of step t with the noise in x_t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // unit variance of sqrt(alpha (1 - bar_s)) eps_before + sqrt(beta)
                                                   // eps_t
         cases.equal(s.alpha * (1 - s.bar_s) / (1 - s.bar) + s.beta / (1 - s.bar), W(1));
       }>},
      // [epsilon_of_all_steps]
      // [alpha_bar]
      {"note.alpha_bar", at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = 1; t <= chain.steps(); ++t) {
           cases.equal(product_of_roots(chain, t), sqrt(chain.alpha_bar[std::size_t(t)]));
           cases.equal(chain.schedule(t).alpha_bar(), chain.alpha_bar[std::size_t(t)]);
         }
       }>},
      // [alpha_bar]
      // [bar_over_the_index]
      {"note.bar_over_the_index",
       at_two_steps<[](Cases& cases, const TwoSteps& s) {  // the same alpha_2 after another beta_1
         const DiscreteSchedule<double> other{0.9, to_double(s.beta_2)};
         cases.equal(s.schedule()(2).working_signal_squared(), other(2).working_signal_squared(),
                     "two chains with one alpha_t: alpha_bar_t");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {
         cases.equal(s.schedule()(2).alpha_bar(), (1 - s.beta_1) * (1 - s.beta_2));
       }>},
      // [bar_over_the_index]
      {"note.marginal", marginal},
      // [weighted_average_of_image_and_noise]
      {"note.weighted_average_of_image_and_noise", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(sqrt(1 - s.beta) + sqrt(s.beta), W(1), "sum of the weights");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         const W a = sqrt(1 - s.beta), b = sqrt(s.beta);
         cases.equal(a * a + b * b, W(1));
       }>},
      // [weighted_average_of_image_and_noise]
      // [epsilon_law]
      {"note.epsilon_law", at_steps<[](Cases& cases, const Step& s) {  // data of variance one keep it
         const W variance = 1;
         cases.equal(s.bar * variance + (1 - s.bar) * 1, variance);
       }>},
      // [epsilon_law]
      // [affine_normal]
      {"note.affine_normal", at_two_steps<[](Cases& cases, const TwoSteps& s) {
         const W b = s.eps_1, variance = b * b;
         cases.equal(b, sqrt(variance), "b, and the deviation of a + b e");
       }>,
       at_two_steps<[](Cases& cases, const TwoSteps& s) {
         const W a = s.x_0, b = s.eps_1, e = s.eps_2;  // the density of e, moved to a + b e
         cases.equal(log_normal(a + b * e, a, b * b), log_normal(e, 0, 1) - log(absolute(b)));
       }>},
      // [affine_normal]
      // [transition]
      {"note.transition", at_steps<[](Cases& cases, const Step& s) {
         const auto q = q_transition(s.s, s.t);
         cases.equal(q.scale, sqrt(1 - s.beta));
         cases.equal(q.variance, s.beta);
       }>},
      // [transition]
      // [transition_by_alpha]
      {"note.transition_by_alpha", at_steps<[](Cases& cases, const Step& s) {
         const auto q = q_transition(s.s, s.t);
         cases.equal(q.scale, sqrt(s.alpha));
         cases.equal(q.variance, 1 - s.alpha);
       }>},
      // [transition_by_alpha]
      // [marginal_given_previous]
      {"note.marginal_given_previous", at_steps<[](Cases& cases, const Step& s) {
         const W covariance = sqrt(s.alpha) * (1 - s.bar_s);  // of x_{t-1} and x_t, given x_0
         cases.equal(1 - s.bar, 1 - s.bar - covariance * covariance / (1 - s.bar_s), "variance given x_{t-1} and x_0");
       }>,
       marginal},
      // [marginal_given_previous]
      // [joint]
      {"note.joint", at_chains<[](Cases& cases, const Chain& chain) {  // its marginals are known, its integral is one
         const Quadratic q = chain_of_three(chain), x_3 = q.integrated(1).integrated(2),
                         x_1 = q.integrated(3).integrated(2);
         const W x_0 = W(3) / 5, x = W(-2) / 7;
         cases.equal(x_3.at({x_0, 0, 0, x}), log_normal(x, sqrt(chain.alpha_bar[3]) * x_0, 1 - chain.alpha_bar[3]));
         cases.equal(x_1.at({x_0, x, 0, 0}), log_normal(x, sqrt(chain.alpha_bar[1]) * x_0, 1 - chain.alpha_bar[1]));
         cases.require(absolute(x_3.integrated(3).at({x_0, 0, 0, 0})) < W(0x1p-140), "the integral is one");
       }>},
      // [joint]
      // [noise_grows_with_t]
      {"note.noise_grows_with_t", once<[](Cases& cases) {
         const auto schedule = constant_schedule(1000);
         cases.require(
             schedule.beta(1) < schedule.beta(1000),
             say("the constant schedule: beta_1 = %.6g, beta_1000 = %.6g", schedule.beta(1), schedule.beta(1000)));
       }>,
       once<[](Cases& cases) {  // what grows in any schedule is the noise in x_t
         for (const auto& schedule :
              {constant_schedule(1000), linear_schedule(1000), linear_schedule(1000, 0.02, 1e-4)})
           for (int t = 1; t <= 1000; ++t)
             cases.require(schedule(t).working_noise_squared() > schedule(t - 1).working_noise_squared(), "it grows");
       }>},
      // [noise_grows_with_t]
      // [betas_increase]
      {"note.betas_increase", once<[](Cases& cases) {
         for (const auto& schedule :
              {linear_schedule(1000), scaled_linear_schedule(1000), jensen_shannon_schedule(1000)})
           for (int t = 2; t <= 1000; ++t) cases.require(schedule.beta(t) > schedule.beta(t - 1), "beta_t grows");
       }>},
      // [betas_increase]
      // [alpha_bars_decrease]
      {"note.alpha_bars_decrease", once<[](Cases& cases) {
         for (const auto& schedule : {linear_schedule(1000), cosine_schedule(1000), constant_schedule(1000)})
           for (int t = 1; t <= 1000; ++t)
             cases.require(schedule(t).working_signal_squared() < schedule(t - 1).working_signal_squared(),
                           "alpha_bar_t falls");
       }>},
      // [alpha_bars_decrease]
      // [because_betas_increase]
      {"note.because_betas_increase", once<[](Cases& cases) {  // betas that fall: does alpha_bar grow?
         const auto schedule = linear_schedule(1000, 0.02, 1e-4);
         for (int t = 1; t <= 1000; ++t)
           cases.require(!(schedule(t).working_signal_squared() < schedule(t - 1).working_signal_squared()),
                         say("betas that fall from 0.02 to 0.0001: alpha_bar_1 = %.6g falls to alpha_bar_1000 = %.6g",
                             schedule(1).alpha_bar(), schedule(1000).alpha_bar()));
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // only beta_t > 0 is needed
         cases.require(s.bar < s.bar_s, "alpha_bar_t falls");
         cases.equal(s.bar_s - s.bar, s.beta * s.bar_s);
       }>},
      // [because_betas_increase]
  };
}

}  // namespace equations::note
