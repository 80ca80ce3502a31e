// SPDX-License-Identifier: MIT
#include <diffusion/objective/hybrid.hpp>

#include <diffusion/process/schedules.hpp>

#include "../support/dual.hpp"
#include "../support/exact.hpp"
#include "../support/message.hpp"
#include "../support/random.hpp"
#include "../support/rounding.hpp"

using namespace diffusion;
using random_arguments::uniform;
using truth::Real;

TEST_CASE("a term of the bound is a divergence, and at last a density or a probability", "[hybrid][nichol2021.vlb]") {
  for (int i = 0; i < 200; ++i) {
    const auto [s, t] = exact::random_pair(i);
    const Real x_0 = exact::number(), x_0_hat = exact::number(), x_t = exact::number(), v = exact::number(0, 1);
    const auto p = learned_reverse(s, t, x_t, x_0_hat, v);
    exact::require_equal(learned_vlb_term(s, t, x_0, x_0_hat, p.log_variance),
                         kl_divergence(q_posterior(s, t, x_t, x_0), p));
    // without a decoder of grey levels or with one: it is asked for the last step alone
    exact::require_equal(learned_vlb_term(s, t, x_0, x_0_hat, p.log_variance, GreyLevels{}),
                         kl_divergence(q_posterior(s, t, x_t, x_0), p));
  }
  const exact::Chain chain(5);
  const auto clean = chain.schedule(0), first = chain.schedule(1);
  const Real x_0 = Real(51) * 2 / 255 - 1, x_0_hat = exact::number(-1, 1), log_variance = -4;
  exact::require_equal(learned_vlb_term(clean, first, x_0, x_0_hat, log_variance),
                       -log_density(Gaussian<Real>{x_0_hat, exp(log_variance)}, x_0));
  exact::require_equal(learned_vlb_term(clean, first, x_0, x_0_hat, log_variance, GreyLevels{}),
                       -discretized_gaussian_log_likelihood(x_0, x_0_hat, Real(-2)));
}

TEST_CASE("terms of the bound are correctly rounded for scalars, and accurate for arrays", "[hybrid][rounding]") {
  rounding::Misrounded wrong;
  for (int i = 0; i < 2000; ++i) {
    const double a = uniform(-10, 10), b = uniform(-10, 10);
    const auto s = vp_level(std::max(a, b)), t = vp_level(std::min(a, b));
    const Real e = exp(-Real(std::max(a, b))), f = exp(-Real(std::min(a, b)));
    const Real n_s = e / (1 + e), n_t = f / (1 + f), beta = n_t - (1 + e) / (1 + f) * n_s;
    const Real x0 = sqrt(1 / (1 + e)) * beta / n_t, log_q = log(beta * n_s / n_t);
    const auto term = [&](double x_0, double x_0_hat, double log_variance) -> Real {
      const Real difference = Real(x_0) - Real(x_0_hat), d = log_q - Real(log_variance);
      return (exp(d) - 1 - d + x0 * x0 * difference * difference * exp(-Real(log_variance))) / 2;
    };
    const bool near = i % 2 == 0;
    std::vector<double> x_0, x_0_hat, log_variance;
    Real sum = 0;
    for (int k = 0; k < 1 + i % 7; ++k) {
      x_0.push_back(uniform(-1, 1));
      x_0_hat.push_back(near ? x_0.back() * (1 + uniform(-1e-12, 1e-12)) : uniform(-1, 1));
      log_variance.push_back(near ? double(log_q) + uniform(-1e-12, 1e-12) : uniform(-40, 40));
      sum += term(x_0.back(), x_0_hat.back(), log_variance.back());
    }
    wrong.compare("term", i, learned_vlb_term(s, t, x_0[0], x_0_hat[0], log_variance[0]),
                  term(x_0[0], x_0_hat[0], log_variance[0]));
    const double value = learned_vlb_term(s, t, x_0, x_0_hat, log_variance);
    CAPTURE(value, sum);
    REQUIRE(abs(Real(value) - sum) <= (sum < 1e-8 ? 1e-12 : 1e-14) * sum);
  }
  wrong.require_none();
}

