// SPDX-License-Identifier: MIT
// Document 000 up to the derivation: what diffusion is said to do, sums of Gaussians, one step. Every case has what is
// true first and what is printed second.
#pragma once

#include "intuitions_steps.hpp"

namespace equations::intuitions {

/// E x^n of N(0, 1): 1, 1, 3, 15, 105 for n = 0, 2, 4, 6, 8.
inline W even_moment(int n) {
  W product = 1;
  for (int k = n - 1; k > 1; k -= 2) product *= W(k);
  return product;
}

// [a_draw_of_a_gaussian]
/// The image of a VAE by the fourth moment, which is three squared variances for a Gaussian and nothing else here: the
/// latent z, and what the decoder z^2 makes of it.
inline Outcome fourth_moment(bool of_image) {
  Cases cases;
  const auto m = even_moment;
  // E (z^2 - 1)^4 and E (z^2 - 1)^2
  const W fourth = of_image ? m(8) - 4 * m(6) + 6 * m(4) - 4 * m(2) + 1 : m(4);
  const W variance = of_image ? m(4) - 2 * m(2) + 1 : m(2);
  cases.equal(fourth / (variance * variance), 3, "fourth moment over squared variance, true and of a Gaussian");
  return cases.outcome();
}
// [a_draw_of_a_gaussian]

// [small_steps]
/// The excess kurtosis of q(x_s | x_t) for data that are N(-1, 0.01) or N(1, 0.01), over all odds between the two that
/// x_t may leave: how far a reverse step is from the Gaussian that a model of it can be.
inline double worst_kurtosis(const diffusion::NoiseLevel<double>& s, const diffusion::NoiseLevel<double>& t) {
  const double v = 0.01, v_s = s.alpha_bar() * v + s.noise_variance(), v_t = t.alpha_bar() * v + t.noise_variance();
  const auto q = diffusion::q_transition(s, t);
  const double width = v_s * q.variance / v_t, apart = 2 * (s.signal() - q.scale * v_s / v_t * t.signal());
  double worst = 0;
  for (int k = 1; k <= 50; ++k) {
    const double both = k / 100.0 * (1 - k / 100.0), variance = apart * apart * both + width;
    worst = std::max(worst, std::abs(apart * apart * apart * apart * both * (1 - 6 * both) / (variance * variance)));
  }
  return worst;
}

inline Outcome small_steps() {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  const double at_once = worst_kurtosis(schedule(0), schedule(1000));
  cases.require(at_once > 1.9, "the jump from noise to data");
  for (int t = 1; t <= 1000; ++t)
    cases.require(worst_kurtosis(schedule(t - 1), schedule(t)) < at_once / 10, "a step of 1000");
  return cases.outcome();
}
// [small_steps]

// [snr_falls]
/// Every step forward leaves less of the image, against the noise; every step back more.
inline Outcome snr_falls() {
  return on_chains([](Cases& cases, const Steps& steps) {
    for (std::size_t t = 1; t <= 4; ++t) {
      const Combination now = steps.x(t), before = steps.x(t - 1);
      cases.require(now.x_0 * now.x_0 * before.variance() < before.x_0 * before.x_0 * now.variance(), "SNR rises");
      cases.equal(steps.level(static_cast<int>(t)).snr(), now.x_0 * now.x_0 / now.variance(), "SNR");
    }
  });
}
// [snr_falls]

// [blurred]
/// The share of an even image's energy that is in the difference of neighbouring pixels: sum and difference of two
/// pixels 1, 1 after t steps. Blurring leaves the difference 0, and the noise raises it.
inline Outcome share_of_difference(bool blurred) {
  Cases cases;
  const auto schedule = diffusion::linear_schedule(1000);
  double before = 0;
  for (int t = 1; t <= 1000; ++t) {
    const auto level = schedule(t);
    const double difference = 2 * level.noise_variance(), sum = 4 * level.alpha_bar() + 2 * level.noise_variance();
    const double share = difference / (sum + difference);
    cases.require(share > before, "the share falls");
    before = share;
  }
  if (blurred) cases.equal(before, W(0), "share of the difference of pixels in x_1000, true and of a blurred image");
  return cases.outcome();
}
// [blurred]

// [ends_as_noise]
/// What is left of x_0 at the end of a chain: nothing, if the end is white noise.
template <class Schedule>
Outcome nothing_is_left(const Schedule& schedule, int t, const char* where) {
  Cases cases;
  cases.equal(schedule(t).signal(), W(0), std::string(where) + ", true and printed");
  return cases.outcome();
}
/// The divergence of x_T from white noise, for |x_0| = 1; and none where the last alpha is 0.
inline Outcome almost_noise() {
  Cases cases;
  double before = diffusion::prior_kl(diffusion::linear_schedule(1)(1), 1.0);
  for (const int steps : {10, 100, 1000}) {
    const double kl = diffusion::prior_kl(diffusion::linear_schedule(steps)(steps), 1.0);
    cases.require(kl < before, "more steps are not nearer to noise");
    before = kl;
  }
  cases.require(before < 1e-4, "1000 steps");
  const auto rescaled = diffusion::rescale_zero_terminal_snr(diffusion::linear_schedule(1000));
  cases.equal(diffusion::prior_kl(rescaled(1000), 1.0), W(0), "zero terminal SNR");
  return cases.outcome();
}
// [ends_as_noise]

// [reverse_ends_in_data]
/// KL(q(x_0) || p(x_0)) of data N(0.5, 0.25) and of what a chain with their best denoiser makes of white noise.
inline W distance_to_data(int steps) {
  const diffusion::Gaussian<W> data{0.5, 0.25};
  const diffusion::AffineDenoiser best{[&](const auto& t) {
    const W total = t.working_signal_squared() * data.variance + t.working_noise_squared();
    const W signal = sqrt(t.working_signal_squared()), slope = signal * data.variance / total;
    return diffusion::AffineEstimate{slope, W((1 - slope * signal) * data.mean)};
  }};
  const auto levels = diffusion::level_grid(diffusion::linear_schedule(1000), steps);
  return kl_divergence(data, reverse_marginal(levels, diffusion::ReverseModel{best, diffusion::TransitionVariance{}}));
}
inline Outcome ends_in_data(bool exactly) {
  Cases cases;
  if (exactly) cases.equal(distance_to_data(1000), 0, "KL of data and samples after 1000 steps, true and printed");
  cases.require(distance_to_data(100) < distance_to_data(10), "100 steps are no better than 10");
  cases.require(distance_to_data(1000) < distance_to_data(100), "1000 steps are no better than 100");
  cases.require(distance_to_data(1000) < W(1e-4), "1000 steps");
  return cases.outcome();
}
// [reverse_ends_in_data]

// [noise_is_removed]
/// The variance of the noise in x_{t-1} after a reverse step that knows x_0: the noise that the mean keeps of x_t, and,
/// if the step adds noise too, the new one.
inline Outcome reverse_step(bool adds_noise) {
  return on_chains([=](Cases& cases, const Steps& steps) {
    for (int t = 2; t <= 4; ++t) {
      const auto k = static_cast<std::size_t>(t);
      const W& alpha = steps.chain.alpha[k];
      const W before = 1 - steps.chain.alpha_bar[k - 1], now = 1 - steps.chain.alpha_bar[k];
      const W kept = alpha * before * before / now, added = (1 - alpha) * before / now;
      cases.equal(before, adds_noise ? kept + added : kept, "variance of the noise in x_{t-1}, true and printed");
      cases.equal(diffusion::ancestral_coefficients(steps.level(t - 1), steps.level(t)).noise, sqrt(added));
    }
  });
}
// [noise_is_removed]

// [only_prerequisite]
/// The variance of the noise in x_2 by sums alone, and with the rule that a factor c makes sigma^2 into c^2 sigma^2.
inline Outcome by_sums(bool alone) {
  return on_chains([=](Cases& cases, const Steps& steps) {
    const W first = alone ? W(1 - steps.a1) : W(steps.a2 * (1 - steps.a1));
    cases.equal(steps.level(2).noise_variance(), first + (1 - steps.a2),
                "variance of the noise in x_2, true and by sums");
  });
}
// [only_prerequisite]

// [sum_is_gaussian]
/// The fourth moment of X + Y over its squared variance, 3 if it is Gaussian: for independent X and Y, and for Y = X or
/// Y = -X at even odds, where X + Y is 2 X or 0.
inline Outcome sum_is_gaussian(bool independent) {
  Cases cases;
  const W one = even_moment(2), four = even_moment(4);
  const W variance = independent ? one + one : 4 * one / 2;
  const W fourth = independent ? four + 6 * one * one + four : 16 * four / 2;
  cases.equal(fourth / (variance * variance), 3, "fourth moment over squared variance, true and of a Gaussian");
  return cases.outcome();
}
// [sum_is_gaussian]

// [sum_of_gaussians]
/// N(0, a^2) + N(0, b^2): steps of variance a^2 and b^2 one after the other make one transition of variance sum(a, b).
template <class Sum>
Outcome sum_of_gaussians(Sum sum) {
  Cases cases;
  Draw draw(1);
  for (int k = 0; k < 100; ++k) {
    const W a = draw.between(0.1, 2), b = draw.between(0.1, 2);
    const diffusion::NoiseLevel<double> start, middle(1, a * a, 1), end(1, a * a + b * b, 2);
    cases.equal(diffusion::q_transition(start, middle).variance, a * a);
    cases.equal(diffusion::q_transition(middle, end).variance, b * b);
    cases.equal(diffusion::q_transition(start, end).variance, sum(a, b), "variance of the sum, true and printed");
  }
  return cases.outcome();
}
// [sum_of_gaussians]

// [sum_of_distributions]
inline W density(const W& variance, const W& x) { return exp(log_density(diffusion::Gaussian<W>{0, variance}, x)); }

/// The density of N(0, a^2 + b^2) against the sum of the two densities, and against their convolution (a trapezoidal
/// sum, which for Gaussians is exact to 2^-150 at this spacing).
inline Outcome sum_of_distributions(bool convolved) {
  Cases cases;
  Draw draw(2);
  for (int k = 0; k < 10; ++k) {
    const W a = draw.between(0.5, 2), b = draw.between(0.5, 2), x = draw.normal(), total = a * a + b * b;
    W sum = density(a * a, x) + density(b * b, x);
    if (convolved) {
      const W centre = x * a * a / total, spacing = a * b / sqrt(total) / 4;
      sum = 0;
      for (int i = -80; i <= 80; ++i) {
        const W u = centre + W(i) * spacing;
        sum += spacing * density(a * a, u) * density(b * b, x - u);
      }
    }
    cases.equal(density(total, x), sum, "density of the sum, true and printed");
  }
  return cases.outcome();
}
// [sum_of_distributions]

// [plain_chain]
/// x_t = x_{t-1} + epsilon_t, a chain of levels with signal 1.
inline Outcome plain_step() {
  Cases cases;
  for (int t = 1; t <= 1000; ++t) {
    const diffusion::NoiseLevel<double> s(1, t - 1, t - 1), now(1, t, t);
    cases.equal(diffusion::q_transition(s, now).scale, W(1));
    cases.equal(diffusion::q_transition(s, now).variance, W(1));
  }
  return cases.outcome();
}

/// Mean and variance of its x_t, against mean(t, x_0) and variance(t).
template <class Mean, class Variance>
Outcome plain_chain(Mean mean, Variance variance) {
  Cases cases;
  Combination x = original;
  for (std::size_t t = 1; t <= 1000; ++t) {
    x = x + noise(t);
    cases.equal(x.variance(), variance(t), "variance, true and printed");
    cases.equal(x.x_0, mean(t), "factor of x_0, true and printed");
  }
  return cases.outcome();
}

/// Its divergence from white noise, (t - 1 - log t + x_0^2) / 2, which is least at the first step.
inline Outcome plain_chain_in_time(bool to_zero) {
  Cases cases;
  const auto kl = [](int t) { return diffusion::prior_kl(diffusion::NoiseLevel<double>(1, t, t), 1.0); };
  for (int t = 1; t < 1000; ++t) cases.require(kl(t + 1) > kl(t) && kl(t) >= 0.5, "a step that comes nearer to noise");
  if (to_zero) cases.equal(kl(1000), W(0), "KL to N(0, I) after 1000 steps for x_0 = 1, true and printed");
  return cases.outcome();
}
// [plain_chain]

// [identity_squared]
/// The covariance c I of the noise sqrt(c) epsilon, as it is and in the pattern "I^2", as the square of itself.
template <class Written>
Outcome covariance_written(Written written) {
  return on_chains([&](Cases& cases, const Steps& steps) {
    for (const W& c : {W(1), steps.chain.beta[1]})
      cases.equal((sqrt(c) * noise(1)).variance(), written(c),
                  "covariance of the noise of a step, true and in the pattern of the print");
  });
}
// [identity_squared]

// [step]
/// x_t = sqrt(alpha_t) x_{t-1} + sqrt(1 - alpha_t) epsilon_t.
inline Outcome step() {
  return on_chains([](Cases& cases, const Steps& steps) {
    for (int t = 1; t <= 4; ++t) {
      const auto q = diffusion::q_transition(steps.level(t - 1), steps.level(t));
      const W& alpha = steps.chain.alpha[static_cast<std::size_t>(t)];
      cases.equal(q.scale, sqrt(alpha), "factor of x_{t-1}");
      cases.equal(q.variance, 1 - alpha, "variance of the noise");
    }
  });
}
// [step]

// [coefficients]
/// The root of alpha_t, for the alphas that the statement admits.
inline Outcome roots(std::initializer_list<double> alphas) {
  Cases cases;
  for (const double alpha : alphas) {
    const W root = sqrt(W(alpha));
    cases.equal(alpha, root * root, "alpha and the square of its root");
  }
  return cases.outcome();
}

/// signal^2 + noise^2 after one step, where the image is multiplied by factor(alpha) and the noise has variance
/// 1 - alpha.
template <class Factor>
Outcome image_factor(Factor factor) {
  return on_chains([&](Cases& cases, const Steps& steps) {
    const W f = factor(steps.a1);
    cases.equal(1, f * f + (1 - steps.a1), "variance of x_1 for data of variance 1, true and printed");
  });
}
// [coefficients]

// [only_the_image]
/// The variance of the noise in x_t where a step weakens only the image, and where it weakens all of x_{t-1}.
inline Outcome weakened(bool all) {
  return on_chains([=](Cases& cases, const Steps& steps) {
    W variance = 0;
    for (std::size_t t = 1; t <= 4; ++t)
      variance = (all ? steps.chain.alpha[t] * variance : variance) + (1 - steps.chain.alpha[t]);
    cases.equal(steps.level(4).noise_variance(), variance, "variance of the noise in x_4, true and printed");
  });
}

/// The share of the image falls and that of the noise rises, step by step.
inline Outcome shares() {
  return on_chains([](Cases& cases, const Steps& steps) {
    for (int t = 1; t <= 4; ++t) {
      const auto s = steps.level(t - 1), now = steps.level(t);
      cases.require(now.signal() < s.signal(), "the image's share rises");
      cases.require(now.noise() > s.noise(), "the noise's share falls");
    }
  });
}
// [only_the_image]

inline std::vector<Check> forward_checks() {
  return {
      {"intuitions.vae_image", [] { return fourth_moment(true); }, [] { return fourth_moment(false); }},
      {"intuitions.small_steps", small_steps},
      {"intuitions.blurred", [] { return share_of_difference(true); }, [] { return share_of_difference(false); }},
      {"intuitions.snr_falls", snr_falls},
      {"intuitions.ends_as_noise",
       [] { return nothing_is_left(diffusion::linear_schedule(1000), 1000, "factor of x_0 in x_1000"); }, almost_noise},
      {"intuitions.reverse_ends_in_data", [] { return ends_in_data(true); }, [] { return ends_in_data(false); }},
      {"intuitions.noise_is_removed", [] { return reverse_step(false); }, [] { return reverse_step(true); }},
      {"intuitions.only_prerequisite", [] { return by_sums(true); }, [] { return by_sums(false); }},
      {"intuitions.sum_is_gaussian", [] { return sum_is_gaussian(false); }, [] { return sum_is_gaussian(true); }},
      {"intuitions.sum_of_gaussians", [] { return sum_of_gaussians(square_of_sum); },
       [] { return sum_of_gaussians(squares); }},
      {"intuitions.sum_of_distributions", [] { return sum_of_distributions(false); },
       [] { return sum_of_distributions(true); }},
      {"intuitions.final_index",
       [] { return nothing_is_left(diffusion::linear_schedule(1000), 100, "factor of x_0 in x_100"); }, almost_noise},
      {"intuitions.plain_step", plain_step},
      {"intuitions.plain_chain_ends", [] { return plain_chain([](auto) { return W(1); }, [](auto) { return W(1); }); },
       [] { return plain_chain([](auto) { return W(1); }, [](auto t) { return W(t); }); }},
      {"intuitions.plain_chain_in_time", [] { return plain_chain_in_time(true); },
       [] { return plain_chain_in_time(false); }},
      {"intuitions.identity_squared", [] { return covariance_written([](const W& c) { return c * c; }); },
       [] { return covariance_written([](const W& c) { return c; }); }},
      {"intuitions.fixed_steps",
       [] { return nothing_is_left(diffusion::linear_schedule(10), 10, "factor of x_0 after all of 10 steps"); },
       almost_noise},
      {"intuitions.step", step},
      {"intuitions.below_one", [] { return roots({-0.5, 0.0, 0.5, 0.999}); }, [] { return roots({0.0, 0.5, 0.999}); }},
      {"intuitions.factor_of_the_image", [] { return image_factor([](const W& alpha) { return alpha; }); },
       [] { return image_factor([](const W& alpha) { return sqrt(alpha); }); }},
      {"intuitions.only_the_image", [] { return weakened(false); }, [] { return weakened(true); }},
      {"intuitions.shares", shares},
  };
}

}  // namespace equations::intuitions
