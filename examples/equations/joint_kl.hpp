// SPDX-License-Identifier: MIT
// Document 003, joint distributions: the KL divergence of the two chains.
#pragma once

#include "joint_common.hpp"

namespace equations::joint {

// [reverses]
/// The divergence is zero where the reverse chain reverses the forward one (N(0, I), its best denoiser, variance beta),
/// positive for any other denoiser, and there the smaller the nearer the denoiser is.
inline Outcome reverses() {
  Cases cases;
  const auto levels = linear_levels(50);
  const Data data{0, 1};
  const auto shifted = [&](double shift) {
    const diffusion::AffineDenoiser denoiser{[&data, shift](const Level& t) {
      const auto c = best_denoiser(data).coefficients(t);
      return diffusion::AffineEstimate{c.slope, W(c.offset + W(shift))};
    }};
    return joint_kl(levels, data, diffusion::ReverseModel{denoiser, diffusion::TransitionVariance{}});
  };
  cases.require(absolute(shifted(0)) < W(0x1p-160), "the exact reverse chain");
  for (const double shift : {0.001, 0.01, 0.1, 1.0}) {
    cases.require(shifted(shift) > shifted(shift / 10), "a denoiser that is worse");
    cases.require(shifted(-shift) > W(0), "another denoiser");
  }
  return cases.outcome();
}
// [reverses]

// [kl_i]
/// (i): KL = -E log p(x_0, ..., x_T) + const, const = E log q(x_0, ..., x_T). The KL by the chain rule.
inline Outcome kl_i() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.equal(joint_kl(p.levels, p.data, p.model()),
                joint_cross_entropy(p.levels, p.data, p.model()) - joint_entropy(p.levels, p.data));
  });
}
// [kl_i]

// [kl_ii]
/// (ii): KL = -L_VLB + const, const = E log q(x_0); and the same of the integrand, on one path.
inline Outcome kl_ii() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.equal(joint_kl(p.levels, p.data, p.model()), negative_vlb(p.levels, p.data, p.model()) - entropy(p.data));

    W integrand = -log_normal(p.x(4), 0, 1);
    for (int t = 1; t <= 4; ++t) {
      const auto [factor, constant] = p.reverse_mean(t);
      integrand -= log_normal(p.x(t - 1), factor * p.x(t) + constant, p.beta(t)) -
                   log_normal(p.x(t), sqrt(1 - p.beta(t)) * p.x(t - 1), p.beta(t));
    }
    const W log_q = log_density(p.data, p.x(0)) + forward_joint_log_density(p.levels, p.path);
    cases.equal(log_q - reverse_joint_log_density(p.levels, p.path, p.model()),
                integrand + log_density(p.data, p.x(0)));
  });
}
// [kl_ii]

// [kl_iii]
/// E[-log p(x_0)] over the data, from the distribution that the reverse chain generates.
template <class Model>
W expected_surprise(const std::vector<Level>& levels, const Data& data, const Model& model) {
  return entropy(data) + kl_divergence(data, reverse_marginal(levels, model));
}

/// (iii): KL >= E[-log p(x_0)] + const, with the constant of (ii) or that of (i), which is above it where transitions
/// have variances below 1 / (2 pi e) and so a negative entropy: in the linear schedule.
inline Outcome kl_iii(bool constant_of_i) {
  return on_paths([=](Cases& cases, const Path& p) {
    const auto bound = [&](const std::vector<Level>& levels, const Data& data, const auto& model) {
      const W constant = constant_of_i ? W(-joint_entropy(levels, data)) : W(-entropy(data));
      const W kl = joint_kl(levels, data, model), least = expected_surprise(levels, data, model) + constant;
      if (kl < least) cases.equal(kl, least, "KL, and what (iii) puts below it with the const of (i)");
      cases.require(kl >= least, "the bound");
    };
    bound(p.levels, p.data, p.model());
    bound(linear_levels(200), p.data, diffusion::ReverseModel{best_denoiser(p.data), diffusion::TransitionVariance{}});
  });
}
// [kl_iii]

// [constants]
/// -L_VLB + const with either constant.
inline Outcome one_constant(bool constant_of_i) {
  return on_paths([=](Cases& cases, const Path& p) {
    const W constant = constant_of_i ? W(-joint_entropy(p.levels, p.data)) : W(-entropy(p.data));
    cases.equal(joint_kl(p.levels, p.data, p.model()), negative_vlb(p.levels, p.data, p.model()) + constant,
                "KL, and -L_VLB with the const of (i)");
  });
}

/// The constants do not depend on the model: differences of KL, of -E log p and of -L_VLB between two are the same.
inline Outcome constants() {
  return on_paths([](Cases& cases, const Path& p) {
    const auto a = p.model(), b = p.model(0.75);
    const W kl = joint_kl(p.levels, p.data, a) - joint_kl(p.levels, p.data, b);
    cases.equal(kl, joint_cross_entropy(p.levels, p.data, a) - joint_cross_entropy(p.levels, p.data, b));
    cases.equal(kl, negative_vlb(p.levels, p.data, a) - negative_vlb(p.levels, p.data, b));
  });
}
// [constants]