TEMPLATE_TEST_CASE("the gradients of the hybrid loss are slopes, with the mean held in the bound",
                   "[hybrid][nichol2021.16]", NoisePrediction, X0Prediction, VPrediction) {
  using State = std::vector<Real>;
  const auto check = [](const auto& s, const auto& t, const auto& bounds, const State& x_0, const auto& last) {
    const State eps{exact::number(), exact::number(), exact::number()};
    const LearnedOutput<State> output{{exact::number(), exact::number(), exact::number()},
                                      {exact::number(-1, 1), exact::number(-1, 1), exact::number(-1, 1)}};
    const Real weight = exact::number(0.001, 1);
    const auto loss_at = [&](const LearnedOutput<State>& y) {
      return hybrid_loss<TestType, VarianceRange>(s, t, x_0, eps, y, bounds, weight, last);
    };
    const auto loss = loss_at(output);
    exact::require_equal(loss.total, loss.simple + weight * loss.vlb);
    exact::require_equal(loss.simple, simple_loss(output.prediction, TestType::target(t, x_0, eps)));
    const State x_0_hat = TestType::x0(t, q_sample(t, x_0, eps), output.prediction);
    exact::require_equal(
        loss.vlb,
        learned_vlb_term(s, t, x_0, x_0_hat, learned_log_variance<VarianceRange>(s, t, output.variance, bounds), last) /
            3);
    for (std::size_t k = 0; k < 3; ++k) {
      const auto moved = [&](const Real& answer, const Real& variance) {
        LearnedOutput<State> y = output;
        y.prediction[k] = answer;
        y.variance[k] = variance;
        return loss_at(y);
      };
      const auto of_variance = [&](const Real& v) -> Real { return moved(output.prediction[k], v).total; };
      const auto of_simple = [&](const Real& p) -> Real { return moved(p, output.variance[k]).simple; };
      const auto of_vlb = [&](const Real& p) -> Real { return moved(p, output.variance[k]).vlb; };
      exact::require_equal(loss.variance_gradient[k], exact::slope(of_variance, output.variance[k]),
                           exact::slope_tolerance);
      exact::require_equal(loss.prediction_gradient[k], exact::slope(of_simple, output.prediction[k]),
                           exact::slope_tolerance);
      REQUIRE(abs(exact::slope(of_vlb, output.prediction[k])) > 1e-9);  // what the stop-gradient leaves out
    }
  };
  const exact::Chain chain(10);
  const auto bounds = second_step_variances(chain.schedule);
  for (const int t : {2, 3, 7, 10}) {
    const State x_0{exact::number(), exact::number(), exact::number()};
    check(chain.schedule(t - 1), chain.schedule(t), ExactVariances{}, x_0, GaussianDecoder{});
    check(chain.schedule(t - 1), chain.schedule(t), bounds, x_0, GreyLevels{});
  }
  check(chain.schedule(0), chain.schedule(1), bounds, {exact::number(), exact::number(), exact::number()},
        GaussianDecoder{});
  // the lowest, the highest and two grey levels between
  check(chain.schedule(0), chain.schedule(1), bounds, {-1, 1, 0}, GreyLevels{17});
  check(chain.schedule(0), chain.schedule(1), bounds, {-0.875, 0.25, 0.5}, GreyLevels{17});
  // on both sides of an eighth of a bin from the ends
  check(chain.schedule(0), chain.schedule(1), bounds, {-0.985, -0.98375, 0.985}, GreyLevels{17});
  check(chain.schedule(0), chain.schedule(1), bounds, {0.98375, 0.5, 0}, GreyLevels{17});
}

TEMPLATE_TEST_CASE("the loss of arrays is that of 126 digits", "[hybrid]", float, double) {
  const auto schedule = linear_schedule(1000);
  const DiscreteSchedule<Real> exactly = linear_schedule<Real>(1000, Real(1e-4), Real(0.02));
  const auto bounds = second_step_variances(schedule);
  using V = std::vector<TestType>;
  const double tolerance = std::same_as<TestType, float> ? 1e-5 : 1e-13;
  const auto wide = [](const V& x) { return std::vector<Real>(x.begin(), x.end()); };
  for (const int t : {1, 2, 3, 50, 1000})
    for (int i = 0; i < 20; ++i) {
      const V x_0{TestType(-1), TestType(0.25), TestType(1)};
      V eps(3), answer(3), variance(3);
      for (std::size_t k = 0; k < 3; ++k) {
        eps[k] = TestType(uniform(-2, 2));
        answer[k] = TestType(eps[k] + uniform(-0.1, 0.1));
        variance[k] = TestType(uniform(0, 1));
      }
      const auto loss = hybrid_loss<NoisePrediction>(schedule(t - 1), schedule(t), x_0, eps,
                                                     LearnedOutput{answer, variance}, bounds, 1.0, GreyLevels{17});
      const auto truth = hybrid_loss<NoisePrediction>(exactly(t - 1), exactly(t), wide(x_0), wide(eps),
                                                      LearnedOutput{wide(answer), wide(variance)},
                                                      ClippedVariances{Real(bounds.first)}, Real(1), GreyLevels{17});
      const auto require_near = [&](double value, const Real& expected, double size) {
        CAPTURE(t, value, expected);
        REQUIRE(std::abs(value - double(expected)) <= tolerance * std::max(size, std::abs(double(expected))));
      };
      // x_0_hat comes of a difference in the type of the elements, which small steps enlarge
      const double scale = t < 10 ? 1e3 : 1;
      require_near(loss.simple, truth.simple, 1e-2);
      require_near(loss.vlb, truth.vlb, scale);
      for (std::size_t k = 0; k < 3; ++k) {
        require_near(loss.prediction_gradient[k], truth.prediction_gradient[k], 0);
        require_near(loss.variance_gradient[k], truth.variance_gradient[k], scale);
      }
    }
}

