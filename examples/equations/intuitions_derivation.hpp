// SPDX-License-Identifier: MIT
// Document 000, the derivation of x_t from x_0, lines (1) to (10), and what is said of its end. Every case has what is
// true first and what is printed second.
#pragma once

#include "intuitions_steps.hpp"

namespace equations::intuitions {

// [noises_independent]
/// x_2 for noises that are what the line says they are, N(0, I), and of the given covariance.
inline Outcome noise_variance_of_x_2(const W& covariance) {
  return on_chains([=](Cases& cases, const Steps& s) {
    const W first = sqrt(s.a2 - s.a1 * s.a2), second = sqrt(1 - s.a2);
    cases.equal(1 - s.a1 * s.a2, first * first + 2 * covariance * first * second + second * second,
                "variance of the noise in x_2, independent and as one noise");
  });
}
// [noises_independent]

// [lines]
inline Outcome line_1() {
  return on_chains([](Cases& cases, const Steps& s) {
    cases.equal(diffusion::q_marginal(s.level(1)).signal, sqrt(s.a1));
    cases.equal(diffusion::q_marginal(s.level(1)).noise, sqrt(1 - s.a1));
    cases.equal(s.x(1).x_0 * s.x_0 + s.x(1).eps[0] * s.e1, sqrt(s.a1) * s.x_0 + sqrt(1 - s.a1) * s.e1);
  });
}
inline Outcome line_2() {
  return on_chains([](Cases& cases, const Steps& s) {
    const auto q = diffusion::q_transition(s.level(1), s.level(2));
    cases.equal(q.scale, sqrt(s.a2));
    cases.equal(q.variance, 1 - s.a2);
    cases.equal(s.x(2).x_0 * s.x_0 + s.x(2).eps[0] * s.e1 + s.x(2).eps[1] * s.e2,
                sqrt(s.a2) * s.x_1 + sqrt(1 - s.a2) * s.e2);
  });
}
inline W line_3_of(const Steps& s) {
  return sqrt(s.a2) * (sqrt(s.a1) * s.x_0 + sqrt(1 - s.a1) * s.e1) + sqrt(1 - s.a2) * s.e2;
}
inline W line_4_of(const Steps& s) {
  return sqrt(s.a1 * s.a2) * s.x_0 + sqrt(s.a2 - s.a1 * s.a2) * s.e1 + sqrt(1 - s.a2) * s.e2;
}
inline W line_5_of(const Steps& s, const W& merged) {
  return sqrt(s.a1 * s.a2) * s.x_0 + sqrt(1 - s.a2 + s.a2 - s.a1 * s.a2) * merged;
}
inline W line_6_of(const Steps& s, const W& merged) {
  return sqrt(s.a1 * s.a2) * s.x_0 + sqrt(1 - s.a1 * s.a2) * merged;
}
inline Outcome line_3() {
  return on_chains([](Cases& cases, const Steps& s) { cases.equal(line_3_of(s), s.x_2); });
}
inline Outcome line_4() {
  return on_chains([](Cases& cases, const Steps& s) { cases.equal(line_4_of(s), line_3_of(s)); });
}
/// Lines (4) and (5) have the same mean and the same variance of the noise.
inline Outcome line_5() {
  return on_chains([](Cases& cases, const Steps& s) {
    const Combination four =
        sqrt(s.a1 * s.a2) * original + sqrt(s.a2 - s.a1 * s.a2) * noise(1) + sqrt(1 - s.a2) * noise(2);
    cases.equal(four.x_0, sqrt(s.a1 * s.a2));
    cases.equal(four.variance(), 1 - s.a2 + s.a2 - s.a1 * s.a2);
  });
}
inline Outcome line_6() {
  return on_chains([](Cases& cases, const Steps& s) {
    cases.equal(line_6_of(s, s.fresh), line_5_of(s, s.fresh));
    cases.equal(diffusion::q_marginal(s.level(2)).signal, sqrt(s.a1 * s.a2));
    cases.equal(diffusion::q_marginal(s.level(2)).noise, sqrt(1 - s.a1 * s.a2));
  });
}
// [lines]

// [line_5_values]
/// Line (5) as an equality of values: with a noise of its own, and with the one that (4) defines.
inline Outcome merged_value(bool own) {
  return on_chains([=](Cases& cases, const Steps& s) {
    const W first = sqrt(s.a2 - s.a1 * s.a2), second = sqrt(1 - s.a2);
    const W merged = own ? s.fresh : (first * s.e1 + second * s.e2) / sqrt(1 - s.a1 * s.a2);
    cases.equal(line_4_of(s), line_5_of(s, merged), "x_2 by line (4) and by line (5)");
  });
}

/// All lines but the pair (4), (5) are equal as values, whatever the noises.
inline Outcome step_4_to_5() {
  return on_chains([](Cases& cases, const Steps& s) {
    cases.equal(s.x_2, line_3_of(s));
    cases.equal(line_3_of(s), line_4_of(s));
    cases.equal(line_5_of(s, s.fresh), line_6_of(s, s.fresh));
    cases.require(!(absolute(W(line_4_of(s) - line_5_of(s, s.fresh))) < W(1e-9)), "line (5) is line (4)");
  });
}
// [line_5_values]

// [bar_over_noise]
/// The covariance of the merged noise with epsilon_1, which a function of epsilon_2 would not have.
inline Outcome merged_with_first(bool of_second_alone) {
  return on_chains([=](Cases& cases, const Steps& s) {
    const W factor = s.x(2).eps[0] / sqrt(s.x(2).variance());
    const W expected = of_second_alone ? W(0) : W(sqrt(s.a2 - s.a1 * s.a2) / sqrt(1 - s.a1 * s.a2));
    cases.equal(factor, expected, "covariance of the merged noise with epsilon_1, true and printed");
  });
}
// [bar_over_noise]

// [merge]
/// sqrt(v) epsilon is a draw of N(0, v).
inline Outcome reparameterization() {
  return on_chains([](Cases& cases, const Steps& s) {
    for (const W& variance : {W(s.a2 - s.a1 * s.a2), W(1 - s.a2)}) {
      cases.equal(sample(diffusion::Gaussian<W>{0, variance}, s.e1), sqrt(variance) * s.e1);
      cases.equal((sqrt(variance) * noise(1)).variance(), variance);
    }
  });
}

/// The last display: the variance of the merged noise by a rule for sums of Gaussians with deviations a and b.
template <class Rule>
Outcome merge(Rule rule) {
  return on_chains([&](Cases& cases, const Steps& s) {
    const W a = sqrt(s.a2 - s.a1 * s.a2), b = sqrt(1 - s.a2);
    cases.equal((a * noise(1) + b * noise(2)).variance(), rule(a, b), "variance of the merged noise, true and printed");
    cases.equal(1 - s.a1 * s.a2, rule(a, b), "variance of the merged noise, true and printed");
  });
}
// [merge]

// [scalar_variances]
/// The entropy of the merged noise of an image of 28 x 28 pixels, as N(0, 1) says and as N(0, I).
inline Outcome entropy_of_noise(std::size_t elements) {
  Cases cases;
  const diffusion::Gaussian<std::vector<double>> image{std::vector<double>(784), 1};
  const W entropy = (W(1) + log(2 * diffusion::numerics::pi<W>())) / 2;
  cases.equal(diffusion::entropy(image), W(static_cast<double>(elements)) * entropy,
              "entropy for 784 pixels, of N(0, I) and of N(0, 1)");
  return cases.outcome();
}
// [scalar_variances]

// [x_3]
/// x_3 as the line says, from the given state, against x_3 from the steps: the factor of x_0 and the variance of the
/// noise.
template <class From>
Outcome x_3(From from) {
  return on_chains([&](Cases& cases, const Steps& s) {
    const W product = s.a1 * s.a2 * s.a3;
    const Combination line = sqrt(product) * from(s) + sqrt(1 - product) * noise(3);
    cases.equal(s.x(3).x_0, line.x_0, "factor of x_0 in x_3, true and printed");
    cases.equal(s.x(3).variance(), line.variance(), "variance of the noise in x_3, true and printed");
  });
}
// [x_3]

// [any_t]
/// x_t with signal^2 and noise^2 as the line says, from a product for the one and a product for the other.
template <class Signal, class Noise>
Outcome any_t(Signal signal_squared, Noise noise_product) {
  return on_chains([&](Cases& cases, const Steps& s) {
    for (std::size_t t = 1; t <= 4; ++t) {
      const auto level = s.level(static_cast<int>(t));
      cases.equal(level.signal(), sqrt(W(signal_squared(s, t))), "factor of x_0 in x_t, true and printed");
      cases.equal(level.noise(), sqrt(1 - noise_product(s, t)), "factor of the noise in x_t");
      cases.equal(s.x(t).variance(), 1 - noise_product(s, t), "variance of the noise in x_t");
    }
  });
}
inline W product(const std::vector<W>& alpha, std::size_t first, std::size_t last) {
  W result = 1;
  for (std::size_t i = first; i <= last; ++i) result *= alpha[i];
  return result;
}
inline W to_t(const Steps& s, std::size_t t) { return product(s.chain.alpha, 1, t); }
/// A sequence a of its own, where the line mixes a and alpha.
inline W of_a(const Steps& s, std::size_t t) { return product(s.a, 1, t); }
inline W only_at_t(const Steps& s, std::size_t t) { return s.chain.alpha[t]; }

/// alpha_bar_{t + shift} = the product from 1 to last(t).
template <class Last>
Outcome product_is_alpha_bar(std::size_t back, Last last) {
  return on_chains([&](Cases& cases, const Steps& s) {
    for (std::size_t t = 1; t <= 4; ++t)
      cases.equal(s.level(static_cast<int>(t - back)).alpha_bar(), product(s.chain.alpha, 1, last(t)),
                  "alpha_bar, true and printed");
  });
}
// [any_t]

// [tends_to_zero]
/// alpha_bar_T of alphas below 1: 1 - 1 / (t + 1)^2, whose product is (T + 2) / (2 T + 2), against the limit 0 and
/// against that; and the statement that decides, alpha_bar_T <= exp(-sum of the betas).
inline Outcome tends_to_zero(bool by_being_below_one) {
  Cases cases;
  W alpha_bar = 1, betas = 0;
  const int steps = 100000;
  for (int t = 1; t <= steps; ++t) {
    const W beta = W(1) / (W(t + 1) * W(t + 1));
    alpha_bar *= 1 - beta;
    betas += beta;
  }
  if (by_being_below_one) {
    cases.equal(alpha_bar, 0, "the product of 1 - 1/(t+1)^2 up to t = 100000, true and printed");
  } else {
    cases.equal(alpha_bar, W(steps + 2) / W(2 * steps + 2));
    cases.require(alpha_bar <= exp(-betas), "the bound by the sum of the betas");
    const auto schedule = diffusion::linear_schedule(1000);
    W sum = 0;
    for (int t = 1; t <= 1000; ++t) sum += W(schedule.beta(t));
    cases.require(W(schedule(1000).alpha_bar()) <= exp(-sum) && sum > W(10), "the linear schedule");
  }
  return cases.outcome();
}
// [tends_to_zero]

// [x_t_is_noise]
/// The root of the mean square of x_T - epsilon_bar_T for x_0 = 1: sqrt(alpha_bar + (1 - sqrt(1 - alpha_bar))^2).
inline W distance_to_noise(const diffusion::NoiseLevel<double>& level) {
  const W rest = 1 - sqrt(level.working_noise_squared());
  return sqrt(level.working_signal_squared() + rest * rest);
}
inline Outcome x_t_is_noise(bool itself) {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  if (itself)
    cases.equal(distance_to_noise(schedule(1000)), 0, "distance of x_1000 and its noise for x_0 = 1, true and printed");
  for (int t = 1; t < 1000; ++t)
    cases.require(distance_to_noise(schedule(t + 1)) < distance_to_noise(schedule(t)), "the distance rises");
  cases.require(distance_to_noise(schedule(1000)) < W(0.0064), "the distance at the end");
  const auto rescaled = diffusion::rescale_zero_terminal_snr(schedule);
  cases.equal(distance_to_noise(rescaled(1000)), 0, "zero terminal SNR");
  return cases.outcome();
}
// [x_t_is_noise]

inline std::vector<Check> derivation_checks() {
  return {
      {"intuitions.line_1", line_1},
      {"intuitions.noises_independent", [] { return noise_variance_of_x_2(1); },
       [] { return noise_variance_of_x_2(0); }},
      {"intuitions.line_2", line_2},
      {"intuitions.line_3", line_3},
      {"intuitions.line_4", line_4},
      {"intuitions.line_5", line_5},
      {"intuitions.line_5_values", [] { return merged_value(true); }, [] { return merged_value(false); }},
      {"intuitions.line_6", line_6},
      {"intuitions.bar_over_noise", [] { return merged_with_first(true); }, [] { return merged_with_first(false); }},
      {"intuitions.line_7", [] { return x_3([](const Steps& s) { return s.x(2); }); },
       [] { return x_3([](const Steps&) { return original; }); }},
      {"intuitions.line_8", [] { return any_t(to_t, to_t); }},
      {"intuitions.line_9", [] { return any_t(of_a, to_t); }, [] { return any_t(to_t, to_t); }},
      {"intuitions.line_10", [] { return any_t(only_at_t, to_t); }, [] { return any_t(to_t, to_t); }},
      {"intuitions.product_bound", [] { return product_is_alpha_bar(0, [](std::size_t) { return std::size_t(4); }); },
       [] { return product_is_alpha_bar(0, [](std::size_t t) { return t; }); }},
      {"intuitions.product_index", [] { return product_is_alpha_bar(1, [](std::size_t t) { return t; }); },
       [] { return product_is_alpha_bar(0, [](std::size_t t) { return t; }); }},
      {"intuitions.tends_to_zero", [] { return tends_to_zero(true); }, [] { return tends_to_zero(false); }},
      {"intuitions.x_t_is_noise", [] { return x_t_is_noise(true); }, [] { return x_t_is_noise(false); }},
      {"intuitions.step_4_to_5", step_4_to_5},
      {"intuitions.reparameterization", reparameterization},
      {"intuitions.scalar_variances", [] { return entropy_of_noise(1); }, [] { return entropy_of_noise(784); }},
      {"intuitions.merge", [] { return merge(squares); }},
      {"intuitions.sum_rule_in_forward", [] { return merge(square_of_sum); }, [] { return merge(squares); }},
      {"intuitions.merge_by_printed_rule", [] { return merge(square_of_sum); }, [] { return merge(squares); }},
  };
}

}  // namespace equations::intuitions
