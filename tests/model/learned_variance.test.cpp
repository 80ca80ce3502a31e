// SPDX-License-Identifier: MIT
#include <diffusion/model/learned_variance.hpp>

#include <diffusion/process/grid.hpp>
#include <diffusion/process/schedules.hpp>
#include <diffusion/process/step_variance.hpp>

#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

TEST_CASE("a learned variance of a scalar is correctly rounded", "[learned_variance][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double a = uniform(-20, 20), b = uniform(-20, 20), v = uniform(0, 1);
    const Real e = exp(-Real(std::max(a, b))), f = exp(-Real(std::min(a, b)));
    const Real n_s = e / (1 + e), n_t = f / (1 + f), beta = n_t - (1 + e) / (1 + f) * n_s;
    const auto s = vp_level(std::max(a, b)), t = vp_level(std::min(a, b));
    const Real high = log(beta), low = log(beta * n_s / n_t);
    wrong.compare("fraction", i, learned_log_variance(s, t, v), v * high + (1 - Real(v)) * low);
    const double raw = uniform(-1, 1);
    wrong.compare("raw", i, learned_log_variance<VarianceRange>(s, t, raw),
                  (1 + Real(raw)) / 2 * high + (1 - Real(raw)) / 2 * low);
  }
  wrong.require_none();
}

TEST_CASE("a learned variance is a geometric mean of the two of Ho et al.", "[learned_variance][nichol2021.15]") {
  const exact::Chain chain(30);
  for (std::size_t t = 2; t <= 30; ++t) {
    const auto s_level = chain.schedule(int(t) - 1), t_level = chain.schedule(int(t));
    const Real beta = chain.beta[t], tilde = (1 - chain.alpha_bar[t - 1]) / (1 - chain.alpha_bar[t]) * beta;
    const Real v = exact::number(-0.5, 1.5);
    const Real variance = exp(Real(v * log(beta) + (1 - v) * log(tilde)));
    exact::require_equal(exp(learned_log_variance(s_level, t_level, v)), variance);
    exact::require_equal(exp(learned_log_variance<VarianceRange>(s_level, t_level, Real(2 * v - 1))), variance);
    exact::require_equal(exp(learned_log_variance(s_level, t_level, Real(0))), PosteriorVariance{}(s_level, t_level));
    exact::require_equal(exp(learned_log_variance(s_level, t_level, Real(1))), TransitionVariance{}(s_level, t_level));
    const Real x_t = exact::number(), x_0_hat = exact::number();
    const auto p = learned_reverse(s_level, t_level, x_t, x_0_hat, v);
    exact::require_equal(p.mean, q_posterior(s_level, t_level, x_t, x_0_hat).mean);
    exact::require_equal(exp(p.log_variance), variance);
  }
}

TEST_CASE("arrays have the variances of their elements", "[learned_variance]") {
  const auto schedule = cosine_schedule(100);
  const auto s = schedule(40), t = schedule(41);
  const std::vector<float> x_t{1, 2, -1}, x_0_hat{0.5f, 0.25f, -1}, v{0, 0.3f, 1};
  const auto p = learned_reverse(s, t, x_t, x_0_hat, v);
  REQUIRE(p.log_variance[0] == float(q_posterior(s, t).log_variance));
  REQUIRE(p.log_variance[2] == float(std::log(q_transition(s, t).variance)));
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE_THAT(p.log_variance[i], Catch::Matchers::WithinRel(learned_log_variance(s, t, v[i]), 1e-7f));
    REQUIRE_THAT(p.mean[i], Catch::Matchers::WithinRel(q_posterior(s, t, x_t[i], x_0_hat[i]).mean, 1e-6f));
  }
  std::vector<float> out(4, 7);
  learned_log_variance(s, t, v, ExactVariances{}, into(std::span(out).first(3)));
  REQUIRE(out == std::vector{p.log_variance[0], p.log_variance[1], p.log_variance[2], 7.0f});
  double number = 0;
  learned_log_variance(s, t, 0.3, ExactVariances{}, into(number));
  REQUIRE(number == learned_log_variance(s, t, 0.3));
  REQUIRE(message([&] { return learned_reverse(s, t, x_t, x_0_hat, std::vector<float>(2)); }) ==
          "diffusion::learned_reverse: output has 2 elements, expected 3, as x_t");
}

