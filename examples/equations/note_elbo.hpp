// SPDX-License-Identifier: MIT
// Document 001, section 1.6: the variational bound, display 23, and how long the chain must be, displays 24 and 25.
//
// The model is a chain of normal kernels with affine means, for which every term has a closed form.
#pragma once

#include <algorithm>

#include "note_model.hpp"
#include "note_noise.hpp"

namespace equations::note {

/// The last line of the bound: the expectation of log p / q in three terms.
// [elbo_terms]
inline Outcome elbo_in_three_terms() {
  return at_models<[](Cases& cases, const Model& m) {
    cases.equal(m.elbo(), m.reconstruction() - m.prior() - m.all_denoising());
  }>();
}
// [elbo_terms]

/// E over q(x_0, x_t) of KL(q(x_{t-1} | x_t, x_0) || N(gain x_t + offset, variance)) for data N(m, v).
inline W expected_kl(const Step& s, const W& gain, const W& offset, const W& variance) {
  const W slope = sqrt(s.bar_s) * (1 - s.alpha) / (1 - s.bar);  // posterior mean: slope x_0 + s.slope() x_t
  const W rest = s.slope() - gain, covariance = sqrt(s.bar) * s.v;
  const W miss = slope * s.m + rest * s.mean_t() - offset;
  const W spread = slope * slope * s.v + rest * rest * s.variance_t() + 2 * slope * rest * covariance;
  const W ratio = sigma(s) / variance;
  return (ratio - 1 - log(ratio) + (miss * miss + spread) / variance) / 2;
}

/// Two steps at x_0 = 1 that share p(x_0 | x_1): the posterior as p(x_1 | x_2), and a kernel that is narrower.
inline std::pair<Model, Model> posterior_and_narrow() {
  Model model = Model::random(1, 2);
  model.x_0 = 1;
  model.gain[1] = 1;
  model.offset[1] = 0;
  model.variance[1] = W(1) / 16;
  Model narrow = model;
  model.gain[2] = sqrt(model.alpha(2)) * (1 - model.bar(1)) / (1 - model.bar(2));
  model.offset[2] = sqrt(model.bar(1)) * (1 - model.alpha(2)) / (1 - model.bar(2)) * model.x_0;
  model.variance[2] = (1 - model.alpha(2)) * (1 - model.bar(1)) / (1 - model.bar(2));
  narrow.gain[2] = 0;
  narrow.offset[2] = 1;
  narrow.variance[2] = W(1) / 16;
  return {model, narrow};
}

/// How many brackets a line opens and closes.
inline std::pair<long, long> brackets(std::string_view line) {
  return {std::ranges::count(line, '('), std::ranges::count(line, ')')};
}
inline std::string initials(std::string_view name) {
  std::string result;
  for (std::size_t k = 0; k < name.size(); ++k)
    if (k == 0 || name[k - 1] == ' ') result += name[k];
  return result;
}

inline std::vector<Check> elbo_checks() {
  using namespace diffusion;
  return {
      // [variational_diffusion_models]
      {"note.variational_diffusion_models", once<[](Cases& cases) {
         const std::string name = initials("Variational Diffusion Models");
         cases.require(name == "VDE", say("the initials are %s, printed VDE", name.c_str()));
       }>,
       once<[](Cases& cases) { cases.require(initials("Variational Diffusion Models") == "VDM", "VDM"); }>},
      // [variational_diffusion_models]
      // [three_meanings_of_p]
      {"note.three_meanings_of_p", at_models<[](Cases& cases, const Model& m) {
         cases.equal(m.evidence(), log_normal(m.x_0, 0, 1), "log-density of the model at x_0, and of the data N(0, 1)");
       }>,
       once<[](Cases& cases) {  // equal only where the model is exact
         for (std::uint32_t seed = 1; seed <= 6; ++seed) {
           const Model m = Model::exact(seed, 5);
           cases.equal(m.evidence(), log_normal(m.x_0, 0, 1));
         }
       }>},
      // [three_meanings_of_p]
      // [elbo_marginal]
      {"note.elbo_marginal",
       at_models<[](Cases& cases, const Model& m) { cases.equal(m.integral(m.log_p()), m.evidence()); }>},
      // [elbo_marginal]
      // [elbo_multiplied]
      {"note.elbo_multiplied", at_paths<[](Cases& cases, const Model& m, const std::vector<W>& x) {
         cases.equal(exp(m.log_p().at(x)) * exp(m.log_q().at(x)) / exp(m.log_q().at(x)), exp(m.log_p().at(x)));
       }>},
      // [elbo_multiplied]
      // [elbo_expectation]
      {"note.elbo_expectation",
       once<[](Cases& cases) {  // the mean of p / q over draws of q, by quadrature over eps_1, eps_2
         const Model m = Model::random(1, 2);
         const Quadratic ratio = m.log_p() - m.log_q();
         const std::vector<Node> nodes = normal_nodes(18, 4);
         W mean;
         for (const Node& eps_1 : nodes) {
           const W x_1 = sqrt(m.alpha(1)) * m.x_0 + sqrt(m.beta(1)) * eps_1.z;
           W inner;
           for (const Node& eps_2 : nodes)
             inner += eps_2.weight * exp(ratio.at({m.x_0, x_1, sqrt(m.alpha(2)) * x_1 + sqrt(m.beta(2)) * eps_2.z}));
           mean += eps_1.weight * inner;
         }
         cases.equal(log(mean), m.evidence());
       }>},
      // [elbo_expectation]
      // [elbo_jensen]
      {"note.elbo_jensen", at_models<[](Cases& cases, const Model& m) {
         cases.require(m.elbo() < m.evidence(), "the bound lies below");
         const Model exact = Model::exact(1, 5);
         cases.equal(exact.elbo(), exact.evidence(), "equal where p / q does not depend on x_1, ..., x_T");
       }>},
      // [elbo_jensen]
      // [elbo_gap]
      {"note.elbo_gap",
       at_models<[](Cases& cases, const Model& m) {  // q against p(x_{1:T} | x_0) = p(x_{0:T}) / p(x_0)
         const W divergence = m.expected(m.log_q()) - (m.expected(m.log_p()) - m.evidence());
         cases.require(divergence > W(0), "a divergence");
         cases.equal(m.evidence() - m.elbo(), divergence);
       }>},
      // [elbo_gap]
      // [elbo_path]
      {"note.elbo_factors", at_paths<[](Cases& cases, const Model& m, const std::vector<W>& x) {
         W sum = log_normal(x.back(), 0, 1) + log_p_step(m, x, 1) - log_q_step(m, x, 1);
         for (int t = 2; t <= m.steps(); ++t) sum += log_p_step(m, x, t) - log_q_step(m, x, t);
         cases.equal(m.log_p().at(x) - m.log_q().at(x), sum);
       }>},
      {"note.elbo_bayes", at_paths<[](Cases& cases, const Model& m, const std::vector<W>& x) {
         for (int t = 2; t <= m.steps(); ++t)
           cases.equal(log_q_step(m, x, t),
                       log_q_posterior(m, x, t) + log_q_marginal(m, x, t) - log_q_marginal(m, x, t - 1));
       }>},
      {"note.elbo_telescope", at_paths<[](Cases& cases, const Model& m, const std::vector<W>& x) {
         W sum = log_q_step(m, x, 1);
         for (int t = 2; t <= m.steps(); ++t) sum += log_q_marginal(m, x, t) - log_q_marginal(m, x, t - 1);
         cases.equal(sum, log_q_marginal(m, x, m.steps()));
       }>},
      {"note.elbo_regrouped", at_paths<[](Cases& cases, const Model& m, const std::vector<W>& x) {
         W sum = log_p_step(m, x, 1) + log_normal(x.back(), 0, 1) - log_q_marginal(m, x, m.steps());
         for (int t = 2; t <= m.steps(); ++t) sum += log_p_step(m, x, t) - log_q_posterior(m, x, t);
         cases.equal(m.log_p().at(x) - m.log_q().at(x), sum);
       }>},
      // [elbo_path]
      {"note.elbo_terms", elbo_in_three_terms},
      // [luo_58]
      {"note.luo_58", elbo_in_three_terms},
      // [luo_58]
      // [bound_of_the_paper]
      {"note.bound_of_the_paper", at_models<[](Cases& cases, const Model& m) {  // Ho et al. print minus it, as a loss
         cases.equal(-m.elbo(), m.prior() + m.all_denoising() - m.reconstruction());
         cases.require(-m.elbo() > -m.evidence(), "an upper bound of -log p");
       }>},
      // [bound_of_the_paper]
      // [elbo_brackets]
      {"note.elbo_brackets", once<[](Cases& cases) {
         const auto [open, closed] =
             brackets(R"(\mathcal{D}_{KL}(q(x_{t-1}|x_t,x_{0})) \lVert p_\theta(x_{t-1}|x_t)))");
         cases.require(open == closed, say("brackets of the last divergence: %ld opened, %ld closed", open, closed));
       }>,
       once<[](Cases& cases) {
         const auto [open, closed] =
             brackets(R"(D_{KL}(q(x_{t-1} \mid x_t, x_0) \,\Vert\, p_\theta(x_{t-1} \mid x_t)))");
         cases.equal(W(open), W(closed));
       }>},
      // [elbo_brackets]
      // [elbo_sigma_for_sum]
      {"note.elbo_sigma_for_sum", at_models<[](Cases& cases, const Model& m) {  // Sigma as in display 18
         const int t = m.steps();
         const W own = (1 - m.alpha(t)) * (1 - m.bar(t - 1)) / (1 - m.bar(t));
         cases.equal(m.reconstruction() - m.prior() - own * m.denoising(t), m.elbo(),
                     "the bound with a variance Sigma");
       }>,
       elbo_in_three_terms},
      // [elbo_sigma_for_sum]
      // [likelihood_of_one_picture]
      {"note.likelihood_of_one_picture", once<[](Cases& cases) {  // data N(0, 1), whose picture is x_0 = 1/2
         const Gaussian<W> narrow{0.5, W(1) / 256}, data{0, 1};
         const auto mean_over_data = [&](const Gaussian<W>& p) { return -entropy(data) - kl_divergence(data, p); };
         cases.require(
             mean_over_data(narrow) >= mean_over_data(data) || log_density(narrow, W(0.5)) <= log_density(data, W(0.5)),
             say("log p(1/2) %.6g with a mean over the data of %.6g, but %.6g with %.6g",
                 to_double(log_density(narrow, W(0.5))), to_double(mean_over_data(narrow)),
                 to_double(log_density(data, W(0.5))), to_double(mean_over_data(data))));
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the mean over the data is greatest where the model is the data
         const Gaussian<W> data{s.m, s.v}, model{s.x, W(0.5)};
         const W mean =
             (log(2 * numerics::wide_pi * model.variance) + (s.v + (s.m - s.x) * (s.m - s.x)) / model.variance) /
             -2;  // of log p over N(m, v)
         cases.equal(mean, -entropy(data) - kl_divergence(data, model));
         cases.require(mean < -entropy(data), "less than of the data themselves");
       }>},
      // [likelihood_of_one_picture]
      // [only_the_last_term]
      {"note.only_the_last_term",
       at_models<[](Cases& cases, const Model& m) {  // another p(x_0 | x_1), the same last term
         Model other = m;
         other.offset[1] += 1;
         cases.equal(other.all_denoising(), m.all_denoising());
         cases.equal(other.elbo(), m.elbo(), "bounds of two models with the same last term");
       }>,
       at_models<[](Cases& cases, const Model& m) {
         Model other = m;
         other.offset[1] += 1;
         cases.equal(other.elbo() - m.elbo(), other.reconstruction() - m.reconstruction());
         cases.equal(other.prior(), m.prior());
       }>},
      // [only_the_last_term]
      // [last_term_is_minimised]
      {"note.last_term_is_minimised", at_models<[](Cases& cases, const Model& m) {  // with its minus sign
         Model other = m;
         other.offset[2] += 2;
         const W term = -m.all_denoising(), lower = -other.all_denoising();
         cases.require(!(lower < term) || other.elbo() > m.elbo(),
                       say("last term from %.6g to %.6g: the bound goes from %.6g to %.6g", to_double(term),
                           to_double(lower), to_double(m.elbo()), to_double(other.elbo())));
       }>,
       at_models<[](Cases& cases, const Model& m) {  // the bound falls by as much as the divergences grow
         Model other = m;
         other.offset[2] += 2;
         cases.require(other.all_denoising() > m.all_denoising(), "farther from the posterior");
         cases.equal(m.elbo() - other.elbo(), other.all_denoising() - m.all_denoising());
       }>},
      // [last_term_is_minimised]
      // [least_divergence_most_likely]
      {"note.least_divergence_most_likely", once<[](Cases& cases) {
         const auto [posterior, narrow] = posterior_and_narrow();
         cases.require(
             posterior.evidence() > narrow.evidence(),
             say("last term %.3g with log p(x_0) = %.6g, but %.3g with %.6g", to_double(posterior.all_denoising()),
                 to_double(posterior.evidence()), to_double(narrow.all_denoising()), to_double(narrow.evidence())));
       }>,
       once<[](Cases& cases) {  // it is the bound that rises by as much as the last term falls
         const auto [posterior, narrow] = posterior_and_narrow();
         cases.require(posterior.all_denoising() < W(0x1p-140), "no divergence");
         cases.equal(posterior.elbo() - narrow.elbo(), narrow.all_denoising() - posterior.all_denoising());
       }>},
      // [least_divergence_most_likely]
      // [divergence]
      {"note.divergence", at_steps<[](Cases& cases, const Step& s) {  // positive, and zero for equals only
         const Gaussian p{to_double(s.x), 0.5}, q{to_double(s.y), to_double(s.v)};
         cases.require(kl_divergence(p, q) > 0, "positive");
         cases.equal(W(kl_divergence(p, p)), W(0));
         cases.equal(kl_divergence(p, q),
                     (W(0.5) / q.variance - 1 - log(W(0.5) / q.variance) + (s.x - s.y) * (s.x - s.y) / q.variance) / 2);
       }>},
      // [divergence]
      // [model_is_posterior]
      {"note.model_is_posterior", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(expected_kl(s, s.gain(), s.offset(), s.reverse_variance()), W(0),
                     "least mean divergence of p(x_{t-1} | x_t) from q(x_{t-1} | x_t, x_0)");
       }>,
       at_steps<[](Cases& cases, const Step& s) {  // the least is at q(x_{t-1} | x_t), and what is left is known
         const W least = expected_kl(s, s.gain(), s.offset(), s.reverse_variance());
         cases.equal(least, log(s.reverse_variance() / sigma(s)) / 2);
         cases.require(expected_kl(s, s.gain() + 0.01, s.offset(), s.reverse_variance()) > least, "another gain");
         cases.require(expected_kl(s, s.gain(), s.offset() + 0.01, s.reverse_variance()) > least, "another offset");
         cases.require(expected_kl(s, s.gain(), s.offset(), s.reverse_variance() * 1.01) > least, "a larger variance");
         cases.require(expected_kl(s, s.gain(), s.offset(), s.reverse_variance() * 0.99) > least, "a smaller variance");
       }>},
      // [model_is_posterior]
      // [same_as_12_to_14]
      {"note.same_as_12_to_14", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(s.gain() * s.x_t + s.offset(), s.posterior_mean(), "mean by display 12 and by display 14");
       }>,
       at_steps<average_over_x0>},
      // [same_as_12_to_14]
      // [alpha]
      {"note.alpha", at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = 1; t <= chain.steps(); ++t) cases.equal(chain.schedule.alpha(t), 1 - chain.beta[std::size_t(t)]);
       }>},
      // [alpha]
      // [alpha_before_its_definition]
      {"note.alpha_before_its_definition", once<[](Cases& cases) {
         const int used = display_of("transition_by_alpha"), defined = display_of("step_again");
         cases.require(defined <= used, say("used in display %d, defined before display %d", used, defined));
       }>,
       at_chains<[](Cases& cases, const Chain& chain) {
         for (int t = 1; t <= chain.steps(); ++t) cases.equal(chain.schedule.alpha(t), 1 - chain.beta[std::size_t(t)]);
       }>},
      // [alpha_before_its_definition]
      // [long_chain_small_betas]
      {"note.long_chain_small_betas", once<[](Cases& cases) {
         const double noise = constant_schedule(1000, 1e-5)(1000).noise_variance();
         cases.require(noise > 0.99, say("T = 1000 and beta = 0.00001: the noise variance is %.6g", noise), 1 - noise);
       }>,
       once<[](Cases& cases) {  // what counts is the sum of the betas: -log alpha_bar_T >= sum, near it for small betas
         for (const double beta : {1e-5, 1e-3, 1e-2}) {
           const W rest = -log(constant_schedule(1000, beta)(1000).working_signal_squared());
           cases.require(rest >= W(1000 * beta) && rest < 1000 * beta * (1 + W(beta)),
                         "-log alpha_bar_T is near the sum");
         }
       }>},
      // [long_chain_small_betas]
      // [mean_and_variance_sum_to_one]
      {"note.mean_and_variance_sum_to_one", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         const auto sum = [&](int t) { return schedule(t).signal() + schedule(t).noise_variance(); };
         int at = 1;
         for (int t = 2; t <= 1000; ++t) at = sum(at) < sum(t) ? t : at;
         cases.require(sum(at) < 1.01, say("T = 1000: factor of the mean plus variance is %.6g at t = %d", sum(at), at),
                       sum(at) - 1);
       }>,
       once<[](Cases& cases) {  // signal^2 + noise^2 = 1 at every t, however short the chain and large the betas
         const DiscreteSchedule<double> schedule{0.9, 0.1, 0.999};
         for (int t = 0; t <= 3; ++t)
           cases.equal(schedule(t).working_signal_squared() + schedule(t).working_noise_squared(), W(1));
       }>},
      // [mean_and_variance_sum_to_one]
      // [step_again]
      {"note.step_again", transition_step},
      // [step_again]
      // [what_is_kept]
      {"note.what_is_kept", at_steps<[](Cases& cases, const Step& s) {
         cases.equal(q_transition(s.s, s.t).scale, 1 - s.beta, "factor of x_{t-1}");
       }>,
       at_steps<[](Cases& cases, const Step& s) { cases.equal(q_transition(s.s, s.t).scale, sqrt(1 - s.beta)); }>},
      // [what_is_kept]
      // [small_beta_keeps_the_previous]
      {"note.small_beta_keeps_the_previous", once<[](Cases& cases) {
         const auto schedule = linear_schedule(1000);
         for (int t = 1; t <= 1000; ++t)
           cases.require(q_transition(schedule(t - 1), schedule(t)).scale > 0.9899,
                         "x_{t-1} is kept but for 1.01 percent");
       }>},
      // [small_beta_keeps_the_previous]
      // [small_beta_keeps_the_original]
      {"note.small_beta_keeps_the_original", once<[](Cases& cases) {
         const double signal = linear_schedule(1000)(1000).signal();
         cases.require(signal > 0.9, say("betas up to 0.02, T = 1000: x_T keeps %.6g of x_0", signal), 1 - signal);
       }>,
       once<[](Cases& cases) {  // small betas make q(x_{t-1} | x_t) normal, which a model of normal kernels needs
         const auto excess = [](double beta) {
           return absolute(kurtosis_for_two_points(1 - W(beta), W(0.5), W(0.3)) - 3);
         };
         cases.require(excess(0.5) > W(0.1), "far from normal");
         for (const double beta : {1e-2, 1e-3, 1e-4}) cases.require(excess(beta) < W(beta), "nearer and nearer");
       }>},
      // [small_beta_keeps_the_original]
      // [marginal_third]
      {"note.marginal_third", marginal},
      // [marginal_third]
      // [noise_tends_to_one]
      {"note.noise_tends_to_one", once<[](Cases& cases) {
         const double noise = summable_betas()(60).noise();
         cases.require(noise > 0.99, say("beta_t = 2^-(t+1): sqrt(1 - alpha_bar_t) stays at %.6g", noise), 1 - noise);
       }>,
       once<[](Cases& cases) {  // where the sum of the betas diverges, at t = T
         for (const int steps : {10, 100, 1000})
           cases.equal(harmonic_betas(steps)(steps).noise_variance(), W(steps) / W(steps + 1));
         cases.require(linear_schedule(1000)(1000).noise() > 0.99997, "the linear schedule");
       }>},
      // [noise_tends_to_one]
      // [noise_near_one_suffices]
      {"note.noise_near_one_suffices", once<[](Cases& cases) {
         W least = 1;  // x_T is near N(0, I) as the prior KL says; sqrt(1 - alpha_bar) misses one by half of signal^2
         for (const int steps : {10, 100, 1000, 10000}) {
           const auto level = harmonic_betas(steps)(steps);
           const W kl = prior_kl(level, 1.0);
           cases.require(kl < least, "the prior KL falls");
           least = kl;
         }
         cases.require(least < W(1e-4), "to nothing");
       }>},
      // [noise_near_one_suffices]
  };
}

}  // namespace equations::note
