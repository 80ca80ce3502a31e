// SPDX-License-Identifier: MIT
#include <diffusion/process/step_variance.hpp>

#include <diffusion/sampler/ancestral.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;

TEST_CASE("the variances of a step are those of posterior and transition", "[step_variance]") {
  static_assert(StepVariance<PosteriorVariance> && StepVariance<TransitionVariance, float>);
  static_assert(!StepVariance<double>);
  for (int i = 0; i < 1000; ++i) {
    const double a = uniform(-20, 20), b = uniform(-20, 20);
    const auto s = vp_level(std::max(a, b)), t = vp_level(std::min(a, b));
    REQUIRE(PosteriorVariance{}(s, t).round_to<double>() == q_posterior(s, t).variance);
    REQUIRE(TransitionVariance{}(s, t).round_to<double>() == q_transition(s, t).variance);
  }
}

TEST_CASE("DecoderVariance is the decoder's at clean data and the other one elsewhere", "[step_variance]") {
  const auto schedule = linear_schedule(10);
  const DecoderVariance posterior{0.25};
  const DecoderVariance transition{0.25, TransitionVariance{}};
  static_assert(StepVariance<decltype(posterior)> && StepVariance<decltype(transition)>);
  REQUIRE(PosteriorVariance{}(schedule(0), schedule(1)).is_zero());
  REQUIRE(posterior(schedule(0), schedule(1)).round_to<double>() == 0.25);
  REQUIRE(transition(schedule(0), schedule(4)).round_to<double>() == 0.25);
  REQUIRE(posterior(schedule(1), schedule(2)) == PosteriorVariance{}(schedule(1), schedule(2)));
  REQUIRE(transition(schedule(1), schedule(2)) == TransitionVariance{}(schedule(1), schedule(2)));
  const DecoderVariance own{0.5, [](const auto& s, const auto& t) { return s.noise() * t.noise(); }};
  REQUIRE(own(schedule(2), schedule(3)).round_to<double>() == schedule(2).noise() * schedule(3).noise());
}

TEST_CASE("the variances of a step by betas", "[step_variance][ho2020.variances][nichol2021.15]") {
  using truth::Real;
  const exact::Chain chain(40);
  for (std::size_t t = 2; t <= 40; ++t) {
    const auto s_level = chain.schedule(int(t) - 1), t_level = chain.schedule(int(t));
    const Real beta = chain.beta[t], tilde = (1 - chain.alpha_bar[t - 1]) / (1 - chain.alpha_bar[t]) * beta;
    exact::require_equal(TransitionVariance{}(s_level, t_level), beta);
    exact::require_equal(PosteriorVariance{}(s_level, t_level), tilde);
    const Real v = exact::number(0, 1);
    const auto between = [&v](const auto& s, const auto& u) -> Real {
      return exp(v * log(TransitionVariance{}(s, u)) + (1 - v) * log(PosteriorVariance{}(s, u)));
    };
    exact::require_equal(ancestral_coefficients(s_level, t_level, between).noise,
                         sqrt(exp(v * log(beta) + (1 - v) * log(tilde))));
  }
}

TEST_CASE("levels in the wrong order have no variance", "[step_variance][errors]") {
  const auto schedule = linear_schedule(10);
  REQUIRE(message([&] {
            return PosteriorVariance{}(schedule(3), schedule(2));
          }).starts_with("diffusion::PosteriorVariance: s: a log-SNR = "));
  REQUIRE(message([&] {
            return TransitionVariance{}(schedule(3), schedule(2));
          }).starts_with("diffusion::TransitionVariance: s: a log-SNR = "));
}