TEST_CASE("what stands for beta_tilde on the step to clean data is the caller's choice", "[learned_variance]") {
  const auto schedule = linear_schedule(1000);
  const auto s = schedule(0), t = schedule(1);
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE(learned_log_variance(s, t, 0.5) == -infinity);
  REQUIRE(std::isnan(learned_log_variance(s, t, 1.0)));
  const auto paper = second_step_variances(schedule);
  REQUIRE(paper.first == q_posterior(schedule(1), schedule(2)).log_variance);
  REQUIRE(second_step_variances(level_grid(schedule)).first == paper.first);
  const auto respaced = level_grid(schedule, 10);
  REQUIRE(second_step_variances(respaced).first == q_posterior(respaced[9], respaced[8]).log_variance);
  REQUIRE(second_step_variances(linear_schedule(2)).first ==
          second_step_variances(level_grid(linear_schedule(2))).first);
  REQUIRE(learned_log_variance(s, t, 0.0, paper) == paper.first);
  REQUIRE(learned_log_variance(s, t, 1.0, paper) == std::log(1e-4));
  REQUIRE(learned_log_variance(s, t, 0.0, ClippedVariances{-46.0}) == -46);
  // elsewhere the choice is of no effect, and a fraction beyond [0, 1] is not clipped
  REQUIRE(learned_log_variance(t, schedule(2), 0.3, paper) == learned_log_variance(t, schedule(2), 0.3));
  REQUIRE(learned_log_variance(t, schedule(2), -1.0) < paper.first);
  REQUIRE(message([&] { return second_step_variances(linear_schedule(1)); }) ==
          "diffusion::second_step_variances: schedule.steps() = 1, expected at least 2");
  REQUIRE(message([&] { return second_step_variances(std::vector{t, s}); }) ==
          "diffusion::second_step_variances: levels.size() = 2, expected at least three levels");
}

TEST_CASE("networks of two parts are denoisers", "[learned_variance]") {
  const auto level = vp_level(0.5);
  const auto network = [](double x, const auto&) { return LearnedOutput{x / 2, 0.25}; };
  static_assert(Denoiser<decltype(predicts_noise_and_variance(network)), double>);
  REQUIRE(predicts_noise_and_variance(network)(0.5, level) == x0_from_noise(level, 0.5, 0.25));
  REQUIRE(predicts_x0_and_variance(network)(0.5, level) == 0.25);
  REQUIRE(predicts_v_and_variance(network)(0.5, level) == x0_from_v(level, 0.5, 0.25));
  REQUIRE(predicts_x0_and_variance(network).estimate(0.5, level).variance == 0.25);
  REQUIRE(clip_x0(predicts_x0_and_variance(network), -0.1, 0.1)(0.5, level) == 0.1);
  const auto constant = predicts_v_and_variance(network);
  REQUIRE(constant(0.5, level) == x0_from_v(level, 0.5, 0.25));
  REQUIRE(constant.estimate(0.5, level).x_0 == x0_from_v(level, 0.5, 0.25));
  auto counting =
      predicts_x0_and_variance([n = 0](double x, const auto&) mutable { return LearnedOutput{x, ++n / 8.0}; });
  REQUIRE(counting.estimate(0.5, level).variance == 0.125);
  REQUIRE(counting(0.25, level) == 0.25);
  REQUIRE(counting.estimate(0.5, level).variance == 0.375);

  // at a level for each sample
  const std::vector levels{level, vp_level(-2.0)};
  const std::vector<double> x{0.5, -0.25, 2, 1};
  const auto of_batch = predicts_v_and_variance(
      [](const auto& x_t, const auto& at) { return LearnedOutput{q_sample(at, x_t, x_t), x_t}; });
  REQUIRE(of_batch(x, levels) == x0_from_v(levels, x, q_sample(levels, x, x)));
  REQUIRE(of_batch.estimate(x, levels).variance == x);
  REQUIRE(clip_x0(of_batch, -0.1, 0.1)(x, levels) ==
          clip_x0(predicts_v([&](const auto& x_t, const auto& at) { return q_sample(at, x_t, x_t); }), -0.1, 0.1)(
              x, levels));
}