// [const_of_data]
/// Data of less and less variance, at last a point, the best denoiser and 50 steps: do the divergence and the bound
/// tend to a number?
inline Outcome of_narrow_data(bool divergence) {
  Cases cases;
  const auto levels = linear_levels(50);
  const auto value = [&](int digits) {
    const Data data{0.5, exp(-digits * log(W(10)))};
    const diffusion::ReverseModel model{best_denoiser(data), diffusion::TransitionVariance{}};
    return to_double(divergence ? joint_kl(levels, data, model) : negative_vlb(levels, data, model));
  };
  for (const int digits : {20, 40})
    cases.require(std::abs(value(digits) - value(10)) < 1e-4,
                  text("KL %.2f nats for data of variance 1e-10, %.2f for 1e-%d", value(10), value(digits), digits));
  return cases.outcome();
}
// [const_of_data]

// [vlb]
/// L_VLB, the negative of the braced expectation, is below E log p(x_0).
inline Outcome vlb_is_a_lower_bound() {
  return on_paths([](Cases& cases, const Path& p) {
    cases.require(-negative_vlb(p.levels, p.data, p.model()) < -expected_surprise(p.levels, p.data, p.model()),
                  "it is above");
  });
}

/// -L_VLB at one x_0 against the expectation over q(x_0, ..., x_T), and the mean of it over x_0: it is quadratic in
/// x_0, so that the two points a standard deviation from the mean have the mean of all.
inline Outcome vlb_of_x_0(bool one_point) {
  return on_paths([=](Cases& cases, const Path& p) {
    const auto at = [&](const W& x_0) { return negative_vlb(p.levels, Data{x_0, 0}, p.model()); };
    const W deviation = sqrt(p.data.variance), above = at(p.data.mean + deviation), below = at(p.data.mean - deviation);
    cases.equal(negative_vlb(p.levels, p.data, p.model()), one_point ? above : W((above + below) / 2),
                "-L_VLB, the expectation over q(x_0, ..., x_T) and its value for one x_0");
  });
}

/// A chain of one step is a VAE whose encoder is fixed: its loss is a bound and not the likelihood itself. So is that
/// of all the steps.
inline Outcome surrogate(bool of_vaes_alone) {
  return on_paths([=](Cases& cases, const Path& p) {
    const std::vector one_step{p.level(4), p.level(0)};
    cases.require(negative_vlb(one_step, p.data, p.model()) > expected_surprise(one_step, p.data, p.model()),
                  "the bound is the likelihood");
    const W bound = negative_vlb(p.levels, p.data, p.model()), exact = expected_surprise(p.levels, p.data, p.model());
    if (of_vaes_alone) cases.equal(bound, exact, "loss of a diffusion model, and E[-log p(x_0)]");
    cases.require(bound > exact, "the bound is the likelihood");
  });
}

/// L_VLB of the blog post in the references, E log q(x_1, ..., x_T | x_0) - log p(x_0, ..., x_T), and the document's.
inline Outcome vlb_of_the_reference(int sign) {
  return on_paths([=](Cases& cases, const Path& p) {
    const W entropy_of_steps = joint_entropy(p.levels, p.data) - entropy(p.data);
    const W reference = joint_cross_entropy(p.levels, p.data, p.model()) - entropy_of_steps;
    cases.equal(-negative_vlb(p.levels, p.data, p.model()), sign * reference,
                "L_VLB, the document's and the reference's");
  });
}
// [vlb]

inline std::vector<Check> kl_checks() {
  return {
      {"joint.surrogate_loss", [] { return surrogate(false); }},
      {"joint.others_have_surrogates", [] { return surrogate(true); }, [] { return surrogate(false); }},
      {"joint.reverses", reverses},
      {"joint.kl_i", kl_i},
      {"joint.kl_ii", kl_ii},
      {"joint.kl_iii", [] { return kl_iii(false); }},
      {"joint.one_constant", [] { return one_constant(true); }, [] { return one_constant(false); }},
      {"joint.one_constant_in_iii", [] { return kl_iii(true); }, [] { return kl_iii(false); }},
      {"joint.constants", constants},
      {"joint.const_of_data", [] { return of_narrow_data(true); }, [] { return of_narrow_data(false); }},
      {"joint.vlb_sign", vlb_is_a_lower_bound},
      {"joint.vlb_of_x_0", [] { return vlb_of_x_0(true); }, [] { return vlb_of_x_0(false); }},
      {"joint.reference", [] { return vlb_of_the_reference(1); }, [] { return vlb_of_the_reference(-1); }},
  };
}

}  // namespace equations::joint
