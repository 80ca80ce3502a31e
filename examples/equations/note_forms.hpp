// SPDX-License-Identifier: MIT
// Document 001, what sections 1.3 and 1.4 leave out: the posterior of any two levels and at the ends, and its mean by
// v and by the score.
#pragma once

#include "note_posterior.hpp"

namespace equations::note {

/// Two levels, variance preserving or not: x_s = a x_0 + b eps, x_t = c x_s + sqrt(v) eps.
struct AnyStep {
  W a, b, c, v;
  W x_0, x_s, x_t;
  W total() const { return c * c * b * b + v; }  // noise variance of t
  diffusion::NoiseLevel<double> s() const { return {a * a, b * b, 1}; }
  diffusion::NoiseLevel<double> t() const { return {c * c * a * a, total(), 2}; }
};

template <auto check>
Outcome at_any_levels() {
  Cases cases;
  Draw draw(8);
  for (int k = 0; k < 40; ++k)
    check(cases, AnyStep{draw.between(0.1, 2), draw.between(0.1, 2), draw.between(0.1, 1.5), draw.between(0.01, 2),
                         draw.normal(), draw.normal(), draw.normal()});
  return cases.outcome();
}

inline std::vector<Check> form_checks() {
  using namespace diffusion;
  return {
      // [densities_are_known]
      {"note.densities_are_known", at_steps<[](Cases& cases, const Step& s) {  // by the levels alone, if x_0 is given
         const double x = to_double(s.x), x_0 = to_double(s.x_0);
         cases.equal(q_transition(s.s, s.t, 1.0).mean, sqrt(s.alpha));
         cases.equal(q_transition(s.s, s.t, x).variance, 1 - s.alpha);
         cases.equal(q_marginal(s.s, 1.0).mean, sqrt(s.bar_s));
         cases.equal(q_marginal(s.s, x_0).variance, 1 - s.bar_s);
         cases.equal(q_marginal(s.t, 1.0).mean, sqrt(s.bar));
         cases.equal(q_marginal(s.t, x_0).variance, 1 - s.bar);
       }>},
      // [densities_are_known]
      // [posterior_any_levels]
      {"note.posterior_any_levels", at_any_levels<[](Cases& cases, const AnyStep& p) {
         const W b2 = p.b * p.b, n2 = p.total();
         const W mean = p.a * p.v / n2 * p.x_0 + p.c * b2 / n2 * p.x_t, variance = p.v * b2 / n2;
         cases.equal(log_normal(p.x_t, p.c * p.x_s, p.v) + log_normal(p.x_s, p.a * p.x_0, b2) -
                         log_normal(p.x_t, p.c * p.a * p.x_0, n2),
                     log_normal(p.x_s, mean, variance));
         cases.equal(1 / variance, 1 / b2 + p.c * p.c / p.v);  // what x_0 says of x_s, and what x_t says of it
         const auto q = q_posterior(p.s(), p.t());
         cases.equal(q.x0, p.a * p.v / n2);
         cases.equal(q.xt, p.c * b2 / n2);
         cases.equal(q.variance, variance);
       }>},
      // [posterior_any_levels]
      // [posterior_ends]
      {"note.posterior_ends", at_any_levels<[](Cases& cases, const AnyStep& p) {
         const NoiseLevel<double> clean, pure(0, 1, 3);  // signal 1 and noise 0; signal 0 and noise 1
         const auto first = q_posterior(clean, p.t()), last = q_posterior(p.s(), pure), all = q_posterior(clean, pure);
         for (const auto& q : {first, all}) {  // x_0 itself
           cases.equal(W(q.x0), W(1));
           cases.equal(W(q.xt), W(0));
           cases.equal(W(q.variance), W(0));
         }
         cases.equal(last.x0, p.a);  // q(x_s | x_0): x_t says nothing
         cases.equal(W(last.xt), W(0));
         cases.equal(last.variance, p.b * p.b);
       }>},
      // [posterior_ends]
      // [forms]
      {"note.mean_by_v", at_steps<[](Cases& cases, const Step& s) {
         const W v = sqrt(s.bar) * s.eps - sqrt(1 - s.bar) * s.x_0;
         cases.equal(sqrt(s.bar) * s.x_t - sqrt(1 - s.bar) * v, s.x_0);
         cases.equal(sqrt(1 - s.bar) * s.x_t + sqrt(s.bar) * v, s.eps);
         cases.equal(sqrt(s.alpha) * s.x_t - sqrt(s.bar_s) * (1 - s.alpha) / sqrt(1 - s.bar) * v, mu(s));
         cases.equal((sqrt(s.alpha) * (1 - s.bar_s) + sqrt(s.bar_s) * (1 - s.alpha) * sqrt(s.bar)) / (1 - s.bar),
                     sqrt(s.alpha));
         cases.equal(v_from(s.t, 1.0, 0.0), -sqrt(1 - s.bar));
         cases.equal(v_from(s.t, 0.0, 1.0), sqrt(s.bar));
       }>},
      {"note.mean_by_score", at_steps<[](Cases& cases, const Step& s) {
         const W score = (sqrt(s.bar) * s.x_0 - s.x_t) / (1 - s.bar);  // the gradient of log q(x_t | x_0)
         cases.equal(score, -s.eps / sqrt(1 - s.bar));
         cases.equal((s.x_t + (1 - s.bar) * score) / sqrt(s.bar), s.x_0);
         cases.equal((s.x_t + (1 - s.alpha) * score) / sqrt(s.alpha), mu(s));
         cases.equal(score_from_noise(s.t, 1.0), -1 / sqrt(1 - s.bar));
         cases.equal(x0_from_score(s.t, 0.0, 1.0), (1 - s.bar) / sqrt(s.bar));
       }>},
      // [forms]
  };
}

}  // namespace equations::note