TEST_CASE("a gradient in the variance by dual numbers", "[hybrid][nichol2021.vlb]") {
  // a double's gradient is the slope that forward differentiation of the same term finds
  const auto s = vp_level(2), t = vp_level(1.5);
  const auto s_dual = vp_level<Dual>(2.0), t_dual = vp_level<Dual>(1.5);
  for (int i = 0; i < 50; ++i) {
    const double x_0 = uniform(-1, 1), x_0_hat = uniform(-1, 1), log_variance = uniform(-4, 1);
    const Dual term = learned_vlb_term(s_dual, t_dual, Dual(x_0), Dual(x_0_hat), Dual(log_variance, 1));
    const std::vector<long double> data{x_0}, estimate{x_0_hat}, log_variances{log_variance};
    for (const double slope : {learned_vlb_gradient(s, t, x_0, x_0_hat, log_variance),
                               double(learned_vlb_gradient(s, t, data, estimate, log_variances)[0])})
      REQUIRE_THAT(slope,
                   Catch::Matchers::WithinRel(term.slope, 1e-11) || Catch::Matchers::WithinAbs(term.slope, 1e-12));
  }
}

TEST_CASE("the gradient of the last step asks for grey levels, and leaves memory alone otherwise", "[hybrid][errors]") {
  const auto schedule = linear_schedule(10);
  using V = std::vector<double>;
  const V x{0.5, 3}, mean(2), logs(2);
  V gradient{7, 7};
  const auto call = [&](const V& data, const GreyLevels& grey) {
    return message(
        [&] { return learned_vlb_gradient(schedule(0), schedule(1), data, mean, logs, grey, into(gradient)), 0; });
  };
  REQUIRE(call(x, {}) ==
          "diffusion::learned_vlb_gradient: x_0[1] = 3, expected a grey level, in [grey.low, grey.high]");
  REQUIRE(call({0, 0}, {1}) == "diffusion::learned_vlb_gradient: grey.levels = 1, expected at least 2");
  REQUIRE(call({0, 0}, {256, 1, -1}).starts_with("diffusion::learned_vlb_gradient: grey.low = 1"));
  REQUIRE(gradient == V{7, 7});
  // at a variance that is 0 in double, and an estimate that is right
  const double gradient_at_zero = learned_vlb_gradient(schedule(1), schedule(2), V{0.5}, V{0.5}, V{-800.0})[0];
  REQUIRE(gradient_at_zero == learned_vlb_gradient(schedule(1), schedule(2), 0.5, 0.5, -800.0));
}

TEST_CASE("states of a hybrid loss that differ in size are named", "[hybrid][errors]") {
  const auto schedule = linear_schedule(10);
  using V = std::vector<double>;
  const V x(3), y(2);
  REQUIRE(message([&] { return learned_vlb_term(schedule(1), schedule(2), x, x, y); }) ==
          "diffusion::learned_vlb_term: log_variance has 2 elements, expected 3, as x_0");
  REQUIRE(message([&] { return learned_vlb_gradient(schedule(1), schedule(2), x, y, x); }) ==
          "diffusion::learned_vlb_gradient: x_0_hat has 2 elements, expected 3, as x_0");
  REQUIRE(message([&] {
            return hybrid_loss<X0Prediction>(schedule(1), schedule(2), x, x, LearnedOutput{x, y}, ExactVariances{},
                                             1.0);
          }) == "diffusion::hybrid_loss: output has 2 elements, expected 3, as x_0");
}
