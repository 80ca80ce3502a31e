// SPDX-License-Identifier: MIT
// Document 001, sections 1.2 and 1.3: Bayes' rule and the posterior, displays 12 to 19.
#pragma once

#include "note_steps.hpp"

namespace equations::note {

// [normals]
/// The three normal densities of Bayes' rule, at x_{t-1} = x.
inline W log_transition(const Step& s, const W& x) { return log_normal(s.x_t, sqrt(s.alpha) * x, 1 - s.alpha); }
inline W log_marginal_s(const Step& s, const W& x) { return log_normal(x, sqrt(s.bar_s) * s.x_0, 1 - s.bar_s); }
inline W log_marginal_t(const Step& s) { return log_normal(s.x_t, sqrt(s.bar) * s.x_0, 1 - s.bar); }
// [normals]

// [two_ways]
/// The posterior by Bayes' rule, and by regression of x_{t-1} on x_t under q(. | x_0), which knows nothing of Bayes.
inline W log_by_bayes(const Step& s, const W& x) {
  return log_transition(s, x) + log_marginal_s(s, x) - log_marginal_t(s);
}
inline W log_by_regression(const Step& s, const W& x) {
  return log_normal(x, s.posterior_mean(), s.posterior_variance());
}
// [two_ways]

// [exponent]
/// The exponent when the three densities are written out and their factors left off.
inline W exponent(const Step& s, const W& x) {
  const auto square = [](const W& z) { return z * z; };
  return -(square(s.x_t - sqrt(s.alpha) * x) / (2 * (1 - s.alpha)) +
           square(x - sqrt(s.bar_s) * s.x_0) / (2 * (1 - s.bar_s)) -
           square(s.x_t - sqrt(s.bar) * s.x_0) / (2 * (1 - s.bar)));
}
// [exponent]

// [mean_and_variance]
/// The mean as it is printed, and the variance, printed and true.
inline W mu(const Step& s) {
  return (sqrt(s.alpha) * (1 - s.bar_s) * s.x_t + sqrt(s.bar_s) * (1 - s.alpha) * s.x_0) / (1 - s.bar);
}
inline W printed_sigma(const Step& s) { return (1 - s.alpha) * (1 - s.bar_s) / (1 - s.bar_s); }
inline W sigma(const Step& s) { return (1 - s.alpha) * (1 - s.bar_s) / (1 - s.bar); }
// [mean_and_variance]

/// A function of x_{t-1} is the exponent up to what does not depend on x_{t-1}.
template <class F>
void equal_up_to_a_constant(Cases& cases, const Step& s, F f, const char* where) {
  cases.equal(f(s.x) - f(s.y), log_by_bayes(s, s.x) - log_by_bayes(s, s.y), where);
}

/// Bayes' rule for data N(m, v): the log of q(x_t | x_{t-1}) p(x_{t-1}) / p(x_t), where p is q, or a model with the
/// marginals N(0, 1).
inline W log_reverse_by_bayes(const Step& s, bool of_model) {
  const W likelihood = log_transition(s, s.x);
  return of_model
             ? likelihood + log_normal(s.x, 0, 1) - log_normal(s.x_t, 0, 1)
             : likelihood + log_normal(s.x, s.mean_s(), s.variance_s()) - log_normal(s.x_t, s.mean_t(), s.variance_t());
}
inline W log_reverse(const Step& s) { return log_normal(s.x, s.gain() * s.x_t + s.offset(), s.reverse_variance()); }

/// The average of q(x_{t-1} | x_t, x_0) over q(x_0 | x_t) is q(x_{t-1} | x_t): the laws of total mean and variance.
// [average_over_x0]
inline void average_over_x0(Cases& cases, const Step& s) {
  const W covariance = sqrt(s.bar) * s.v;  // of x_0 and x_t
  const W mean = s.m + covariance / s.variance_t() * (s.x_t - s.mean_t());
  const W variance = s.v - covariance * covariance / s.variance_t();
  const W slope = sqrt(s.bar_s) * (1 - s.alpha) / (1 - s.bar);  // of the posterior mean in x_0
  cases.equal(s.slope() * s.x_t + slope * mean, s.gain() * s.x_t + s.offset());
  cases.equal(sigma(s) + slope * slope * variance, s.reverse_variance());
}
// [average_over_x0]

/// The posterior is normal: third differences of its log-density vanish.
inline Outcome normal_in_x() {
  return at_steps<[](Cases& cases, const Step& s) {
    const auto second = [&](const W& x) {
      return log_by_bayes(s, x) - 2 * log_by_bayes(s, x + 1) + log_by_bayes(s, x + 2);
    };
    cases.equal(second(s.x), second(s.y));
  }>();
}

/// The kurtosis of q(x_{t-1} | x_t) for data that are -1 or 1, each with probability 1/2.
inline W kurtosis_for_two_points(const W& alpha, const W& bar_s, const W& x_t) {
  const W bar = alpha * bar_s, w = 1 / (1 + exp(-2 * sqrt(bar) * x_t / (1 - bar)));  // of x_0 = 1, given x_t
  const W slope = sqrt(bar_s) * (1 - alpha) / (1 - bar), variance = (1 - alpha) * (1 - bar_s) / (1 - bar);
  W second, fourth;
  for (const int x_0 : {-1, 1}) {
    const W d = slope * x_0 - slope * (2 * w - 1), d2 = d * d, weight = x_0 > 0 ? w : 1 - w;
    second += weight * (d2 + variance);
    fourth += weight * (d2 * d2 + 6 * d2 * variance + 3 * variance * variance);
  }
  return fourth / (second * second);
}

inline W integral_of_unit_normal() {
  W sum;
  for (const Node& node : normal_nodes(20, 8)) sum += node.weight;
  return sum;
}

inline std::vector<Check> posterior_checks() {
  using namespace diffusion;
  return {
      // [start_from_unit_normal]
      {"note.start_from_unit_normal", at_chains<[](Cases& cases, const Chain& chain) {
         const auto [mean, variance] = generated(chain.schedule, {0, 1});
         cases.equal(mean, W(1), "mean of x_0' for data N(1, 1/4) and T = 8");
         cases.equal(variance, W(1) / 4);
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         const W bar = chain.alpha_bar.back();
         const auto [mean, variance] = generated(chain.schedule, {sqrt(bar), bar / 4 + 1 - bar});
         cases.equal(mean, W(1));
         cases.equal(variance, W(1) / 4);
       }>},
      // [start_from_unit_normal]
      // [bayes]
      {"note.bayes",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(log_reverse(s), log_reverse_by_bayes(s, false)); }>},
      // [bayes]
      // [model_is_q]
      {"note.model_is_q", at_steps<[](Cases& cases, const Step& s) {
         // p(x_t) = N(0, 1) and p(x_{t-1} | x_t) = N(gain x_t, v): then p(x_t | x_{t-1}) has variance v / (v + gain^2).
         cases.equal(s.v / (s.v + s.gain() * s.gain()), s.beta, "variance of p(x_t | x_{t-1}) and of q");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the joint of q itself
         cases.equal(1 / (1 / s.variance_t() + s.gain() * s.gain() / s.reverse_variance()), s.beta);
       }>},
      // [model_is_q]
      // [bayes_by_q]
      {"note.bayes_by_q", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(exp(log_reverse_by_bayes(s, true)), exp(log_reverse(s)),
                     "density with p(x_{t-1}) = p(x_t) = N(0, 1)");
       }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(log_reverse_by_bayes(s, false), log_reverse(s)); }>},
      // [bayes_by_q]
      // [marginals_need_the_data]
      {"note.marginals_need_the_data", at_steps<[](Cases& cases, const Step& s) {
         Step other = s;
         other.v = s.v + 1;
         cases.require(other.variance_t() > s.variance_t() && other.variance_s() > s.variance_s(),
                       "other data, other marginals");
       }>},
      // [marginals_need_the_data]
      // [given_x0_too]
      {"note.given_x0_too", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.posterior_variance(), s.reverse_variance(), "variance given x_t and x_0, and given x_t");
       }>,
       at_steps<average_over_x0>},
      // [given_x0_too]
      // [posterior_bayes]
      {"note.posterior_bayes", at_steps<[](Cases& cases, const Step& s) {
         // p(x_t | x_{t-1}, x_0) by regression of x_t on x_{t-1}, x_0 given
         const W covariance = sqrt(s.alpha) * (1 - s.bar_s), slope = covariance / (1 - s.bar_s);
         const W likelihood = log_normal(s.x_t, sqrt(s.bar) * s.x_0 + slope * (s.x - sqrt(s.bar_s) * s.x_0),
                                         1 - s.bar - slope * covariance);
         cases.equal(log_by_regression(s, s.x), likelihood + log_marginal_s(s, s.x) - log_marginal_t(s));
       }>},
      // [posterior_bayes]
      // [posterior_bayes_by_q]
      {"note.posterior_bayes_by_q",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(log_by_regression(s, s.x), log_by_bayes(s, s.x)); }>},
      // [posterior_bayes_by_q]
      // [posterior_named_p]
      {"note.posterior_named_p", at_steps<[](Cases& cases, const Step& s) {
         // of the model p(x_{t-1} | x_t) = N(gain x_t, v), p(x_0 | x_{t-1}) = N(x_{t-1}, v): its own posterior
         cases.equal(s.v / 2, s.posterior_variance(), "variance of p(x_{t-1} | x_t, x_0) and of q");
       }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(log_by_regression(s, s.x), log_by_bayes(s, s.x)); }>},
      // [posterior_named_p]
      // [markov_unrelated]
      {"note.markov_unrelated", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.slope() * sqrt((1 - s.bar) / (1 - s.bar_s)), W(0), "correlation of x_{t-1} and x_t, given x_0");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // given x_{t-1}, x_0 tells nothing more of x_t
         const W x_0_t = sqrt(s.bar) * s.v, x_0_s = sqrt(s.bar_s) * s.v;
         const W s_t = sqrt(s.alpha) * s.variance_s();
         cases.equal(x_0_t, x_0_s * s_t / s.variance_s());
       }>},
      // [markov_unrelated]
      // [markov_drop]
      {"note.markov_drop", at_steps<[](Cases& cases, const Step& s) {
         // regression of x_t on x_{t-1} under q(. | x_0): the slope is sqrt(alpha_t), and x_0 drops out
         const W slope = sqrt(s.alpha) * (1 - s.bar_s) / (1 - s.bar_s);
         cases.equal(sqrt(s.bar) * s.x_0 + slope * (s.x - sqrt(s.bar_s) * s.x_0), sqrt(s.alpha) * s.x);
         cases.equal(1 - s.bar - slope * slope * (1 - s.bar_s), s.beta);
       }>},
      // [markov_drop]
      // [posterior_of_normals]
      {"note.posterior_of_normals", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(log_by_regression(s, s.x), log_transition(s, s.x) + log_marginal_s(s, s.x) - log_marginal_t(s));
       }>},
      // [posterior_of_normals]
      // [t_is_one]
      {"note.t_is_one", at_chains<[](Cases& cases, const Chain& chain) {
         cases.require(!(1 - chain.alpha_bar[0]).is_zero(), "t = 1: 2 (1 - alpha_bar_0) = 0 in the denominator");
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {  // at t = 1 the posterior is the point x_0
         const auto q = q_posterior(chain.schedule(0), chain.schedule(1));
         cases.equal(W(q.x0), W(1));
         cases.equal(W(q.xt), W(0));
         cases.equal(W(q.variance), W(0));
       }>},
      // [t_is_one]
      // [posterior_exponents]
      {"note.posterior_exponents", at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(cases, s, [&](const W& x) { return exponent(s, x); }, "");
       }>},
      // [posterior_exponents]
      // [square_of_a_vector]
      {"note.square_of_a_vector", once<[](Cases& cases) {  // an element of the squares, in place of their sum
         const std::vector<double> x{1, 2, 3};
         cases.equal(W(x[0] * x[0]) / -2, squared_norm(x) / -2, "exponent at (1, 2, 3) by the square of one element");
       }>,
       once<[](Cases& cases) {
         const std::vector<double> x{1, 2, 3}, zero(3, 0.0);
         cases.equal(log_density(Gaussian{zero, 1.0}, x), 3 * log_normal(0, 0, 1) + squared_norm(x) / -2);
       }>},
      // [square_of_a_vector]
      // [luo_71]
      {"note.luo_71", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(log_by_bayes(s, s.x), log_normal(s.x, mu(s), sigma(s)));
       }>},
      // [luo_71]
      // [square]
      {"note.square_by_powers", at_steps<[](Cases& cases, const Step& s) {
         const W quadratic = s.alpha / (1 - s.alpha) + 1 / (1 - s.bar_s);
         const W linear = sqrt(s.alpha) * s.x_t / (1 - s.alpha) + sqrt(s.bar_s) * s.x_0 / (1 - s.bar_s);
         equal_up_to_a_constant(cases, s, [&](const W& x) { return (quadratic * x * x - 2 * linear * x) / -2; }, "");
       }>},
      {"note.square_precision", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.alpha / (1 - s.alpha) + 1 / (1 - s.bar_s), (1 - s.bar) / ((1 - s.alpha) * (1 - s.bar_s)));
         cases.equal(q_posterior(s.s, s.t).variance, sigma(s));
       }>},
      {"note.square_mean", at_steps<[](Cases& cases, const Step& s) {
         const W linear = sqrt(s.alpha) * s.x_t / (1 - s.alpha) + sqrt(s.bar_s) * s.x_0 / (1 - s.bar_s);
         cases.equal(sigma(s) * linear, mu(s));
       }>},
      {"note.square_completed", at_steps<[](Cases& cases, const Step& s) {  // exactly: there is no remainder
         cases.equal(exponent(s, s.x), -(s.x - mu(s)) * (s.x - mu(s)) / (2 * sigma(s)));
       }>},
      // [square]
      // [printed_exponent]
      {"note.exponent", at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(
             cases, s, [&](const W& x) { return 1 / printed_sigma(s) * x * x / -2 - 2 * mu(s) * x; },
             "difference of the exponents at two places");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(cases, s, [&](const W& x) { return 1 / sigma(s) * (x * x - 2 * mu(s) * x) / -2; }, "");
       }>},
      // [printed_exponent]
      // [exponent_denominator]
      {"note.exponent_denominator", at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(
             cases, s, [&](const W& x) { return 1 / printed_sigma(s) * (x * x - 2 * mu(s) * x) / -2; },
             "difference of the exponents at two places");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(cases, s, [&](const W& x) { return 1 / sigma(s) * (x * x - 2 * mu(s) * x) / -2; }, "");
       }>},
      // [exponent_denominator]
      // [exponent_bracket]
      {"note.exponent_bracket", at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(
             cases, s, [&](const W& x) { return 1 / sigma(s) * x * x / -2 - 2 * mu(s) * x; },
             "difference of the exponents at two places");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         equal_up_to_a_constant(cases, s, [&](const W& x) { return 1 / sigma(s) * (x * x - 2 * mu(s) * x) / -2; }, "");
       }>},
      // [exponent_bracket]
      // [exponent_constant]
      {"note.exponent_constant", at_steps<[](Cases& cases, const Step& s) {
         cases.equal((s.x * s.x - 2 * mu(s) * s.x) / (-2 * sigma(s)), exponent(s, s.x), "the exponent");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         const W rest = s.x_t * s.x_t / (1 - s.alpha) + s.bar_s * s.x_0 * s.x_0 / (1 - s.bar_s) -
                        (s.x_t - sqrt(s.bar) * s.x_0) * (s.x_t - sqrt(s.bar) * s.x_0) / (1 - s.bar);
         cases.equal((s.x * s.x - 2 * mu(s) * s.x) / (-2 * sigma(s)) - rest / 2, exponent(s, s.x));
         cases.equal(rest, mu(s) * mu(s) / sigma(s));
       }>},
      // [exponent_constant]
      // [posterior_normal]
      {"note.posterior_normal", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(log_normal(s.x, mu(s), printed_sigma(s)), log_by_bayes(s, s.x), "log-density");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(log_normal(s.x, mu(s), sigma(s)), log_by_bayes(s, s.x));
       }>},
      // [posterior_normal]
      // [second_semicolon]
      {"note.second_semicolon", once<[](Cases& cases) {  // as a density of (x, mean), with the mean in [0, 10]
         cases.equal(W(10) * integral_of_unit_normal(), W(1), "integral over x and over a mean in [0, 10]");
       }>,
       once<[](Cases& cases) { cases.equal(integral_of_unit_normal(), W(1)); }>},
      // [second_semicolon]
      // [reverse_is_normal]
      {"note.reverse_is_normal", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(kurtosis_for_two_points(s.alpha, s.bar_s, s.x_t), W(3),
                     "kurtosis of q(x_{t-1} | x_t) for data -1 and 1");
       }>,
       normal_in_x},
      // [reverse_is_normal]
      // [mean_is_a_function]
      {"note.mean_is_a_function", at_steps<[](Cases& cases, const Step& s) {
         const auto q = q_posterior(s.s, s.t);
         cases.equal(q.x0, sqrt(s.bar_s) * (1 - s.alpha) / (1 - s.bar));
         cases.equal(q.xt, sqrt(s.alpha) * (1 - s.bar_s) / (1 - s.bar));
       }>},
      // [mean_is_a_function]
      // [variance_is_constant]
      {"note.variance_is_constant",
       at_two_steps<[](Cases& cases, const TwoSteps& s) {  // the same beta_2 after another beta_1
         const DiscreteSchedule<double> other{0.9, to_double(s.beta_2)};
         const auto schedule = s.schedule();
         cases.equal(W(q_posterior(schedule(1), schedule(2)).variance), W(q_posterior(other(1), other(2)).variance),
                     "variance in two chains with one beta_t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(q_posterior(s.s, s.t).variance, s.beta * (1 - s.bar_s) / (1 - s.bar));
       }>},
      // [variance_is_constant]
      // [mu]
      {"note.mu", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(mu(s), s.posterior_mean());
         cases.equal(q_posterior(s.s, s.t).x0, sqrt(s.bar_s) * (1 - s.alpha) / (1 - s.bar));
         cases.equal(q_posterior(s.s, s.t).xt, sqrt(s.alpha) * (1 - s.bar_s) / (1 - s.bar));
       }>},
      // [mu]
      // [sigma]
      {"note.sigma",
       at_steps<[](Cases& cases, const Step& s) { cases.equal(printed_sigma(s), s.posterior_variance(), "variance"); }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(sigma(s), s.posterior_variance());
         cases.equal(q_posterior(s.s, s.t).variance, sigma(s));
       }>},
      // [sigma]
      // [posterior_is_normal]
      {"note.posterior_is_normal", normal_in_x},
      // [posterior_is_normal]
      // [only_the_mean_is_sought]
      {"note.only_the_mean_is_sought",
       at_steps<[](Cases& cases, const Step& s) {  // the best mean, and Sigma as the variance: Var(x_{t-1}) falls short
         cases.equal(s.gain() * s.gain() * s.variance_t() + sigma(s), s.variance_s(),
                     "variance of x_{t-1} after a step with Sigma");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the variance of q(x_{t-1} | x_t) depends on that of the data, v
         cases.equal(s.gain() * s.gain() * s.variance_t() + s.reverse_variance(), s.variance_s());
         cases.equal(s.reverse_variance(), s.beta * s.variance_s() / s.variance_t());
         cases.require(s.reverse_variance() > sigma(s), "above Sigma");
         cases.require((s.reverse_variance() < s.beta) == (s.v < W(1)),
                       "below beta if the data have a variance below 1");
       }>},
      // [only_the_mean_is_sought]
      // [draw]
      {"note.draw", at_steps<[](Cases& cases, const Step& s) {  // the variance of sigma eps, with the true sigma
         cases.equal(sigma(s) * sigma(s), sigma(s), "variance of the draw");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(ancestral_coefficients(s.s, s.t).noise, sqrt(sigma(s)));
       }>},
      // [draw]
      // [draw_epsilon]
      {"note.draw_epsilon",
       at_steps<[](Cases& cases, const Step& s) {  // the eps of x_t once more: given x_0, factors add
         const W factor = s.slope() * sqrt(1 - s.bar) + sqrt(sigma(s));
         cases.equal(factor * factor, 1 - s.bar_s, "variance of x_{t-1} given x_0, with the eps of x_t");
       }>,
       at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.slope() * s.slope() * (1 - s.bar) + sigma(s), 1 - s.bar_s);
       }>},
      // [draw_epsilon]
  };
}

}  // namespace equations::note
